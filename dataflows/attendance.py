"""Who works on a recovery store, and how each of them ended.

Every process of a cluster leaves a file in the store's folder: that it runs, or that it ended clean
and what its sinks had not delivered by then. A new generation may only begin where all ended clean
and nothing was left: what the old one knew and nobody has heard would be lost with it.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from operators.model.errors import StateError

PATTERN: Final = "process-*.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Which process of a cluster this one is."""

    number: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Attendance:
    """What one process says of itself."""

    generation: str
    number: int
    state: str = "running"
    """`running` or `stopped`."""
    undelivered: dict[str, int] = field(default_factory=dict)
    """Step of a sink → messages it had not delivered when it closed."""


def place() -> Place:
    """Of this process, by the launcher's words and variables."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-i", "--process-id", default=os.environ.get("BYTEWAX_PROCESS_ID", "0"))
    parser.add_argument("-a", "--addresses", default=os.environ.get("BYTEWAX_ADDRESSES", ""))
    found = parser.parse_known_args(sys.argv[1:])[0]
    number = int(found.process_id) if found.process_id.isdigit() else 0
    return Place(number, max(number + 1, len(list(filter(None, found.addresses.split(";"))))))


def begin(directory: Path, generation: str, at: Place) -> None:
    """This process works on the store from now on; places beyond the cluster's are forgotten.

    Raises:
        StateError: The folder cannot be written.
    """
    if at.number == 0:
        for file in directory.glob(PATTERN):
            if _number(file) >= at.count:
                file.unlink(missing_ok=True)
    _write(directory, Attendance(generation, at.number))


def end(directory: Path, generation: str, at: Place, undelivered: Mapping[str, int]) -> None:
    """It ended clean. Where that cannot be written, it counts as one that did not."""
    kept = {step: count for step, count in undelivered.items() if count}
    with suppress(StateError):
        _write(directory, Attendance(generation, at.number, "stopped", kept))


def unfinished(directory: Path, generation: str, *, is_kept: bool) -> str:
    """Why no new generation may begin; empty if one may.

    Args:
        directory: Of the store.
        generation: Of the store.
        is_kept: Whether all that worked on it have left such files: none is none at work so far.
    """
    found = [_read(file) for file in sorted(directory.glob(PATTERN), key=_number)]
    ours = [each for each in found if each is not None and each.generation == generation]
    if None in found or not (ours or is_kept):
        return "nothing says that it was stopped clean"
    for each in ours:
        if each.state != "stopped":
            return f"worker {each.number} was not stopped clean"
        for step, count in each.undelivered.items():
            return f"{count} messages were not delivered by {step} of worker {each.number}"
    return ""


def forget(directory: Path) -> None:
    """A new generation: nobody has worked on it."""
    for file in directory.glob(PATTERN):
        file.unlink(missing_ok=True)


class Leaving:
    """What this process leaves when it ends clean; nothing without a store."""

    def __init__(self) -> None:
        self._work: Callable[[], None] | None = None

    def begin(
        self, directory: str, generation: str, undelivered: Callable[[], Mapping[str, int]]
    ) -> None:
        """This process is at work; `undelivered` is asked at its end. Raises StateError."""
        if not directory:
            return
        folder, at = Path(directory), place()
        begin(folder, generation, at)
        self._work = lambda: end(folder, generation, at, undelivered())

    def on_clean_end(self) -> None:
        """It has ended without an error."""
        if self._work is not None:
            self._work()


def _number(file: Path) -> int:
    digits = file.stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else sys.maxsize


def _read(file: Path) -> Attendance | None:
    try:
        return Attendance(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _write(directory: Path, attendance: Attendance) -> None:
    file = directory / f"process-{attendance.number}.json"
    part = directory / f".{file.name}"
    try:
        part.write_text(json.dumps(asdict(attendance)) + "\n")
        part.rename(file)
    except OSError as error:
        raise StateError(
            f"recovery.directory: {directory} cannot be written: {error.strerror}"
        ) from error

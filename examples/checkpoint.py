"""Checkpoint: how far the topics have been read, in a file that is replaced as a whole.

It is written after the effects it stands behind are on disk. Read from it again, a message or two
come twice, and the journal knows them; nothing is ever skipped.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from examples.errors import ConsumerError
from examples.sequence import Row

VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A place on the topics."""

    cluster: str = ""
    """Id of the Kafka cluster that the offsets belong to."""
    from_beginning: bool = True
    """Whether reading began at the topics' beginning."""
    offsets: dict[str, int] = field(default_factory=dict)
    """`topic/partition` → offset of the next record to read."""
    sequences: tuple[Row, ...] = ()
    """State of `Sequences`."""


def load(path: Path) -> Checkpoint | None:
    """The checkpoint in a file; None if there is no file.

    Raises:
        ConsumerError: The file holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
        if found.pop("version") != VERSION:
            raise ValueError("another version")
        sequences = tuple((s, r, g, int(t), int(n)) for s, r, g, t, n in found.pop("sequences"))
        return Checkpoint(**found, sequences=sequences)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConsumerError(
            f"{path}: expected a checkpoint of version {VERSION} ({error}); remove it and start "
            "with --from-beginning: the journal knows what was done already"
        ) from None


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the file: after a crash it holds the old checkpoint or the new one, whole.

    Raises:
        ConsumerError: The disk refuses.
    """
    replace_file(path, json.dumps({"version": VERSION, **asdict(checkpoint)}).encode())


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of a file at once, durable when this returns.

    Raises:
        ConsumerError: The disk refuses.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ConsumerError(f"{path}: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

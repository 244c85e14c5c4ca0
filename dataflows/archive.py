"""State of the whole dataflow beside a tape: one for each segment, kept as long as the segments.

    state/tape/glbx/segment-000005.dbn
                    session-000005-<generation>.json     what it is of: place, roots, numbers
                    session-000005-<generation>.state    state of every step at that place

Segments begin in the exchange's daily pause, so there is one for each session (more where a day
fills several segments). It is a cut of the recovery store, which exists anyway.
"""

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from connectors.tape.files import write_whole
from connectors.tape.segments import TapePosition, segments_of
from dataflows.kept_state import read_state, write_state
from dataflows.store_cut import StoreCut
from operators.model.errors import StateError
from operators.model.streams import SIGNALS

VERSION: Final = 1
FEED: Final = "feed"
STEPS: Final = frozenset(
    {FEED, "validate", "book", "pressure", "baseline", "detect", "analyze", "outcome"}
)
PATTERN: Final = "session-*.json"
_STATE: Final = ".state"


@dataclass(frozen=True, slots=True)
class Archived:
    """What an archived state is of."""

    generation: str
    params: str
    """Version of the parameters."""
    shards: int
    tape: str
    """Id of the tape."""
    segment: int
    offset: int
    seqs: dict[str, int]
    """Root → number of its last signal message before this place."""
    roots: tuple[str, ...]
    """Of the feed, ascending."""
    version: int = VERSION
    folder: Path = Path()
    """Where it is; not in the file."""

    @property
    def position(self) -> TapePosition:
        """Place on the tape after the last record that the state knows."""
        return TapePosition(self.segment, self.offset)

    @property
    def name(self) -> str:
        """Of its files, without what they end in."""
        return f"session-{self.segment:06d}-{self.generation}"


@dataclass(frozen=True, slots=True)
class StoreName:
    """Which life of a recovery store a cut is of."""

    generation: str
    params: str
    shards: int


def store_name(directory: Path) -> StoreName | None:
    """What a recovery directory says it is of; None where there is none yet.

    Read here, since a supervisor should not load the operators to know it.

    Raises:
        StateError: Its description is none.
    """
    file = directory / "ifd-store.json"
    try:
        told = json.loads(file.read_text())
        return StoreName(str(told["generation"]), str(told["params"]), int(told["shards"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StateError(f"{file}: expected a store's description, found: {error}") from error


def archived_of(cut: StoreCut, feed: str, store: StoreName) -> Archived | None:
    """What a cut is of, for one feed; None where the feed has no place on a tape in it."""
    state = cut.snaps.get((FEED, feed))
    # Ours, and as trusted as by the engine, which reads it in the same way.
    source = None if state is None else pickle.loads(state)  # noqa: S301
    if source is None or source.get("tape") is None:
        return None
    tape, segment, offset = source["tape"]
    seqs: dict[str, int] = {}
    for (step, _), stored in cut.snaps.items():
        if step == "analyze":
            _, analyze = pickle.loads(stored)  # noqa: S301
            seqs |= {root: seq for stream, root, seq in analyze["seq"] if stream == SIGNALS}
    known = source["intake"]["roots"]["known"]
    roots = sorted({str(plain[2]) for _, plain in known if plain[2]})
    return Archived(
        store.generation, store.params, store.shards, tape, segment, offset, seqs, tuple(roots)
    )


def write_archive(folder: Path, about: Archived, cut: StoreCut) -> None:
    """Keep a cut beside the tape; its description comes last, so one with it is complete.

    Raises:
        StateError: It cannot be written.
    """
    write_state(folder / f"{about.name}{_STATE}", {"version": VERSION, "snaps": cut.snaps})
    plain = asdict(about)
    plain.pop("folder")
    try:
        write_whole(folder / f"{about.name}.json", json.dumps(plain).encode() + b"\n")
    except OSError as error:
        raise StateError(f"{folder}: state cannot be archived: {error.strerror}") from error


def archives_of(folder: Path) -> list[Archived]:
    """All beside a tape, by place. What cannot be read as one is left out."""
    found = []
    for path in sorted(folder.glob(PATTERN)):
        try:
            plain = json.loads(path.read_text())
            about = replace(Archived(**plain), roots=tuple(plain["roots"]), folder=folder)
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if about.version == VERSION:
            found.append(about)
    return sorted(found, key=lambda each: each.position)


def read_archive(about: Archived) -> Mapping[tuple[str, str], Any]:
    """(Step, key) → its state as it was stored.

    Raises:
        StateError: It cannot be read.
    """
    state = read_state(about.folder / f"{about.name}{_STATE}", VERSION)
    return {key: pickle.loads(stored) for key, stored in state["snaps"].items()}  # noqa: S301


def shard_of(
    state: Mapping[tuple[str, str], Any], key: str
) -> dict[str, tuple[int, dict[str, Any]]]:
    """Step → version and state of one shard."""
    return {step: saved for (step, of), saved in state.items() if of == key and step != FEED}


def prune_archives(folder: Path) -> int:
    """Delete those whose records are no longer on the tape; how many."""
    segments = segments_of(folder)
    first = segments[0].number if segments else 0
    gone = [each for each in archives_of(folder) if each.segment < first]
    for each in gone:
        # The description first: what is left without one is written over, or of no use.
        (folder / f"{each.name}.json").unlink(missing_ok=True)
        (folder / f"{each.name}{_STATE}").unlink(missing_ok=True)
    return len(gone)

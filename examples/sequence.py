"""What has been seen of each root: drops repeats, finds holes, knows which generation is current.

Pure. State: the last seq of at most `GENERATIONS_KEPT` generations of each (stream, root).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from examples.message import Message, Position

GENERATIONS_KEPT: Final = 4

Row = tuple[str, str, str, int, int]
"""(stream, root, generation, generation_ts_ms, last seq): one line of the state."""


@dataclass(slots=True)
class SequenceCounters:
    """What became of the messages of one run."""

    taken: int = 0
    repeated: int = 0
    """Seen before: read again after a stop or a crash, or published twice."""
    missing: int = 0
    """Messages that never came though later ones of their root did."""
    outdated: int = 0
    """Taken, but of a generation that a newer one has replaced."""


@dataclass(slots=True)
class _Generation:
    name: str
    since_ms: int
    last: int


class Sequences:
    """The last seq of every (generation, stream, root)."""

    def __init__(self, rows: Iterable[Row] = (), *, from_beginning: bool = True) -> None:
        """Without `from_beginning` a root's first message may have any seq: nobody looked."""
        self._from_beginning = from_beginning
        # Oldest first; the last of the list is the current one.
        self._known: dict[tuple[str, str], list[_Generation]] = {}
        self.counters = SequenceCounters()
        for stream, root, generation, since_ms, last in rows:
            self.note(Position(generation, since_ms, stream, root, last))

    def note(self, at: Position) -> None:
        """Count a message as seen, whatever was seen before it."""
        known, found = self._find(at)
        if found is None:
            found = _Generation(at.generation, at.generation_ts_ms, 0)
            self._insert(known, found)
        found.last = max(found.last, at.seq)

    def take(self, message: Message) -> Message | None:
        """The message with what its position says, or None if it was seen before."""
        at = message.at
        known, found = self._find(at)
        if found is not None and at.seq <= found.last:
            self.counters.repeated += 1
            return None
        before = known[-1].name if known else None
        # Someone who joined late cannot know what came before the first message of all.
        joined = not known and not self._from_beginning
        expected = at.seq if joined else (found.last if found is not None else 0) + 1
        self.note(at)
        current = self._known[at.stream, at.root][-1].name
        self.counters.taken += 1
        self.counters.missing += at.seq - expected
        self.counters.outdated += current != at.generation
        return replace(
            message,
            is_outdated=current != at.generation,
            replaced=before if before not in (None, current) else None,
            missing=(expected, at.seq - 1) if expected < at.seq else None,
        )

    def rows(self) -> list[Row]:
        """The state, to be given to the next one."""
        return [
            (stream, root, one.name, one.since_ms, one.last)
            for (stream, root), known in sorted(self._known.items())
            for one in known
        ]

    def _find(self, at: Position) -> tuple[list[_Generation], _Generation | None]:
        known = self._known.setdefault((at.stream, at.root), [])
        return known, next((one for one in known if one.name == at.generation), None)

    def _insert(self, known: list[_Generation], new: _Generation) -> None:
        # Where a beginning is unknown, what came later is newer.
        place = len(known)
        while place and 0 < new.since_ms < known[place - 1].since_ms:
            place -= 1
        known.insert(place, new)
        del known[:-GENERATIONS_KEPT]

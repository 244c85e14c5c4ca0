"""Pile: the evidence of one side of a root, kept in the orders that weighing asks for."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from operators.model.items import Observation

Key = tuple[str, int, int]
"""(detector, instrument, what it is about): newer evidence of a key replaces the older."""


class Weighed(NamedTuple):
    """An observation and its log-odds if it stood alone; and what is asked of it often."""

    value: float
    group: str
    detector: str
    size: int
    ts_last: int
    observation: Observation


class Ranked(NamedTuple):
    """A piece in its group: sorts by value, falling, and of equals the earlier first."""

    negative: float
    """Minus the value."""
    arrival: int
    """Counts up over the life of the pile; no two are equal."""
    piece: Weighed


@dataclass(slots=True)
class _Group:
    """Pieces of one group."""

    falling: list[Ranked] = field(default_factory=list)
    arrivals: dict[int, None] = field(default_factory=dict)
    """Rising."""


class Pile:
    """Pieces of evidence by key, in order of arrival.

    Each change costs a binary search, so that a verdict looks at the strongest of each group only
    and not at everything again. State: what was put and not dropped.
    """

    def __init__(self) -> None:
        self._pieces: dict[Key, Ranked] = {}
        self._groups: dict[str, _Group] = {}
        self._sizes: dict[str, int] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._pieces)

    def items(self) -> Iterator[tuple[Key, Weighed]]:
        """Key and piece, in order of arrival."""
        return ((key, ranked.piece) for key, ranked in self._pieces.items())

    def latest_first(self) -> Iterator[Weighed]:
        """Pieces, the latest first."""
        return (ranked.piece for ranked in reversed(self._pieces.values()))

    def newest_ns(self) -> int:
        """Time of what came last. Raises StopIteration if there is nothing."""
        return next(reversed(self._pieces.values())).piece.ts_last

    def forget(self, until_ns: int) -> None:
        """Drop what came first, as long as its time is not after an instant."""
        while self._pieces:
            key, ranked = next(iter(self._pieces.items()))
            if ranked.piece.ts_last > until_ns:
                return
            self.drop(key)

    def oldest(self) -> tuple[Key, Weighed]:
        """What came first. Raises StopIteration if there is nothing."""
        return next(self.items())

    def detectors(self) -> set[str]:
        """Detectors that have a piece here."""
        return {detector for detector, _, _ in self._pieces}

    def put(self, key: Key, piece: Weighed) -> None:
        """Add a piece as the latest; what had its key goes."""
        self.drop(key)
        self._arrivals += 1
        ranked = Ranked(-piece.value, self._arrivals, piece)
        self._pieces[key] = ranked
        group = self._groups.setdefault(piece.group, _Group())
        insort(group.falling, ranked)
        group.arrivals[ranked.arrival] = None
        self._sizes[piece.detector] = self._sizes.get(piece.detector, 0) + piece.size

    def drop(self, key: Key) -> None:
        """Take the piece of that key away, if there is one."""
        ranked = self._pieces.pop(key, None)
        if ranked is None:
            return
        piece = ranked.piece
        group = self._groups[piece.group]
        del group.falling[bisect_left(group.falling, ranked)]
        del group.arrivals[ranked.arrival]
        if not group.falling:
            del self._groups[piece.group]
        self._sizes[piece.detector] -= piece.size

    def groups(self) -> list[str]:
        """Groups that have a piece, in the order of their earliest."""
        if len(self._groups) == 1:
            return list(self._groups)
        return sorted(self._groups, key=lambda name: next(iter(self._groups[name].arrivals)))

    def most(self, rest_share: float, rest_max: int) -> float:
        """What `weigh` adds up over the groups, before anything is taken off; quickly."""
        total = 0.0
        for group in self._groups.values():
            total -= group.falling[0].negative
            for one in group.falling[1 : 1 + rest_max]:
                total -= rest_share * one.negative
        return total

    def strongest(self, group: str, count: int) -> list[Ranked]:
        """The strongest `count` pieces of a group, falling; empty if it has none."""
        found = self._groups.get(group)
        return [] if found is None else found.falling[:count]

    @property
    def size(self) -> int:
        """Contracts: the largest total of one detector, since several see the same contracts."""
        return max(self._sizes.values(), default=0)

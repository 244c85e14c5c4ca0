"""History of a baseline: sessions as compact bytes, and as plain tables to save and merge."""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.histogram import BINS, FIRST_BINS, ZERO_BINS, decode_cells, encode
from operators.model.evaluations import JUDGED

CLASS_NAMES: Final = ("FUT", "SPREAD", "CALL", "PUT", "OTHER")
CLASSES: Final = len(CLASS_NAMES)
BUCKETS_MAX: Final = 255

HISTORY_DTYPE: Final = np.dtype(
    [
        ("root", "u4"),  # index into HistoryTable.roots
        ("session", "i4"),  # trading day, days since the epoch
        ("class", "u1"),  # index into CLASS_NAMES
        ("bucket", "u1"),  # of the exchange's day, from its roll
        ("metric", "u1"),  # index into HistoryTable.metrics
        ("bin", "i2"),  # signed, see operators.histogram.bin_bounds
        ("count", "u4"),
    ]
)
"""One non-empty bin of one (root, session, class, bucket, metric)."""


@dataclass(frozen=True, slots=True, eq=False)
class HistoryTable:
    """The sessions of some roots, one row per non-empty bin, and what their numbers mean."""

    roots: tuple[str, ...]
    """Ascending."""
    cells: NDArray[np.void]
    """(cells,), HISTORY_DTYPE, read-only, ascending by its fields."""
    bucket_s: int
    """Seconds per bucket."""
    pseudo_size: int
    """The pseudo-count of the pressure metrics, contracts."""
    metrics: tuple[str, ...] = JUDGED

    def only(self, keep: Callable[[str], bool]) -> "HistoryTable":
        """The roots for which `keep` is true."""
        kept = tuple(filter(keep, self.roots))
        return replace(self, roots=kept, cells=_of_roots(self, kept))

    def sessions(self, root: str) -> tuple[int, ...]:
        """Trading days of `root` in the table, ascending."""
        if root not in self.roots:
            return ()
        own = self.cells["root"] == self.roots.index(root)
        return tuple(np.unique(self.cells["session"][own]).tolist())


def table(
    parts: Iterable[tuple[str, NDArray[np.void]]],
    bucket_s: int,
    pseudo_size: int,
    metrics: tuple[str, ...] = JUDGED,
) -> HistoryTable:
    """Table of (root, its cells), each root once. Of the cells' `root` nothing is used."""
    ordered = sorted(((root, cells) for root, cells in parts if cells.size), key=lambda p: p[0])
    joined = np.zeros(sum(cells.size for _, cells in ordered), HISTORY_DTYPE)
    stop = 0
    for index, (_, cells) in enumerate(ordered):
        first, stop = stop, stop + cells.size
        joined[first:stop] = cells
        joined["root"][first:stop] = index
    joined = joined[_order(joined)]
    joined.flags.writeable = False
    roots = tuple(root for root, _ in ordered)
    return HistoryTable(roots, joined, bucket_s, pseudo_size, metrics)


def merge(a: HistoryTable, b: HistoryTable) -> HistoryTable:
    """Union of the sessions of two tables.

    A session of a root that stands in both is taken once, from the table that saw more of it, so
    the result depends neither on the order nor on how often a table is merged.

    Raises:
        ValueError: The tables count different things.
    """
    for name in ("metrics", "bucket_s", "pseudo_size"):
        if getattr(a, name) != getattr(b, name):
            raise ValueError(
                f"{name} must be the same to merge, was {getattr(a, name)} and {getattr(b, name)}"
            )
    parts = []
    for root in sorted({*a.roots, *b.roots}):
        sessions = _sessions(a, root)
        for session, cells in _sessions(b, root).items():
            sessions[session] = max(sessions.get(session, cells), cells, key=_fullness)
        parts.append((root, np.concatenate(list(sessions.values()))))
    return table(parts, a.bucket_s, a.pseudo_size, a.metrics)


class Session:
    """One session of one root as bytes: per (class, bucket) the counts of all metrics.

    Layout, little-endian: chunks u2, then per chunk class u1, bucket u1, bytes u4, then the chunks
    as `operators.histogram.encode` writes them.
    """

    __slots__ = ("_chunks", "number", "packed")

    def __init__(self, number: int, packed: bytes) -> None:
        self.number = number
        """Trading day."""
        self.packed = packed
        self._chunks: dict[tuple[int, int], tuple[int, int]] = {}
        (count,) = struct.unpack_from("<H", packed)
        first = 2 + 6 * count
        for class_, bucket, size in struct.iter_unpack("<BBI", packed[2:first]):
            self._chunks[class_, bucket] = (first, size)
            first += size

    @classmethod
    def of(cls, number: int, chunks: Mapping[tuple[int, int], bytes]) -> "Session":
        """Session `number` of (class, bucket) → encoded counts."""
        keys = sorted(chunks)
        head = b"".join(struct.pack("<BBI", *key, len(chunks[key])) for key in keys)
        return cls(number, struct.pack("<H", len(keys)) + head + b"".join(chunks[k] for k in keys))

    def chunk(self, class_: int, bucket: int) -> NDArray[np.uint8] | None:
        """Encoded counts of a class in a bucket, None where it had none."""
        if (place := self._chunks.get((class_, bucket))) is None:
            return None
        first, size = place
        return np.frombuffer(self.packed, np.uint8, size, first)

    def cells(self) -> NDArray[np.void]:
        """(cells,), HISTORY_DTYPE, root 0."""
        parts = [np.zeros(0, HISTORY_DTYPE)]
        for (class_, bucket), (first, size) in self._chunks.items():
            place, count = decode_cells(self.packed[first : first + size]).T
            cells = np.zeros(place.size, HISTORY_DTYPE)
            metric = np.searchsorted(FIRST_BINS, place, side="right") - 1
            cells["session"], cells["class"], cells["bucket"] = self.number, class_, bucket
            cells["metric"], cells["bin"] = metric, place - ZERO_BINS[metric]
            cells["count"] = count
            parts.append(cells)
        return np.concatenate(parts)

    def fullness(self) -> int:
        """How much was seen of it: the sum of all counts."""
        return int(self.cells()["count"].sum(dtype=np.int64))


def sessions_of(history: HistoryTable, root: str) -> list[Session]:
    """Sessions of a root, ascending, in this program's metrics.

    Raises:
        ValueError: A cell lies outside the layout.
    """
    metric_of = np.array([_metric(name) for name in history.metrics], np.int64)
    sessions = []
    for number, cells in _sessions(history, root).items():
        _check(cells, metric_of)
        chunks = {}
        key = cells["class"].astype(np.int64) * (BUCKETS_MAX + 1) + cells["bucket"]
        keys, firsts = np.unique(key, return_index=True)
        for one, part in zip(keys.tolist(), np.split(cells, firsts[1:]), strict=True):
            counts = np.zeros(BINS, np.uint32)
            np.add.at(counts, ZERO_BINS[metric_of[part["metric"]]] + part["bin"], part["count"])
            chunks[divmod(one, BUCKETS_MAX + 1)] = encode(counts)
        sessions.append(Session.of(number, chunks))
    return sessions


def _metric(name: str) -> int:
    if name not in JUDGED:
        raise ValueError(f"metrics must be of {', '.join(JUDGED)}, was {name}")
    return JUDGED.index(name)


def _check(cells: NDArray[np.void], metric_of: NDArray[np.int64]) -> None:
    for name, stop in (("class", CLASSES), ("metric", metric_of.size)):
        if (worst := int(cells[name].max(initial=0))) >= stop:
            raise ValueError(f"{name} must be below {stop}, was {worst}")
    metric = metric_of[cells["metric"]]
    place = ZERO_BINS[metric] + cells["bin"]
    outside = (place < FIRST_BINS[metric]) | (place >= FIRST_BINS[metric + 1])
    if bool(outside.any()):
        raise ValueError(f"bin must lie in its metric's layout, was {cells['bin'][outside][0]}")


def _sessions(history: HistoryTable, root: str) -> dict[int, NDArray[np.void]]:
    if root not in history.roots:
        return {}
    own = history.cells[history.cells["root"] == history.roots.index(root)]
    numbers, firsts = np.unique(own["session"], return_index=True)
    parts: list[NDArray[np.void]] = np.split(own, firsts[1:])
    return dict(zip(numbers.tolist(), parts, strict=True))


def _of_roots(history: HistoryTable, roots: tuple[str, ...]) -> NDArray[np.void]:
    new = np.full(len(history.roots), -1, np.int64)
    for index, root in enumerate(roots):
        new[history.roots.index(root)] = index
    cells: NDArray[np.void] = history.cells[new[history.cells["root"]] >= 0].copy()
    cells["root"] = new[cells["root"]]
    cells.flags.writeable = False
    return cells


def _fullness(cells: NDArray[np.void]) -> tuple[int, bytes]:
    # The bytes without the root's index break ties the same way whichever table comes first.
    cells = cells.copy()
    cells["root"] = 0
    return int(cells["count"].sum(dtype=np.int64)), cells.tobytes()


def _order(cells: NDArray[np.void]) -> NDArray[np.int64]:
    names = ("bin", "metric", "bucket", "class", "session", "root")
    order: NDArray[np.int64] = np.lexsort([cells[name] for name in names])
    return order

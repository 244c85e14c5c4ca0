"""Scores of an engine over time, and the alarms they amount to at a threshold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

POINT_DTYPE: Final = np.dtype(
    [
        ("root", "i4"),  # index into Scores.roots
        ("side", "i1"),  # +1 buy, −1 sell
        ("id", "i8"),  # points of one signal have one id; 0 where an engine names none
        ("ts", "i8"),  # ns
        ("score", "f8"),  # what thresholds are compared with
        ("p", "f8"),  # probability that the engine states, 0…1
    ]
)
FOREVER: Final = 2**62


class Alarm(NamedTuple):
    """One signal: the moment at which an engine speaks up."""

    ts: int
    root: str
    side: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What an engine thought of one tape."""

    roots: tuple[str, ...]
    points: NDArray[np.void]
    """(n,), POINT_DTYPE, ascending by root, side, id and ts."""
    hold_ns: int
    """Points at or above a threshold that are no further apart are one alarm, ns."""

    def alarms(self, threshold: float) -> list[Alarm]:
        """Alarms at `threshold`, by time: each at its first point at or above it."""
        kept = self.points[self.points["score"] >= threshold]
        if kept.size == 0:
            return []
        new = np.ones(kept.size, np.bool_)
        before, after = kept[:-1], kept[1:]
        same = np.ones(kept.size - 1, np.bool_)
        for name in ("root", "side", "id"):
            same &= before[name] == after[name]
        new[1:] = ~same | (after["ts"] - before["ts"] > self.hold_ns)
        first = kept[new]
        first = first[np.lexsort((first["side"], first["root"], first["ts"]))]
        return [
            Alarm(ts, self.roots[root], side, score)
            for root, side, _, ts, score, _ in first.tolist()
        ]


def scores(
    roots: Sequence[str], rows: Sequence[tuple[Any, ...]] | NDArray[np.void], hold_ns: int
) -> Scores:
    """Scores of points in any order, each as POINT_DTYPE has it."""
    points = np.array(rows, POINT_DTYPE) if not isinstance(rows, np.ndarray) else rows
    order = np.lexsort((points["ts"], points["id"], points["side"], points["root"]))
    points = points[order]
    points.flags.writeable = False
    return Scores(tuple(roots), points, hold_ns)

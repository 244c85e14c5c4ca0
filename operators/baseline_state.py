"""The arrays that a baseline keeps: per instrument, per root, per (root, class). They only grow."""

from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from operators.baseline_history import CLASSES
from operators.histogram import BINS, METRICS

NEVER: Final = -(2**62)
"""A clock before every time."""

# Columns of Roots.counts.
ADDED: Final = 0
OUT_OF_HOURS: Final = 1
BAD_DATA: Final = 2
WARMING: Final = 3
COUNTS: Final = 4


class Instruments(NamedTuple):
    """What is known of the instrument at each slot."""

    key: NDArray[np.int64]
    """(slots,): feed number · 2**32 + instrument id; −1 unknown."""
    class_: NDArray[np.uint8]
    tick_e9: NDArray[np.int64]
    """0 unknown."""


class Roots(NamedTuple):
    """Where each root is in time."""

    clock: NDArray[np.int64]
    """(roots,): session · buckets per day + bucket."""
    place: NDArray[np.int32]
    """(roots, CLASSES): row of Places; −1 none."""
    trades: NDArray[np.int64]
    """(roots,): executions counted in this session."""
    counts: NDArray[np.int64]
    """(roots, COUNTS): rows by what became of them."""


class Places(NamedTuple):
    """Histograms of each (root, class) in the current bucket."""

    today: NDArray[np.uint32]
    """(places, BINS): counts of the open bucket."""
    below: NDArray[np.int64]
    """(places, BINS): running sums of the reference, see `summarise`."""
    n: NDArray[np.int64]
    """(places, METRICS)."""
    median: NDArray[np.float64]
    """(places, METRICS)."""
    scale: NDArray[np.float64]
    """(places, METRICS)."""
    sessions: NDArray[np.int16]
    """(places,): sessions in the reference."""
    clock: NDArray[np.int64]
    """(places,): the root's clock that the reference was built for."""
    filled: NDArray[np.bool_]
    """(places,): `today` holds something."""
    changed: NDArray[np.bool_]
    """(places,): `today` has changed since it was last encoded."""


_Arrays = TypeVar("_Arrays", Instruments, Roots, Places)


def no_instruments(size: int) -> Instruments:
    """`size` unknown slots."""
    return Instruments(
        np.full(size, -1, np.int64), np.zeros(size, np.uint8), np.zeros(size, np.int64)
    )


def no_roots(size: int) -> Roots:
    """`size` roots that have seen nothing."""
    return Roots(
        np.full(size, NEVER, np.int64),
        np.full((size, CLASSES), -1, np.int32),
        np.zeros(size, np.int64),
        np.zeros((size, COUNTS), np.int64),
    )


def no_places(size: int) -> Places:
    """`size` empty places."""
    return Places(
        np.zeros((size, BINS), np.uint32),
        np.zeros((size, BINS), np.int64),
        np.zeros((size, METRICS), np.int64),
        np.zeros((size, METRICS)),
        np.zeros((size, METRICS)),
        np.zeros(size, np.int16),
        np.full(size, NEVER, np.int64),
        np.zeros(size, np.bool_),
        np.zeros(size, np.bool_),
    )


def grown(old: _Arrays, new: _Arrays) -> _Arrays:
    """`new`, larger, with what `old` holds at its beginning."""
    pairs: Any = zip(old, new, strict=True)
    for was, becomes in pairs:
        if was.ndim == 1:
            becomes[: len(was)] = was
        else:
            # Histograms are wide and mostly empty: what nobody writes to takes no memory.
            used = np.flatnonzero(was.any(axis=1))
            becomes[used] = was[used]
    return new

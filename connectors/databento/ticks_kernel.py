"""Kernel that finds the record at which a feed's clock passes an instant."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators.model.records import F_BAD_TS_RECV, F_SNAPSHOT, NS_PER_S

_UNTIMED = np.uint64((F_BAD_TS_RECV | F_SNAPSHOT) << 32)
_APART_NS_MAX = np.int64(60 * NS_PER_S)


@njit(cache=True)
def first_at(words: NDArray[np.uint64], start: int, due_ns: int, clock_ns: int) -> tuple[int, int]:
    """First row from `start` on at which the clock reaches `due_ns`, and the clock there.

    The clock is the running maximum of ts_recv, begun with `clock_ns`. Records of a snapshot, those
    whose ts_recv is marked bad, and those received more than a minute from their ts_event do not
    move it: a damaged instant would close every pane up to it.

    Args:
        words: shape (rows, 7), uint64, read-only.
        start: first row to look at.
        due_ns: ns since the epoch.
        clock_ns: ns since the epoch.

    Returns:
        The number of rows, and the clock after the last, if there is no such row.
    """
    for row in range(start, words.shape[0]):
        if words[row, 4] & _UNTIMED != np.uint64(0):
            continue
        ts_recv = np.int64(words[row, 5])
        if ts_recv > clock_ns and abs(ts_recv - np.int64(words[row, 1])) <= _APART_NS_MAX:
            clock_ns = ts_recv
            if clock_ns >= due_ns:
                return row, clock_ns
    return words.shape[0], clock_ns

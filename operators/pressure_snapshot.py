"""The chains of panes as few bytes, and back.

A pane's sums are mostly small, many are 0: each chain is its length, then per pane the seconds
since the one before, the change of bid + ask, a bit set of the sums that are not 0, and those. All
are integers of variable length, seven bits a byte; signs are folded, 0 −1 1 −2 … → 0 1 2 3 ….
"""

import numpy as np
from numpy.typing import NDArray

from operators.kernels import inlined, kernel
from operators.pressure_kernel import (
    ENTRY_COLUMNS,
    FIRST_SUM,
    FREE,
    LIVE,
    MID2,
    NEXT,
    SECOND,
    SLOTS,
    SUMS,
    USED,
    WINDOWS,
    commit,
)

_PANE_BYTES_MAX = 10 * (SUMS + 3)
_LONGEST = WINDOWS - 1


def pack(
    instruments: NDArray[np.void], entries: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The live entries of all slots seen."""
    size = 40 * int(counts[LIVE]) + 10 * int(counts[SLOTS]) + _PANE_BYTES_MAX
    while True:
        out = np.empty(size, np.uint8)
        used = write_chains(instruments, entries, int(counts[SLOTS]), out)
        if used >= 0:
            return out[:used].copy()
        size *= 2


def unpack(
    packed: NDArray[np.uint8],
    instruments: NDArray[np.void],
    running: NDArray[np.int64],
    live: int,
    counts: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Entries of the chains; instruments, running sums and counts are made to agree with them.

    Every pane is in every window again: those that had left leave at the instrument's next row.
    """
    entries = np.zeros((max(1024, 2 * live), ENTRY_COLUMNS), np.int64)
    counts[FREE] = -1
    counts[USED] = counts[LIVE] = 0
    read_chains(packed, instruments, running, entries, counts)
    return entries


@inlined
def put(out: NDArray[np.uint8], at: int, value: np.uint64) -> int:
    """Write one integer; returns where the next begins."""
    while value >= np.uint64(128):
        out[at] = np.uint8(value & np.uint64(127)) | np.uint8(128)
        value >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(value)
    return at + 1


@inlined
def get(packed: NDArray[np.uint8], at: int) -> tuple[np.uint64, int]:
    """Read one integer; returns it and where the next begins."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while packed[at] >= np.uint8(128):
        value |= np.uint64(packed[at] & np.uint8(127)) << shift
        shift += np.uint64(7)
        at += 1
    return value | np.uint64(packed[at]) << shift, at + 1


@inlined
def folded(value: np.int64) -> np.uint64:
    """Signed → unsigned, small where it was near 0."""
    return np.uint64((value << 1) ^ (value >> 63))


@inlined
def unfolded(value: np.uint64) -> np.int64:
    """The inverse of `folded`."""
    return np.int64(value >> np.uint64(1)) ^ -np.int64(value & np.uint64(1))


@kernel
def write_chains(
    instruments: NDArray[np.void], entries: NDArray[np.int64], slots: int, out: NDArray[np.uint8]
) -> int:
    """Write the chains of the first so many slots; returns the bytes used, −1 if `out` is small."""
    at = 0
    for slot in range(slots):
        length = 0
        index = np.int64(instruments[slot].leaving[_LONGEST])
        while index >= 0:
            length += 1
            index = entries[index, NEXT]
        if at + _PANE_BYTES_MAX > out.size:
            return -1
        at = put(out, at, np.uint64(length))
        second = np.int64(0)
        mid2 = np.int64(0)
        index = np.int64(instruments[slot].leaving[_LONGEST])
        while index >= 0:
            if at + _PANE_BYTES_MAX > out.size:
                return -1
            entry = entries[index]
            at = put(out, at, folded(entry[SECOND] - second))
            at = put(out, at, folded(entry[MID2] - mid2))
            second, mid2 = entry[SECOND], entry[MID2]
            present = np.int64(0)
            for column in range(SUMS):
                present |= np.int64(entry[FIRST_SUM + column] != 0) << column
            at = put(out, at, np.uint64(present))
            for column in range(SUMS):
                if entry[FIRST_SUM + column] != 0:
                    at = put(out, at, folded(entry[FIRST_SUM + column]))
            index = entry[NEXT]
    return at


@kernel
def read_chains(
    packed: NDArray[np.uint8],
    instruments: NDArray[np.void],
    running: NDArray[np.int64],
    entries: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Read all chains, one per slot; `instruments` must have none yet, `running` be zero."""
    at = 0
    for slot in range(counts[SLOTS]):
        length, at = get(packed, at)
        second = np.int64(0)
        mid2 = np.int64(0)
        for _ in range(np.int64(length)):
            value, at = get(packed, at)
            second += unfolded(value)
            value, at = get(packed, at)
            mid2 += unfolded(value)
            index = commit(instruments[slot], entries, counts, second, mid2)
            value, at = get(packed, at)
            present = np.int64(value)
            for column in range(SUMS):
                entries[index, FIRST_SUM + column] = 0
                if present >> column & 1:
                    value, at = get(packed, at)
                    entries[index, FIRST_SUM + column] = unfolded(value)
                    for window in range(WINDOWS):
                        running[slot, window, column] += entries[index, FIRST_SUM + column]

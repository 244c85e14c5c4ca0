"""Kernel that takes what was delivered before out of a replay, and sees whether it fits."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.databento.positions_kernel import (
    COUNT,
    HASH,
    KEY,
    TS,
    chained,
    channel_key,
    happened,
    is_snapshot,
    received,
    slot_of,
)

# In the table of instruments COUNT is here what is still to come of a position: 0 once nothing is.
AT: Final = np.uint64(1 << 63)
"""Bit of COUNT: the first record at the position has come."""
FLOORED: Final = np.uint64(1 << 62)
"""Bit of COUNT: HASH is the ts_recv of a snapshot after which nothing was delivered."""

PENDING, REPEATED, FIRST, DISORDER, SHORT, BROKEN = range(6)
"""Indices into tallies: instruments whose records at the position are still to come; records
dropped; oldest ts_event replayed; largest lag of a record behind its channel's newest; 1 if one
lay before its channel's middle; instruments that did not fit."""
TALLIES: Final = 6

FEWER, OTHER, BEHIND = 1, 2, 3
"""What did not fit: fewer records at the position than delivered; others than delivered; an older
one after them, of which nobody can say whether it was delivered."""

_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)


@njit(cache=True)
def accept(
    words: NDArray[np.uint64],
    start_ns: np.uint64,
    table: NDArray[np.uint64],
    runs: NDArray[np.uint64],
    channels: NDArray[np.uint64],
    tallies: NDArray[np.uint64],
    broken: NDArray[np.uint64],
    keep: NDArray[np.bool_],
) -> int:
    """Mark the records that were not delivered before; how many they are.

    Args:
        words: shape (rows, 7), uint64, read-only.
        start_ns: ts_event from which the replay was asked for.
        table: shape (slots, 4), uint64: the table of instruments; written.
        runs: shape (slots,), uint64: hash of what was repeated at each position; written.
        channels: shape (CHANNEL_SLOTS, 3), uint64: key, newest ts_event delivered, and the instant
            before which an undelivered record is alarming.
        tallies: shape (TALLIES,), uint64; written.
        broken: shape (n, 3), uint64: instrument id, what did not fit, records missing; written
            for the first n that do not fit.
        keep: shape (at least rows,), bool; written.
    """
    kept, first, disorder = 0, tallies[FIRST], tallies[DISORDER]
    key, slot = _ZERO, _ZERO
    for row in range(words.shape[0]):
        head, said = words[row, 0], words[row, 4]
        keep[row] = True
        if is_snapshot(said):
            kept += 1
            continue
        if (head >> np.uint64(32)) + _ONE != key:
            key = (head >> np.uint64(32)) + _ONE
            slot = slot_of(table, key)
        ts_recv = received(said, words[row, 5])
        ts = happened(words[row, 1], ts_recv)
        if ts != _ZERO:
            first = min(first, ts)
        if table[slot, KEY] == key:
            left, position_ns, fault = table[slot, COUNT], table[slot, TS], 0
            if left == _ZERO:
                if ts < position_ns and ts != _ZERO:
                    fault = BEHIND
            elif left == FLOORED:
                keep[row] = ts_recv == _ZERO or ts_recv > table[slot, HASH]
            elif ts > position_ns:
                if left & AT != _ZERO or position_ns >= start_ns:
                    fault = FEWER
                table[slot, COUNT] = _ZERO
            elif ts != _ZERO or position_ns >= start_ns:
                # A record without its time is told by its place, where that is replayed.
                keep[row] = False
                if left & AT != _ZERO or ts == position_ns:
                    left = (left | AT) - _ONE
                    runs[slot] = chained(runs[slot], words, row)
                    if left == AT:
                        left = _ZERO
                        tallies[PENDING] -= np.uint64(position_ns >= start_ns)
                        if runs[slot] != table[slot, HASH]:
                            fault = OTHER
                    table[slot, COUNT] = left
            if fault != 0:
                if tallies[BROKEN] < np.uint64(broken.shape[0]):
                    broken[tallies[BROKEN], 0] = key - _ONE
                    broken[tallies[BROKEN], 1] = np.uint64(fault)
                    broken[tallies[BROKEN], 2] = left & ~AT
                tallies[BROKEN] += _ONE
            if not keep[row]:
                continue
        kept += 1
        # A channel unknown so far has a free slot, with nothing in it.
        at = slot_of(channels, channel_key(head, said))
        if ts < channels[at, 1] and ts != _ZERO:
            disorder = max(disorder, channels[at, 1] - ts)
            if ts < channels[at, 2]:
                tallies[SHORT] = _ONE
    tallies[FIRST], tallies[DISORDER] = first, disorder
    tallies[REPEATED] += np.uint64(words.shape[0] - kept)
    return kept

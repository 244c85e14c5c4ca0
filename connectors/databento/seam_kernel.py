"""Kernel that takes what was delivered before out of a replay, and sees whether it fits."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.databento.positions_kernel import (
    COUNT,
    FLOOR,
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

RUN, PHASE = 5, 6
"""Columns beside those of the table of instruments: hash of the repeated records at the position;
how far the replay has come. COUNT counts down here."""
COLUMNS: Final = 7

BEFORE, AT, PAST = (np.uint64(phase) for phase in range(3))
"""Phases: no record at the position yet; some of them; all of them, or none to come."""

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
    channels: NDArray[np.uint64],
    tallies: NDArray[np.uint64],
    broken: NDArray[np.uint64],
    keep: NDArray[np.bool_],
) -> int:
    """Mark the records that were not delivered before; how many they are.

    Args:
        words: shape (rows, 7), uint64, read-only.
        start_ns: ts_event from which the replay was asked for.
        table: shape (slots, COLUMNS), uint64; written.
        channels: shape (CHANNEL_SLOTS, 3), uint64: key, newest ts_event delivered, and the instant
            before which an undelivered record is alarming.
        tallies: shape (TALLIES,), uint64; written.
        broken: shape (n, 3), uint64: instrument id, what did not fit, records missing; written
            for the first n that do not fit.
        keep: shape (at least rows,), bool; written.
    """
    kept = 0
    key, slot = _ZERO, _ZERO
    channel, channel_slot = _ZERO, _ZERO
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
            tallies[FIRST] = min(tallies[FIRST], ts)
        if table[slot, KEY] == key:
            fault = 0
            if table[slot, PHASE] != PAST:
                if ts > table[slot, TS]:
                    if table[slot, PHASE] == AT or table[slot, TS] >= start_ns:
                        fault = FEWER
                    table[slot, PHASE] = PAST
                elif ts != _ZERO or table[slot, TS] >= start_ns:
                    # A record without its time is told by its place, where that is replayed.
                    keep[row] = False
                    if table[slot, PHASE] == AT or ts == table[slot, TS]:
                        table[slot, PHASE] = AT
                        table[slot, RUN] = chained(table[slot, RUN], words, row)
                        table[slot, COUNT] -= _ONE
                        if table[slot, COUNT] == _ZERO:
                            table[slot, PHASE] = PAST
                            tallies[PENDING] -= np.uint64(table[slot, TS] >= start_ns)
                            if table[slot, RUN] != table[slot, HASH]:
                                fault = OTHER
            elif ts != _ZERO and ts < table[slot, TS]:
                fault = BEHIND
            if keep[row] and ts_recv != _ZERO and ts_recv <= table[slot, FLOOR]:
                keep[row] = False
            if fault != 0:
                at = tallies[BROKEN]
                if at < np.uint64(broken.shape[0]):
                    broken[at, 0] = key - _ONE
                    broken[at, 1] = np.uint64(fault)
                    broken[at, 2] = table[slot, COUNT]
                tallies[BROKEN] += _ONE
        if not keep[row]:
            continue
        kept += 1
        if channel_key(head, said) != channel:
            channel = channel_key(head, said)
            channel_slot = slot_of(channels, channel)
        if ts != _ZERO and ts < channels[channel_slot, 1]:
            tallies[DISORDER] = max(tallies[DISORDER], channels[channel_slot, 1] - ts)
            if ts < channels[channel_slot, 2]:
                tallies[SHORT] = _ONE
    tallies[REPEATED] += np.uint64(words.shape[0] - kept)
    return kept

"""The wire check's loop over records: each judged against the last ones of its instrument.

A numba kernel may be one long loop; its slow, obvious twin is `Oracle` in the test.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from operators.idmap import find, insert
from operators.kernels import inlined, kernel
from operators.model.evaluations import (
    WIRE_BAD_BOOK,
    WIRE_FIELD,
    WIRE_LATENCY,
    WIRE_NAMES,
    WIRE_RECV,
    WIRE_SEQUENCE,
    WIRE_TIME,
)
from operators.model.records import (
    ADD,
    ASK,
    BID,
    CANCEL,
    CLEAR,
    F_BAD_TS_RECV,
    F_LAST,
    F_MAYBE_BAD_BOOK,
    F_SNAPSHOT,
    FILL,
    MBO_BYTES,
    MODIFY,
    NO_SIDE,
    NONE,
    PRICE_UNDEF,
    RTYPE_MBO,
    TRADE,
)

WORDS_DTYPE: Final = np.dtype([(f"w{index}", "<u8") for index in range(MBO_BYTES // 8)])
"""A record as seven words, packed like MBO_DTYPE: rows may start at any address."""

RECENT: Final = 32
"""Hashes of recent records kept per instrument, one per value of the hash's top five bits."""
_RECENT_SHIFT = 59

SEEN_DTYPE: Final = np.dtype(
    [
        ("ts_recv", "u8"),  # ns: of the last record whose ts_recv is sound, 0 none
        ("ts_closed", "u8"),  # ns: ts_event of the last closed event, 0 none
        ("ts_open", "u8"),  # ns: ts_event of the open event
        ("last_hash", "u8"),  # of the last record, 0 none
        ("sequence", "i8"),  # last one, −1 none
        ("open", "i8"),  # 1 inside an event
    ]
)
"""What is remembered of one instrument, besides the recent hashes."""

# Indices into counts: one per WIRE_NAMES, then the others.
_SEQUENCE, _TIME, _RECV, _FIELD, _LATENCY, _BAD_BOOK = range(len(WIRE_NAMES))
DUPLICATES: Final = len(WIRE_NAMES)
RECORDS: Final = DUPLICATES + 1
REFUSED: Final = DUPLICATES + 2
USED: Final = DUPLICATES + 3
"""Instruments known: the next free slot."""
COUNTS: Final = DUPLICATES + 4

REMOVED: Final = 0xFFFF
"""In place of a row's faults: the row goes no further."""

LATENCY_BINS: Final = 256
"""Four per octave: bin b begins at (4 + b mod 4)·2^(b div 4 − 2) − 1 ns."""
_BIN_OF_ONE = 1023 << 2

_HEAD = MBO_BYTES // 4 | RTYPE_MBO << 8
# A record sent with ts_out says so in its length, and keeps it when cut to 56 bytes.
_HEAD_TS_OUT = (MBO_BYTES + 8) // 4 | RTYPE_MBO << 8
_BOOK = sum(1 << (action & 31) for action in (ADD, CANCEL, MODIFY))
_SIZED = _BOOK | sum(1 << (action & 31) for action in (TRADE, FILL))
_ACTIONS = _SIZED | sum(1 << (action & 31) for action in (CLEAR, NONE))
_TS_STOP = np.uint64(1 << 63)
_UNDEF_PRICE = np.uint64(PRICE_UNDEF)


@inlined
def _mixed(word: np.uint64) -> np.uint64:
    """Bring the high bits down, so that a product spreads all of them."""
    return word ^ (word >> np.uint64(32))


@inlined
def hash_of(row: Any) -> np.uint64:
    """64-bit hash of a record of WORDS_DTYPE, never 0."""
    total = (
        _mixed(row.w0) * np.uint64(0x9E3779B97F4A7C15)
        + _mixed(row.w1) * np.uint64(0xC2B2AE3D27D4EB4F)
        + _mixed(row.w2) * np.uint64(0x165667B19E3779F9)
        + _mixed(row.w3) * np.uint64(0xD6E8FEB86659FD93)
        + _mixed(row.w4) * np.uint64(0xA0761D6478BD642F)
        + _mixed(row.w5) * np.uint64(0xE7037ED1A0B428DB)
        + _mixed(row.w6) * np.uint64(0x8EBC6AF09C88C6E3)
    )
    total = _mixed(total) * np.uint64(0x589965CC75374CC3)
    return total | np.uint64(total == 0)


@inlined
def impossible(row: Any, size_max: np.uint64) -> bool:
    """Can no exchange have sent these fields? Times are judged by `impossible_time`.

    Without branches: the actions of a stream cannot be predicted.
    """
    head = row.w0 & np.uint64(0xFFFF)
    action = np.int64((row.w4 >> np.uint64(48)) & np.uint64(0xFF))
    side = np.int64(row.w4 >> np.uint64(56))
    bit = np.int64(action >> 5 == 2) << (action & 31)
    book = (bit & _BOOK) != 0
    sized = (bit & _SIZED) != 0
    no_side = side == NO_SIDE
    # One less, unsigned: 0 becomes the largest.
    bad_size = (row.w4 & np.uint64(0xFFFFFFFF)) - np.uint64(1) >= size_max
    return bool(
        ((head != _HEAD) & (head != _HEAD_TS_OUT))
        | ((bit & _ACTIONS) == 0)
        | ((side != ASK) & (side != BID) & (not no_side))
        | (sized & (bad_size | (row.w3 == _UNDEF_PRICE)))
        | (book & (no_side | (row.w2 == np.uint64(0))))
    )


@inlined
def impossible_time(ts_event: np.uint64, ts_recv: np.uint64, ahead_ns_max: np.uint64) -> bool:
    """Would this event time, or this receive time, drive clocks out of the data's range?"""
    return bool(
        (ts_event == np.uint64(0))
        | (ts_event >= _TS_STOP)
        | (ts_recv >= _TS_STOP)
        | (ts_event > ts_recv + ahead_ns_max)
    )


@inlined
def latency_bin(ns: np.uint64) -> np.int64:
    """Bin of a latency below 2^63 ns: exponent and the first two bits of the float's mantissa."""
    return (np.float64(np.int64(ns) + 1).view(np.int64) >> 50) - _BIN_OF_ONE


@kernel
def check_rows(
    rows: NDArray[np.void],
    faults: NDArray[np.uint16],
    start: int,
    feed: int,
    limits: NDArray[np.uint64],
    ids: NDArray[np.int64],
    seen: NDArray[np.void],
    recent: NDArray[np.uint64],
    counts: NDArray[np.int64],
    latencies: NDArray[np.int64],
) -> int:
    """Judge `rows[start:]`; returns the first row whose instrument found no free slot, or n.

    Args:
        rows: Shape (n,), WORDS_DTYPE.
        faults: Shape (n,), written: WIRE_* bits, or REMOVED.
        start: First row to judge.
        feed: Index of the feed: instruments of two feeds are two instruments.
        limits: Shape (5,): size_max, tolerance_ns, latency_ns_max, ahead_ns_max, instruments_max.
        ids: Map of (feed << 32 | instrument id) → slot, with room for all of `seen`.
        seen: Shape (slots,), SEEN_DTYPE, changed.
        recent: Shape (slots, RECENT), changed.
        counts: Shape (COUNTS,), changed.
        latencies: Shape (LATENCY_BINS,), changed.
    """
    size_max, tolerance_ns, latency_ns_max, ahead_ns_max = (
        limits[0],
        limits[1],
        limits[2],
        limits[3],
    )
    instruments_max = np.int64(limits[4])
    last_key = np.int64(-1)
    slot = np.int64(-1)
    for index in range(start, rows.size):
        row = rows[index]
        key = feed << 32 | np.int64(row.w0 >> np.uint64(32))
        if key != last_key:
            slot = find(ids, key)
            if slot < 0:
                slot = counts[USED]
                if slot == instruments_max:
                    faults[index] = REMOVED
                    counts[REFUSED] += 1
                    last_key = np.int64(-1)
                    continue
                if slot == seen.size:
                    return index
                insert(ids, key, slot)
                seen[slot].sequence = -1
                counts[USED] += 1
            last_key = key
        state = seen[slot]
        flags = np.int64((row.w4 >> np.uint64(32)) & np.uint64(0xFF))
        action = np.int64((row.w4 >> np.uint64(48)) & np.uint64(0xFF))
        bits = 0
        if flags & F_MAYBE_BAD_BOOK:
            bits = WIRE_BAD_BOOK
            counts[_BAD_BOOK] += 1
        if flags & F_SNAPSHOT:
            # A picture of the past: its times and sequences are those of resting orders.
            if impossible(row, size_max):
                bits |= WIRE_FIELD
                counts[_FIELD] += 1
            elif action == CLEAR:
                state.sequence = -1
                state.ts_recv = 0
                state.ts_closed = 0
            state.open = 0
            state.last_hash = 0
            faults[index] = bits
            continue
        ts_event = row.w1
        hashed = hash_of(row)
        place = np.int64(hashed >> np.uint64(_RECENT_SHIFT))
        if recent[slot, place] == hashed and (
            ts_event <= state.ts_closed
            or (
                hashed == state.last_hash
                and action != FILL
                # Trades against implied orders bear no id: two of them may look alike.
                and not (action == TRADE and row.w2 == 0)
            )
        ):
            faults[index] = REMOVED
            counts[DUPLICATES] += 1
            if bits:
                counts[_BAD_BOOK] -= 1
            continue
        recent[slot, place] = hashed
        state.last_hash = hashed
        if impossible(row, size_max) or impossible_time(ts_event, row.w5, ahead_ns_max):
            # Nothing else of such a record is believed, but an event may end with it.
            faults[index] = bits | WIRE_FIELD
            counts[_FIELD] += 1
            if flags & F_LAST and state.open:
                state.ts_closed = state.ts_open
                state.open = 0
            continue
        ts_recv = row.w5
        sound_recv = (flags & F_BAD_TS_RECV) == 0
        if action == CLEAR:
            # A new life: what follows may begin anywhere, at the clear's own time too.
            state.sequence = -1
            state.ts_recv = 0
            state.ts_closed = 0
            state.open = 0
        else:
            sequence = np.int64(row.w6 >> np.uint64(32))
            if sequence < state.sequence:
                bits |= WIRE_SEQUENCE
                counts[_SEQUENCE] += 1
            state.sequence = sequence
            late = state.open == 0 and ts_event <= state.ts_closed
            if sound_recv:
                late |= ts_recv < state.ts_recv
                state.ts_recv = ts_recv
            if late:
                bits |= WIRE_TIME
                counts[_TIME] += 1
            if flags & F_LAST:
                state.ts_closed = ts_event
                state.open = 0
            else:
                state.ts_open = ts_event
                state.open = 1
        if sound_recv:
            if ts_recv >= ts_event:
                latency = ts_recv - ts_event
                latencies[latency_bin(latency)] += 1
                if latency > latency_ns_max:
                    bits |= WIRE_LATENCY
                    counts[_LATENCY] += 1
            elif ts_event - ts_recv > tolerance_ns:
                bits |= WIRE_RECV
                counts[_RECV] += 1
        faults[index] = bits
    return rows.size

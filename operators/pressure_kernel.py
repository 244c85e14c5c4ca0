"""Rolling windows in O(1) a row: running sums, and a chain of the panes that are still in them.

Each instrument has its committed panes of the last 900 s as a chain, oldest first, in a pool shared
by all; each window has a running sum over the panes in it and a pointer to the next pane to leave
it. A pane enters all windows when it closes and leaves each once. Sums wrap modulo 2^64, so what
enters also leaves exactly, whatever the values.
"""

from math import factorial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from operators.kernels import inlined, kernel
from operators.model.evaluations import (
    DIRTY,
    EVAL_DTYPE,
    EXECUTION,
    FAULTS,
    OFI_LEVELS,
    PANE,
    WINDOW_SUMS,
    WINDOWS_S,
)
from operators.model.records import NS_PER_S

WINDOWS: Final = len(WINDOWS_S)
SUMS: Final = len(WINDOW_SUMS)
_LONGEST = WINDOWS - 1
_WIDTHS = np.array(WINDOWS_S, np.int64)

NEVER: Final = -(2**62)
"""A second before any, far enough from the ends of the integers for all arithmetic on it."""

INSTRUMENT_DTYPE: Final = np.dtype(
    [
        ("pane", "i8"),  # second: its rates are decayed to here
        ("records", "f8"),  # decayed count
        ("score", "f8"),  # quality at its last row
        ("counted", "i8"),  # records of the open pane that are counted already
        ("mids2", "i8", (WINDOWS,)),  # bid + ask before each window, 1e-9
        ("leaving", "i4", (WINDOWS,)),  # next entry to leave each window, −1 none
        ("last", "i4"),  # newest entry, −1 none
        ("root", "u4"),
        ("instrument_id", "u4"),
        ("known", "u1"),
        ("dirty", "u1"),
        ("faulty", "u1"),  # some decayed count of faults is not 0
        ("traded", "u1"),  # bits of EVER and IN_PANE
        ("pad", "u1", (4,)),
        ("price_last", "i8"),  # 1e-9: of the last trade
        ("price_open", "i8"),  # of trades in the open pane: the first
        ("price_high", "i8"),
        ("price_low", "i8"),
    ]
)

EVER: Final = 1
"""The instrument has traded."""
IN_PANE: Final = 2
"""It has traded in its open pane."""

# Columns of prices, int64.
TRADED: Final = 0
"""Bits of EVER and IN_PANE: whether there is a last price, and the other three."""
LAST: Final = 1
OPEN: Final = 2
HIGH: Final = 3
LOW: Final = 4
PRICE_COLUMNS: Final = 5

ROOT_DTYPE: Final = np.dtype(
    [
        ("pane", "i8"),  # second of the newest pane seen, open or closed
        ("closed", "i8"),  # second of the last closed pane
        ("group_ts", "i8"),  # ns: end of the panes that are being gathered
        ("group", "i8"),  # number of that group, −1 none
    ]
)

# Columns of an entry of the pool, int64: a committed pane.
SECOND: Final = 0
MID2: Final = 1
"""Bid + ask at its end, 1e-9, 0 unknown."""
NEXT: Final = 2
"""The next newer pane of the instrument, or the next free entry; −1 none."""
FIRST_SUM: Final = 3
ENTRY_COLUMNS: Final = FIRST_SUM + SUMS

SETTINGS_DTYPE: Final = np.dtype(
    [
        ("half_life_s", "f8"),
        ("records_min", "f8"),
        ("dirty_max", "f8"),
        ("weights", "f8", (FAULTS,)),
        ("limits", "f8", (FAULTS,)),
    ]
)

# Indices into counts.
FREE: Final = 0
"""First entry of the free list, −1 none."""
USED: Final = 1
"""Entries ever taken: those from here on are new."""
LIVE: Final = 2
"""Entries in chains."""
SERIAL: Final = 3
"""Number of the next group of panes."""
ROWS: Final = 4
"""Rows seen: they pace the sweep."""
SWEEP: Final = 5
"""Slot the sweep looked at last."""
SLOTS: Final = 6
"""Slots seen."""
COUNTS: Final = 7

_SWEEP_MASK = 3
"""One instrument is swept every so many rows + 1: those that went idle give their entries back."""

_RATE_MIN = 1e-9
"""A decayed count below this is none: denormal numbers are slow."""

_EXP2 = np.array([(-0.6931471805599453) ** n / factorial(n) for n in range(14)])
"""Taylor's coefficients of 2^−x about 0."""

_BUY = EVAL_DTYPE.fields["buy"][1] // 8  # type: ignore[index]
_OFI = EVAL_DTYPE.fields["ofi"][1] // 8  # type: ignore[index]
_PLAIN_SUMS = SUMS - 2
_FAULTS_FIRST = EVAL_DTYPE.fields["faults"][1] // 8  # type: ignore[index]
assert EVAL_DTYPE.itemsize == 8 * _FAULTS_FIRST + 4 * FAULTS
assert _OFI == _BUY + _PLAIN_SUMS
assert EVAL_DTYPE.names is not None
assert WINDOW_SUMS[:_PLAIN_SUMS] == EVAL_DTYPE.names[
    EVAL_DTYPE.names.index("buy") : EVAL_DTYPE.names.index("ofi")
]  # fmt: skip


@kernel
def exp2_minus(x: float) -> float:
    """2^−x for x ≥ 0, to 1e-12, out of products and sums alone: the same on every processor."""
    if x > 1000.0:
        return 0.0
    halvings = np.int64(x)
    rest = x - halvings
    value = _EXP2[_EXP2.size - 1]
    for power in range(_EXP2.size - 2, -1, -1):
        value = value * rest + _EXP2[power]
    for _ in range(halvings):
        value *= 0.5
    return value


@inlined
def expire(
    instrument: Any,
    running: NDArray[np.int64],
    entries: NDArray[np.int64],
    counts: NDArray[np.int64],
    pane: int,
) -> None:
    """Let the panes leave that lie a window's width or more before `pane`; free the oldest."""
    oldest = np.int64(instrument.leaving[_LONGEST])
    if oldest < 0:
        return
    for window in range(WINDOWS):
        index = np.int64(instrument.leaving[window])
        bound = pane - _WIDTHS[window]
        while index >= 0 and entries[index, SECOND] <= bound:
            for column in range(SUMS):
                running[window, column] -= entries[index, FIRST_SUM + column]
            instrument.mids2[window] = entries[index, MID2]
            index = entries[index, NEXT]
        instrument.leaving[window] = index
    while oldest != instrument.leaving[_LONGEST]:
        following = entries[oldest, NEXT]
        entries[oldest, NEXT] = counts[FREE]
        counts[FREE] = oldest
        counts[LIVE] -= 1
        oldest = following
    if oldest < 0:
        instrument.last = -1


@inlined
def commit(
    instrument: Any,
    entries: NDArray[np.int64],
    counts: NDArray[np.int64],
    second: int,
    mid2: int,
) -> int:
    """Append a pane to the instrument's chain and return its entry; its sums are still to write."""
    index = counts[FREE]
    if index >= 0:
        counts[FREE] = entries[index, NEXT]
    else:
        index = counts[USED]
        counts[USED] += 1
    counts[LIVE] += 1
    entries[index, SECOND] = second
    entries[index, MID2] = mid2
    entries[index, NEXT] = -1
    if instrument.last >= 0:
        entries[instrument.last, NEXT] = index
    instrument.last = index
    for window in range(WINDOWS):
        if instrument.leaving[window] < 0:
            instrument.leaving[window] = index
    return index


@inlined
def decay(instrument: Any, rates: NDArray[np.float64], pane: int, half_life_s: float) -> None:
    """Halve the instrument's counts once per half-life since they were last looked at."""
    kept = exp2_minus(np.float64(pane - instrument.pane) / half_life_s)
    instrument.pane = pane
    instrument.records *= kept
    if instrument.faulty:
        instrument.faulty = 0
        for kind in range(FAULTS):
            rates[kind] *= kept
            if rates[kind] < _RATE_MIN:
                rates[kind] = 0.0
            else:
                instrument.faulty = 1


@inlined
def score_of(row: Any, instrument: Any, rates: NDArray[np.float64], settings: Any) -> float:
    """Quality of the instrument, its faults up to the row being counted."""
    score = 1.0
    if instrument.faulty:
        per_record = 1.0 / (instrument.records + settings.records_min)
        for kind in range(FAULTS):
            share = rates[kind] * per_record / settings.limits[kind]
            score *= 1.0 - settings.weights[kind] * min(1.0, share)
    instrument.dirty = row.state & DIRTY
    if instrument.dirty:
        score = min(score, settings.dirty_max)
    instrument.score = score
    return score


@inlined
def note_trade(row: Any, instrument: Any) -> None:
    """Take the prices of an execution into the open pane; a sweep's lie between first and last."""
    if instrument.traded & IN_PANE == 0:
        instrument.price_open = row.price_first
        instrument.price_high = row.price_first
        instrument.price_low = row.price_first
    instrument.price_high = max(instrument.price_high, row.price_first, row.price_last)
    instrument.price_low = min(instrument.price_low, row.price_first, row.price_last)
    instrument.price_last = row.price_last
    instrument.traded = EVER | IN_PANE


@kernel
def weigh_rows(
    rows: NDArray[np.void],
    words: NDArray[np.int64],
    settings: NDArray[np.void],
    roots: NDArray[np.void],
    instruments: NDArray[np.void],
    running: NDArray[np.int64],
    rates: NDArray[np.float64],
    totals: NDArray[np.int64],
    entries: NDArray[np.int64],
    counts: NDArray[np.int64],
    windows: NDArray[np.int64],
    mids2: NDArray[np.int64],
    quality: NDArray[np.float64],
    groups: NDArray[np.int64],
    prices: NDArray[np.int64],
    done: NDArray[np.int64],
) -> int:
    """Windows and quality of each row; returns how many groups of panes became complete.

    Args:
        rows: Shape (n,), EVAL_DTYPE, in order.
        words: The same as int64, shape (n, itemsize/8).
        settings: Shape (1,), SETTINGS_DTYPE.
        roots: Shape (at least roots,), ROOT_DTYPE, changed.
        instruments: Shape (at least slots,), INSTRUMENT_DTYPE, changed.
        running: Shape (slots, WINDOWS, SUMS), changed: sums over the committed panes of a window.
        rates: Shape (slots, FAULTS), changed: decayed counts.
        totals: Shape (slots, FAULTS), changed: counts.
        entries: Shape (pool, ENTRY_COLUMNS), changed: room for a pane of each row.
        counts: Shape (COUNTS,), changed.
        windows: Shape (n, WINDOWS, SUMS), written.
        mids2: Shape (n, WINDOWS), written.
        quality: Shape (n,), written.
        groups: Shape (n,), written: number of the group a pane row belongs to, −1 for other rows;
            of no rows if nobody wants groups.
        prices: Shape (groups, PRICE_COLUMNS), written for pane rows: what traded in the pane.
        done: Shape (n,), written: numbers of complete groups, in the order of completion.
    """
    completed = 0
    gather = groups.size == rows.size
    for index in range(rows.size):
        row = rows[index]
        slot = np.int64(row.slot)
        root = roots[row.root]
        instrument = instruments[slot]
        is_pane = row.kind == PANE
        # The pane of the row. A late record's time lies before the pane it joined.
        second = row.ts_event // NS_PER_S
        if is_pane:
            pane = max(second - 1, root.pane)
            root.closed = pane
        else:
            pane = max(max(second, root.pane), root.closed + 1)
        root.pane = pane
        if not instrument.known:
            instrument.known = 1
            instrument.pane = pane
            instrument.root = row.root
            instrument.instrument_id = row.instrument_id
            counts[SLOTS] = max(counts[SLOTS], slot + 1)

        expire(instrument, running[slot], entries, counts, pane)
        for window in range(WINDOWS):
            mids2[index, window] = instrument.mids2[window]
        # The open pane's sums, in the line of the longest window at first.
        for column in range(_PLAIN_SUMS):
            windows[index, _LONGEST, column] = words[index, _BUY + column]
        ofi = np.int64(0)
        for level in range(OFI_LEVELS):
            ofi += words[index, _OFI + level]
        windows[index, _LONGEST, _PLAIN_SUMS] = words[index, _OFI]
        windows[index, _LONGEST, _PLAIN_SUMS + 1] = ofi
        if is_pane:
            mid2 = row.bid + row.ask if row.bid_size > 0 and row.ask_size > 0 else np.int64(0)
            entry = commit(instrument, entries, counts, pane, mid2)
            for column in range(SUMS):
                entries[entry, FIRST_SUM + column] = windows[index, _LONGEST, column]
        for window in range(WINDOWS):
            for column in range(SUMS):
                windows[index, window, column] = (
                    running[slot, window, column] + windows[index, _LONGEST, column]
                )
        if is_pane:
            for window in range(WINDOWS):
                for column in range(SUMS):
                    running[slot, window, column] = windows[index, window, column]

        if pane > instrument.pane:
            decay(instrument, rates[slot], pane, settings[0].half_life_s)
        fresh = row.records - instrument.counted
        instrument.records += np.float64(fresh if fresh >= 0 else row.records)
        instrument.counted = 0 if is_pane else row.records
        noted = np.int64(0)
        for word in range(_FAULTS_FIRST, words.shape[1]):
            noted |= words[index, word]
        if noted != 0:
            instrument.faulty = 1
            for kind in range(FAULTS):
                totals[slot, kind] += row.faults[kind]
                rates[slot, kind] += np.float64(row.faults[kind])
        quality[index] = score_of(row, instrument, rates[slot], settings[0])

        if row.kind == EXECUTION:
            note_trade(row, instrument)
        if gather:
            groups[index] = -1
            if root.group >= 0 and not (is_pane and row.ts_event == root.group_ts):
                done[completed] = root.group
                completed += 1
                root.group = -1
            if is_pane:
                if root.group < 0:
                    root.group = counts[SERIAL]
                    root.group_ts = row.ts_event
                    counts[SERIAL] += 1
                groups[index] = root.group
                prices[index, TRADED] = instrument.traded
                prices[index, LAST] = instrument.price_last
                prices[index, OPEN] = instrument.price_open
                prices[index, HIGH] = instrument.price_high
                prices[index, LOW] = instrument.price_low
        if is_pane:
            instrument.traded &= EVER

        counts[ROWS] += 1
        if counts[ROWS] & _SWEEP_MASK == 0:
            swept = counts[SWEEP] + 1
            if swept >= counts[SLOTS]:
                swept = 0
            counts[SWEEP] = swept
            if instruments[swept].known:
                expire(
                    instruments[swept],
                    running[swept],
                    entries,
                    counts,
                    roots[instruments[swept].root].pane,
                )
    return completed

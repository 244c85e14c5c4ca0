"""Judges evaluation rows against merged histograms, and counts them into today's.

One long loop over rows; `tests/operators/baseline_oracle.py` says the same slowly. It returns to
Python when a row needs what is rare: an instrument looked up, a bucket closed, a reference built.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.baseline_state import ADDED, BAD_DATA, OUT_OF_HOURS, WARMING
from operators.calendar_kernel import span_at
from operators.histogram import METRICS, at_least_as_extreme, bin_of
from operators.kernels import inlined, kernel
from operators.model.evaluations import (
    AUCTION,
    CROSSED,
    DIRTY,
    EXECUTION,
    JUDGED,
    JUDGED_SIGNED,
    PANE,
    WINDOW_SUMS,
    WINDOWS_S,
)

LOG_RATIO_SCALE: Final = 64
"""pressure metrics are integers of so many per unit of the log-ratio."""

DONE: Final = 0
INSTRUMENT: Final = 1
"""The row's instrument is not at its slot."""
ADVANCE: Final = 2
"""The row is the first of its root in a later bucket."""
PLACE: Final = 3
"""The row's class has no reference for the current bucket yet."""

_PRESSURE: Final = np.array([WINDOWS_S.index(s) for s in (5, 30, 60, 300)])
_W5, _W30, _W60, _W300 = (WINDOWS_S.index(s) for s in (5, 30, 60, 300))
_BUY, _SELL = WINDOW_SUMS.index("buy"), WINDOW_SUMS.index("sell")
_STOP_BUY, _STOP_SELL = WINDOW_SUMS.index("stop_buy"), WINDOW_SUMS.index("stop_sell")
_CANCEL_BID, _CANCEL_ASK = WINDOW_SUMS.index("cancel_bid"), WINDOW_SUMS.index("cancel_ask")
_FLASH_BID, _FLASH_ASK = WINDOW_SUMS.index("flash_bid"), WINDOW_SUMS.index("flash_ask")
_OFI = WINDOW_SUMS.index("ofi_10")
_ABSORPTION = JUDGED.index("absorption_60")
_SIZE = JUDGED.index("size")
assert JUDGED[:4] == tuple(f"pressure_{WINDOWS_S[w]}" for w in _PRESSURE)
assert JUDGED[4:7] == ("ofi_30", "ofi_300", "absorption_60")
assert JUDGED[JUDGED_SIGNED:] == (
    *("volume_60", "stops_5", "cancel_60", "flash_5", "size", "hidden"),
)


class Limits(NamedTuple):
    """Settings, for the kernel."""

    bucket_s: int
    buckets: int
    """Buckets per day."""
    pseudo_size: float
    sessions_min: int
    quality_min: float


class Judgement(NamedTuple):
    """What is written per row."""

    z: NDArray[np.float64]
    """(rows, METRICS)."""
    tail_p: NDArray[np.float64]
    """(rows, METRICS)."""
    sessions: NDArray[np.int16]
    """(rows,)."""


@kernel
def judge(  # type: ignore[no-untyped-def]
    rows, windows, mids2, quality, root_of, feed, roots, places, instruments, calendar, limits,
    start, out, values,
):  # fmt: skip
    """Judges rows from `start`; returns (row, why, clock) of the row it stopped before, or DONE.

    `rows` … `quality` as in `Evaluations`; `root_of` (roots of the batch,) int32, −1 for a root not
    kept; `feed` the feed's number; `values` (METRICS,) int64 is scratch.
    """
    kinds, states, slots, ids = rows["kind"], rows["state"], rows["slot"], rows["instrument_id"]
    instants, aggressors, row_roots = rows["ts_event"], rows["aggressor"], rows["root"]
    bids, asks, sizes, hiddens = rows["bid"], rows["ask"], rows["size"], rows["hidden"]
    bid_sizes, ask_sizes = rows["bid_size"], rows["ask_size"]
    session, bucket, is_open, span_first, span_stop = 0, 0, False, 0, 0
    for i in range(start, kinds.size):
        kind = kinds[i]
        root = root_of[row_roots[i]]
        if (kind != PANE and kind != EXECUTION) or root < 0:
            continue
        slot = np.int64(slots[i])
        if slot >= instruments.key.size or instruments.key[slot] != feed << 32 | np.int64(ids[i]):
            return i, INSTRUMENT, 0
        # A pane's time is its end, which belongs to what follows.
        ts = instants[i] - (kind == PANE)
        if not span_first <= ts < span_stop:
            session, bucket, is_open, span_first, span_stop = span_at(calendar, ts, limits.bucket_s)
        if session * limits.buckets + bucket > roots.clock[root]:
            return i, ADVANCE, session * limits.buckets + bucket
        place = roots.place[root, instruments.class_[slot]]
        if place < 0 or places.clock[place] != roots.clock[root]:
            return i, PLACE, 0

        if kind == PANE:
            first, stop = 0, _SIZE
            measure_pane(windows[i], limits.pseudo_size, values)
            tick = instruments.tick_e9[slot]
            step = tick if tick > 0 else asks[i] - bids[i]
            known = bid_sizes[i] > 0 and ask_sizes[i] > 0 and mids2[i, _W60] != 0 and step > 0
            if known:
                net = windows[i, _W60, _BUY] - windows[i, _W60, _SELL]
                moved2 = bids[i] + asks[i] - mids2[i, _W60]
                values[_ABSORPTION] = absorption(net, moved2, step)
        else:
            first, stop, known = _SIZE, METRICS, True
            if aggressors[i] == AUCTION:  # nobody's order
                stop = first
            values[_SIZE], values[_SIZE + 1] = sizes[i], hiddens[i]

        out.sessions[i] = places.sessions[place]
        warm = places.sessions[place] >= limits.sessions_min
        sound = states[i] & (DIRTY | CROSSED) == 0 and quality[i] >= limits.quality_min
        if not warm:
            roots.counts[root, WARMING] += 1
        if not is_open:
            roots.counts[root, OUT_OF_HOURS] += 1
        elif not sound:
            roots.counts[root, BAD_DATA] += 1
        elif first < stop:
            roots.counts[root, ADDED] += 1
            roots.trades[root] += kind == EXECUTION
            places.filled[place] = places.changed[place] = True
        counted = is_open and sound
        for m in range(first, stop):
            if m == _ABSORPTION and not known:
                continue
            at = bin_of(m, values[m])
            n = places.n[place, m]
            if warm and n > 0:
                extreme = at_least_as_extreme(places.below[place], n, m, at)
                out.tail_p[i, m] = (1.0 + extreme) / (n + 1.0)
                away = np.float64(values[m]) - places.median[place, m]
                out.z[i, m] = away * places.scale[place, m]
            if counted:
                places.today[place, at] += 1
    return kinds.size, DONE, 0


@inlined
def measure_pane(sums, pseudo_size, values):  # type: ignore[no-untyped-def]
    """Writes the metrics of a pane row to `values`, all but `absorption_60`."""
    for m in range(_PRESSURE.size):
        w = _PRESSURE[m]
        values[m] = log_ratio(sums[w, _BUY], sums[w, _SELL], pseudo_size)
    values[4] = sums[_W30, _OFI]
    values[5] = sums[_W300, _OFI]
    values[7] = sums[_W60, _BUY] + sums[_W60, _SELL]
    values[8] = sums[_W5, _STOP_BUY] + sums[_W5, _STOP_SELL]
    values[9] = sums[_W60, _CANCEL_BID] + sums[_W60, _CANCEL_ASK]
    values[10] = max(sums[_W5, _FLASH_BID], sums[_W5, _FLASH_ASK])


@inlined
def log_ratio(buy, sell, pseudo_size):  # type: ignore[no-untyped-def]
    """ln((buy + a)/(sell + a)) in 1/LOG_RATIO_SCALE, rounded; odd under exchange of sides."""
    if buy == sell:
        return 0
    more, less = max(buy, sell) + pseudo_size, min(buy, sell) + pseudo_size
    size = np.int64(np.floor(np.log(more / less) * LOG_RATIO_SCALE + 0.5))
    return size if buy > sell else -size


@inlined
def absorption(net, move2_e9, step_e9):  # type: ignore[no-untyped-def]
    """Net aggressor contracts per step that they moved the mid, signed by who was hit.

    A move of less than a step, or against the flow, counts as one. Positive where bids took the
    selling: the price held although contracts were sold into it.
    """
    toward2 = move2_e9 if net > 0 else -move2_e9
    steps = max(toward2 // (2 * step_e9), 1)
    return -(net // steps) if net > 0 else -net // steps

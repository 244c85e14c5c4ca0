"""Metaorders: institutions, and those who look like them, trade through the same matching."""

import math

import numpy as np

from simulator.behaviours_kernel import (
    ABSORPTION,
    HEDGE,
    ICEBERG,
    LARGE,
    QUOTE_CHURN,
    SPOOF_FLASH,
    STOP_RUN,
    SWEEP,
    SYNTHETIC_ICEBERG,
    TWO_SIDED,
    accumulate,
    churn,
    executed,
    flash,
    go_both_ways,
    hedge,
    run_stops,
    slice_off,
    take,
    varied,
    withdraw,
)
from simulator.exchange_state import BID, CANCELLATION, FOREVER, LIMIT, NOTHING, part

LATE_NS = 60_000_000_000

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_S29, _S32, _S11 = np.uint64(29), np.uint64(32), np.uint64(11)


@part
def choose_act(market, metaorders):
    """The metaorder that is due first chooses its message to the exchange; gives its index.

    What it chose is in `market.entry`, NOTHING if it only waits.
    """
    k = _due_first(market, metaorders)
    m = metaorders[k]
    e = market.entry[0]
    ts = np.int64(m.ts_next)
    e.kind = NOTHING
    e.instrument = m.instrument
    e.ts = ts
    e.side = m.side
    e.hidden = 0
    e.owner = 1 + k
    e.rests = 0
    x = market.instruments[m.instrument]
    if m.acts == 0:
        m.volume = x.volume
    m.ts_next += _gap(m)
    # Flow that is even in the end goes on until it is.
    over = ts >= m.ts_end and (m.kind != TWO_SIDED or m.position == 0 or ts >= m.ts_end + LATE_NS)
    if over or executed(market, m) >= m.size:
        _leave(market, m)
    elif x.bid >= 0 and x.ask < x.width:
        _act(market, m, ts)
        if e.kind == LIMIT and e.size < 1:
            e.kind = NOTHING
    m.acts += 1
    return k


@part
def _due_first(market, metaorders):
    """Index of the metaorder that acts next, among those that have begun and are not done."""
    clock = market.clock[0]
    while clock.metas_stop < metaorders.size and metaorders[clock.metas_stop].ts_begin <= clock.due:
        clock.metas_stop += 1
    while metaorders[clock.metas_first].ts_next == FOREVER:
        clock.metas_first += 1
    k = np.int64(clock.metas_first)
    for j in range(clock.metas_first, clock.metas_stop):
        if metaorders[j].ts_next < metaorders[k].ts_next:
            k = np.int64(j)
    return k


@part
def _gap(m):
    """Time until it acts again: the legs of a group have the same."""
    state = (np.uint64(m.group) * _MIX + np.uint64(m.acts)) * _GAMMA
    state = (state ^ (state >> _S29)) * _MIX
    u = np.float64((state ^ (state >> _S32)) >> _S11) * (1.0 / 9007199254740992.0)
    return np.int64(m.period_ns * (1.0 - m.jitter - m.jitter * math.log(1.0 - u)))


@part
def _act(market, m, ts):
    if m.kind == SWEEP:
        take(market, m, m.side, m.levels, m.size)
    elif m.kind == LARGE:
        take(market, m, m.side, m.levels, m.size)
        market.entry[0].size = varied(market, m)
    elif m.kind == STOP_RUN:
        run_stops(market, m)
    elif m.kind == ICEBERG or m.kind == SYNTHETIC_ICEBERG or m.kind == ABSORPTION:
        accumulate(market, m)
    elif m.kind == HEDGE:
        hedge(market, m)
    elif m.kind == TWO_SIDED:
        go_both_ways(market, m)
    elif m.kind == QUOTE_CHURN:
        churn(market, m)
    elif m.kind == SPOOF_FLASH:
        flash(market, m, ts)
    else:
        slice_off(market, m, ts)


@part
def book_act(market, metaorders, k):
    """Note what came of the metaorder's message, and when the next one is due."""
    m = metaorders[k]
    e = market.entry[0]
    clock = market.clock[0]
    if e.kind == LIMIT and e.owner == 1 + k:
        if m.ts_first == 0:
            m.ts_first = clock.ts
        m.ts_last = clock.ts
        _book_taken(market, m, e)
        if e.slot >= 0:
            m.slot = e.slot
            m.placed = e.size + e.hidden
        if m.ids < m.order_ids.size:
            m.order_ids[m.ids] = e.order_id
            m.ids += 1
    elif e.kind == CANCELLATION:
        m.slot = -1
        m.ts_last = clock.ts
    due = FOREVER
    if clock.metas_stop < metaorders.size:
        due = metaorders[clock.metas_stop].ts_begin
    for j in range(clock.metas_first, clock.metas_stop):
        due = min(due, metaorders[j].ts_next)
    clock.due = due


@part
def _book_taken(market, m, e):
    """What an aggressor order of its own took moves the value."""
    x = market.instruments[m.instrument]
    signed = e.taken if e.side == BID else -e.taken
    m.done += e.taken
    m.booked += e.taken
    m.position += signed
    m.volume += e.taken
    x.flow += m.informed * signed


@part
def _leave(market, m):
    """It has what it wanted, or its time is over."""
    if m.kind == ABSORPTION:
        market.instruments[m.instrument].bias = 0.0
    if m.slot >= 0:
        withdraw(market, m)
    m.ts_next = FOREVER

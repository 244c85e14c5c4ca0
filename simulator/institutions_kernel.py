"""Metaorders: institutions that execute through the same matching as everybody else."""

import numpy as np

from simulator.exchange_orders import place_stop
from simulator.exchange_records import below, uniform
from simulator.exchange_state import (
    BACKGROUND,
    BID,
    CANCELLATION,
    FOREVER,
    LIMIT,
    MODIFICATION,
    NOTHING,
    part,
)

TWAP = 0
ICEBERG = 1
SWEEP = 2
STOP_RUN = 3
ABSORPTION = 4

CROWD_BIAS = 0.5
"""How much the crowd leans against an absorbing seller or buyer."""
FOLLOW_TICKS = 2
"""How far the price may run from an accumulating iceberg before it follows."""


@part
def choose_act(market, metaorders):
    """The metaorder that is due first chooses its message to the exchange; gives its index.

    What it chose is in `market.entry`, NOTHING if it only waits.
    """
    k = 0
    for j in range(metaorders.size):
        if metaorders[j].ts_next < metaorders[k].ts_next:
            k = j
    m = metaorders[k]
    e = market.entry[0]
    e.kind = NOTHING
    e.instrument = m.instrument
    e.ts = m.ts_next
    e.side = m.side
    e.hidden = 0
    e.owner = BACKGROUND
    e.rests = 0
    x = market.instruments[m.instrument]
    over = e.ts >= m.ts_end or _executed(market, m) >= m.size
    m.ts_next += np.int64(m.period_ns * (0.9 + 0.2 * uniform(market.clock)))
    if over:
        _leave(market, m)
    elif x.bid >= 0 and x.ask < x.width:
        if m.kind == TWAP:
            _take(market, m, 2)
            e.size = min(m.slice, m.size - m.done)
        elif m.kind == SWEEP:
            _take(market, m, m.levels)
        elif m.kind == STOP_RUN:
            if m.acts == 0:
                _plant_stops(market, m)
            _take(market, m, 2)
        else:
            _rest(market, m, k)
    m.acts += 1
    return k


@part
def book_act(market, metaorders, k):
    """Note what came of the metaorder's message, and when the next one is due."""
    m = metaorders[k]
    e = market.entry[0]
    ts = market.clock[0].ts
    if e.kind == LIMIT and e.side == m.side:
        if m.ts_first == 0:
            m.ts_first = ts
        m.ts_last = ts
        m.done += e.taken
        if e.slot >= 0:
            m.slot = e.slot
            m.placed = e.size + e.hidden
        if m.ids < m.order_ids.size:
            m.order_ids[m.ids] = e.order_id
            m.ids += 1
    elif e.kind == CANCELLATION:
        m.slot = -1
        m.ts_last = ts
    due = FOREVER
    for j in range(metaorders.size):
        due = min(due, metaorders[j].ts_next)
    market.clock[0].due = due


@part
def _executed(market, m):
    if m.slot < 0:
        return np.int64(m.done)
    o = market.orders[m.slot]
    return np.int64(m.done + m.placed - o.size - o.hidden)


@part
def _take(market, m, levels):
    """An aggressor order for what is displayed on the first `levels` levels it meets."""
    x = market.instruments[m.instrument]
    e = market.entry[0]
    first = x.level_first + (1 - m.side) * x.width
    price = np.int64(x.ask if m.side == BID else x.bid)
    step = 1 if m.side == BID else -1
    e.kind = LIMIT
    e.price = price
    e.size = 0
    while 0 <= price < x.width and levels > 0:
        if market.levels[first + price].count > 0:
            e.price = price
            e.size += market.levels[first + price].size
            levels -= 1
        price += step


@part
def _plant_stops(market, m):
    """The stops a stop run is after: the crowd's, just beyond the touch."""
    x = market.instruments[m.instrument]
    for j in range(m.levels):
        distance = 2 + j // 3
        trigger = x.ask + distance if m.side == BID else x.bid - distance
        if x.low < trigger < x.high:
            size = 3 + below(market.clock, 15)
            place_stop(market, m.instrument, m.side, trigger, size, BACKGROUND)


@part
def _rest(market, m, k):
    """Keep an iceberg at the own best price; for absorption the crowd runs into it."""
    x = market.instruments[m.instrument]
    e = market.entry[0]
    best = np.int64(x.bid if m.side == BID else x.ask)
    if m.kind == ABSORPTION:
        x.bias = -CROWD_BIAS if m.side == BID else CROWD_BIAS
    if m.slot < 0:
        e.kind = LIMIT
        e.price = best
        e.size = min(m.slice, m.size - m.done)
        e.hidden = m.size - m.done - e.size
        e.owner = 1 + k
        e.rests = 1
        return
    o = market.orders[m.slot]
    behind = best - o.price if m.side == BID else o.price - best
    if behind > (FOLLOW_TICKS if m.kind == ICEBERG else 0):
        e.kind = MODIFICATION
        e.slot = m.slot
        e.price = best
        e.size = o.size
    elif m.kind == ABSORPTION:
        e.kind = LIMIT
        e.side = 1 - m.side
        e.price = best
        e.size = 4 + below(market.clock, 30)


@part
def _leave(market, m):
    """It has what it wanted, or its time is over."""
    m.done = _executed(market, m)
    m.placed = 0
    market.instruments[m.instrument].bias = 0.0
    if m.slot >= 0:
        e = market.entry[0]
        e.kind = CANCELLATION
        e.slot = m.slot
    m.ts_next = FOREVER

"""What a metaorder does when it is due: take, rest, flash or churn.

Every behaviour chooses one message in `market.entry`; without one it only waits. Those that take
do so by contracts wanted now, which differ by kind; see `behaviours` for what each kind is.
"""

import math

import numpy as np

from simulator.beliefs_kernel import mid
from simulator.exchange_orders import place_stop
from simulator.exchange_records import below, uniform
from simulator.exchange_state import (
    ASK,
    BACKGROUND,
    BID,
    CANCELLATION,
    LIMIT,
    MODIFICATION,
    OPTION,
    part,
)

TWAP = 0
VWAP = 1
POV = 2
ICEBERG = 3
SYNTHETIC_ICEBERG = 4
SWEEP = 5
LARGE = 6
STOP_RUN = 7
ABSORPTION = 8
OPTION_BUYING = 9
STRADDLE = 10
SPREAD_TRADE = 11
HEDGE = 12
ROLL = 13
QUOTE_CHURN = 14
SPOOF_FLASH = 15
TWO_SIDED = 16

CROWD_BIAS = 0.5
"""How much the crowd leans against an absorbing seller or buyer."""
FOLLOW_TICKS = 2
"""How far the price may run from the most patient iceberg before it follows."""
RUN_LENGTH = 5
"""Orders of one side in a row, of flow that is even in the end."""
SETTLE_NS = 60_000_000
"""Time after which what was not met passively is taken."""


@part
def executed(market, m):
    """Contracts of a metaorder so far."""
    if m.slot < 0:
        return np.int64(m.done)
    o = market.orders[m.slot]
    return np.int64(m.done + m.placed - o.size - o.hidden)


@part
def withdraw(market, m):
    """Take its resting order out."""
    e = market.entry[0]
    m.done = executed(market, m)
    m.placed = 0
    e.kind = CANCELLATION
    e.slot = m.slot


@part
def take(market, m, side, levels, size):
    """An aggressor order for at most `size` of what is displayed on the first `levels` levels."""
    x = market.instruments[m.instrument]
    e = market.entry[0]
    first = x.level_first + (1 - side) * x.width
    price = np.int64(x.ask if side == BID else x.bid)
    step = 1 if side == BID else -1
    e.kind = LIMIT
    e.side = side
    e.price = price
    displayed = np.int64(0)
    while 0 <= price < x.width and levels > 0:
        if market.levels[first + price].count > 0:
            e.price = price
            displayed += market.levels[first + price].size
            levels -= 1
        price += step
    e.size = min(size, displayed)


@part
def rest(market, side, price, size, hidden):
    """A passive order of its own."""
    e = market.entry[0]
    e.kind = LIMIT
    e.side = side
    e.price = price
    e.size = size
    e.hidden = hidden
    e.rests = 1


@part
def varied(market, m):
    """Size of its next order."""
    change = m.vary * (2.0 * uniform(market.clock) - 1.0)
    return max(1, np.int64(m.slice * (1.0 + change) + 0.5))


@part
def _wanted(market, m, ts):
    """Contracts a slicing metaorder wants now, 0 for none."""
    x = market.instruments[m.instrument]
    left = m.size - executed(market, m)
    if m.kind == POV:
        others = x.volume - m.volume
        m.volume = x.volume
        m.carry += m.share / (1.0 - m.share) * others
        want = np.int64(m.carry)
        m.carry -= want
    elif (m.kind == TWAP and m.passive == 0.0) or m.kind >= OPTION_BUYING:
        want = varied(market, m)
    else:
        p = min(1.0, (ts - m.ts_begin + 0.5 * m.period_ns) / (m.ts_end - m.ts_begin))
        want = np.int64(m.size * (p + m.curve * p * (1.0 - p)) - executed(market, m))
    return min(want, left)


@part
def slice_off(market, m, ts):
    """The next slice: taken, or rested at the own best price and taken a moment later."""
    x = market.instruments[m.instrument]
    if m.slot >= 0:
        m.carry += (m.kind == POV) * market.orders[m.slot].size
        withdraw(market, m)
        m.ts_next = ts + SETTLE_NS
        return
    want = _wanted(market, m, ts)
    if want < 1:
        return
    if uniform(market.clock) < m.passive:
        rest(market, m.side, x.bid if m.side == BID else x.ask, want, 0)
        return
    take(market, m, m.side, 1 if x.kind == OPTION else 2, want)


@part
def accumulate(market, m):
    """Keep an iceberg at the own best price; for absorption the crowd runs into it."""
    x = market.instruments[m.instrument]
    e = market.entry[0]
    best = np.int64(x.bid if m.side == BID else x.ask)
    if m.kind == ABSORPTION:
        x.bias = -CROWD_BIAS if m.side == BID else CROWD_BIAS
    if m.slot < 0:
        size = min(varied(market, m), m.size - m.done)
        hidden = 0 if m.kind == SYNTHETIC_ICEBERG else m.size - m.done - size
        rest(market, m.side, best, size, hidden)
        return
    o = market.orders[m.slot]
    behind = best - o.price if m.side == BID else o.price - best
    if behind > (0 if m.kind == ABSORPTION else min(m.difficulty, FOLLOW_TICKS)):
        e.kind = MODIFICATION
        e.slot = m.slot
        e.price = best
        e.size = o.size
    elif m.kind == ABSORPTION:
        # The crowd, not the institution: it pushes against the wall.
        e.kind = LIMIT
        e.side = 1 - m.side
        e.price = best
        e.size = 1 + below(market.clock, m.levels)
        e.owner = BACKGROUND


@part
def run_stops(market, m):
    """Aggress until the stops of the crowd, just beyond the touch, go off."""
    x = market.instruments[m.instrument]
    for j in range(m.levels if m.acts == 0 else 0):
        distance = 2 + j // 3
        trigger = x.ask + distance if m.side == BID else x.bid - distance
        if x.low < trigger < x.high:
            size = 3 + below(market.clock, 15)
            place_stop(market, m.instrument, m.side, trigger, size, BACKGROUND)
    take(market, m, m.side, 2, m.size)


@part
def hedge(market, m):
    """Follow the price up and down, as one who is short options must."""
    x = market.instruments[m.instrument]
    if m.acts == 0:
        m.start = mid(x)
    target = m.share * (mid(x) - m.start)
    want = np.int64(math.floor(min(max(target, -m.slice), m.slice))) - m.position
    if want != 0:
        take(market, m, BID if want > 0 else ASK, 2, abs(want))


@part
def go_both_ways(market, m):
    """Buy and sell the same size, a run of each in turn."""
    run = RUN_LENGTH if m.difficulty == 2 else 1
    if (m.acts // run) & 1 == 0:
        take(market, m, m.side, 2, m.slice)
    elif m.position != 0:
        orders_left = run - m.acts % run
        size = (abs(m.position) + orders_left - 1) // orders_left
        take(market, m, ASK if m.position > 0 else BID, 2, size)


@part
def churn(market, m):
    """Place, move and withdraw a quote near the touch without meaning to trade."""
    x = market.instruments[m.instrument]
    e = market.entry[0]
    if m.slot < 0:
        side = below(market.clock, 2)
        away = 1 + below(market.clock, 3)
        price = x.bid - away if side == BID else x.ask + away
        rest(market, side, min(max(price, x.low), x.high), varied(market, m), 0)
        return
    o = market.orders[m.slot]
    if uniform(market.clock) < 0.4:
        withdraw(market, m)
        return
    away = 1 + below(market.clock, 3)
    price = x.bid - away if o.side == BID else x.ask + away
    e.kind = MODIFICATION
    e.slot = m.slot
    e.price = min(max(price, x.low), x.high)
    e.size = o.size


@part
def flash(market, m, ts):
    """A large order near the touch, a small trade on the other side, and it is gone again."""
    x = market.instruments[m.instrument]
    stage = m.acts % 3
    m.ts_next = ts + np.int64(m.delay_ns * (0.5 + uniform(market.clock)))
    if stage == 0:
        away = 1 + below(market.clock, m.levels)
        price = x.bid - away if m.side == BID else x.ask + away
        rest(market, m.side, min(max(price, x.low), x.high), varied(market, m), 0)
    elif stage == 1:
        take(market, m, 1 - m.side, 1, 1 + below(market.clock, 3))
    else:
        m.ts_next = ts + np.int64(m.period_ns * (0.5 + uniform(market.clock)))
        if m.slot >= 0:
            withdraw(market, m)

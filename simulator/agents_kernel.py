"""The crowd: background order flow, one event at a time, at random moments.

Shares and shapes follow one hour of ESH4: of 100 events 43 are adds, 27 cancels, 24 modifies and
6 executions; aggressor sizes have p50 1, p90 7, p99 37; their signs are autocorrelated (0.4 at lag
1, slowly falling), arrivals are clustered. Two market makers per instrument quote around its value.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.beliefs_kernel import lean, side_of_next
from simulator.exchange_orders import link, new_order, new_order_id, place_stop
from simulator.exchange_records import below, exponential, uniform
from simulator.exchange_state import (
    ASK,
    BACKGROUND,
    BID,
    CANCELLATION,
    LIMIT,
    MODIFICATION,
    OPTION,
    Market,
    kernel,
    part,
)
from simulator.makers_kernel import quote, reduce_inventory

EXECUTION_SHARE = 0.062
OPTION_EXECUTION_SHARE = 0.02
OPTION_QUOTE_SHARE = 0.7
"""Events of an option that are a maker's, where a quote is not where it should be."""
MODIFY_SHARE = 0.275
QUOTE_SHARE = 0.25
"""Modifies that are a market maker's, where its quote is not where it should be."""
ADD_SHARE = 0.61
"""Of adds and cancels, when the book has the size it should have."""
CROSSING_SHARE = 0.026
"""Modifies that go through the market."""
ICEBERG_SHARE = 0.004
STOP_SHARE = 0.006
"""Adds that bring a stop order with them."""
LEVEL_SIZE = 150.0
RETREAT_SHARE = 0.2
"""Modifies of a price that go a tick or two back from where the order was."""
INSIDE_SHARE = 0.2
"""Adds that go inside a wide spread, where there is one."""
THIN_SIZE = 25.0
"""Contracts at a price with which every second cancel spares it."""
FLEETING_SHARE = 0.18
"""Cancels following at once upon another event that take the newest order away."""
RELOAD_SHARE = 0.3
RELOAD_NS = 300_000_000
"""Adds that repeat an order filled out less than this before."""
STALE_SHARE = 0.1
"""Cancels of orders that the market has left behind."""
SIGN_PULL = 0.10
"""Extra share of new sides towards the value, per tick that the mid is away."""
CANCEL_PULL = 0.20
"""Share of cancels, per tick that the value is away, that make way for the price at the touch."""
ADD_PULL = 0.40
"""Share of adds, per such tick, that keep out of the price's way, or fill a gap from its side."""
CALM_TICKS = 0.5
"""Distance of the value from the mid within which nobody minds: the mid stands on half ticks."""


class Flow(NamedTuple):
    """What the crowd draws from. Read-only."""

    sizes: NDArray[np.int32]
    """(4096,) Contracts of an aggressor order by quantile."""
    resting_sizes: NDArray[np.int32]
    """(4096,) Contracts of a passive order by quantile."""
    distances: NDArray[np.int32]
    """(4096,) Ticks from the own best by quantile."""
    sign_lags: NDArray[np.int32]
    """(4096,) How far back an aggressor's side is copied from, by quantile; 0: it is new."""
    alias_ratio: NDArray[np.float64]
    """(instruments,) With `alias`, Walker's alias table of activity."""
    alias: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    """(instruments,) An instrument of the same root."""
    day: NDArray[np.float64]
    """(1440,) Activity by minute of the exchange's day; 0 is closed."""
    offset_ns: int
    """Exchange's clock minus UTC."""
    records_per_s: float
    wave_sigma: float
    """Of the slow wave of activity."""
    ripple_sigma: float
    """Of the fast one."""
    news_per_s: float
    noise: float
    """Ticks per aggressor."""
    response: float
    """Ticks per unforeseen aggressor."""
    impact: float
    """Ticks per root of contracts that institutions have taken."""
    touch_size: float
    caution: float
    """Ticks: half of the makers' spread."""


@part
def draw(clock, table):
    """A value of a quantile table."""
    return np.int64(table[np.int64(uniform(clock) * table.size)])


@part
def _distance(clock, flow, x):
    distance = draw(clock, flow.distances)
    return distance if distance < x.reach else below(clock, x.reach)


@part
def _clip(x, price):
    return min(max(price, x.low), x.high)


@kernel
def populate(market: Market, flow: Flow, i):
    """Fill the book of instrument `i` to its target, without a record."""
    x = market.instruments[i]
    clock = market.clock
    for k in range(x.target):
        side = k & 1
        # Every level as full as the next, as on ESH4, and somebody at the touch.
        distance = below(clock, x.reach) if k >= 2 else 0
        price = x.anchor - distance if side == BID else x.anchor + 1 + distance
        if price < x.low or price > x.high:
            price = x.anchor if side == BID else x.anchor + 1
        size = draw(clock, flow.resting_sizes)
        slot = new_order(
            market, i, side, price, size, 0, BACKGROUND, new_order_id(market, x.channel)
        )
        if slot < 0:
            return
        link(market, slot)


@part
def _choose(market, flow, i, ts):
    """A resting order near the touch, nobody's favourite queue position; −1 if none was found.

    The further the value is away, the more often it is one that stands in the price's way.
    """
    x = market.instruments[i]
    clock = market.clock
    if x.bids + x.asks == 0:
        return -1
    away = lean(market, flow, i, ts)
    if uniform(clock) < CANCEL_PULL * (abs(away) - CALM_TICKS):
        side = ASK if away > 0.0 else BID
        distance = 0
    else:
        side = BID if uniform(clock) * (x.bids + x.asks) < x.bids else ASK
        distance = _distance(clock, flow, x)
    step = -1 if side == BID else 1
    price = (x.bid if side == BID else x.ask) + step * distance
    first = x.level_first + side * x.width
    for _ in range(12):
        size = market.levels[first + price].size if 0 <= price < x.width else 0
        if uniform(clock) * (size + THIN_SIZE) < size:
            slot = np.int64(market.levels[first + price].tail)
            hops = np.int64(6.0 * exponential(clock))
            while hops > 0 and market.orders[slot].previous >= 0:
                slot = np.int64(market.orders[slot].previous)
                hops -= 1
            if market.orders[slot].owner == BACKGROUND:
                return slot
        price -= step
        if (side == BID and price > x.bid) or (side == ASK and price < x.ask):
            price -= step * -8
    return -1


@part
def _left_behind(market):
    """An order of the crowd, of any instrument, further from the touch than it would be placed."""
    # Slots are given out from the lowest on.
    used = 1.1 * (market.orders.size - market.clock[0].free)
    for _ in range(6):
        slot = below(market.clock, min(market.orders.size, used))
        o = market.orders[slot]
        if o.order_id == 0 or o.owner != BACKGROUND:
            continue
        x = market.instruments[o.instrument]
        away = x.bid - o.price if o.side == BID else o.price - x.ask
        if away > x.reach + 8 and x.bid >= 0 and x.ask < x.width:
            return slot
    return -1


@part
def _add(market, flow, i, ts):
    x = market.instruments[i]
    clock = market.clock
    if x.gone_size > 1 and ts - x.gone_ts < RELOAD_NS and uniform(clock) < RELOAD_SHARE:
        if x.gone_price < x.ask if x.gone_side == BID else x.gone_price > x.bid:
            _limit(market, x.gone_side, x.gone_price, x.gone_size, 0, BACKGROUND, True)
            x.gone_size = 0
            return
    away = lean(market, flow, i, ts)
    side = BID if uniform(clock) * (x.bids + x.asks + 2) < x.asks + 1 else ASK
    if x.bid < 0:
        side = BID
    elif x.ask >= x.width:
        side = ASK
    elif x.ask - x.bid > 1:
        side = BID if uniform(clock) < 0.5 + ADD_PULL * away else ASK
    price = _own_price(market, flow, x, side, away)
    size = draw(clock, flow.resting_sizes)
    hidden = 0
    u = uniform(clock)
    if u < ICEBERG_SHARE:
        size = 1 + below(clock, 8)
        hidden = size * (2 + below(clock, 12))
        if x.bid >= 0 and x.ask < x.width:
            price = np.int64(x.bid if side == BID else x.ask)
    elif u < ICEBERG_SHARE + STOP_SHARE and x.kind != OPTION:
        distance = 1 + _distance(clock, flow, x) + below(clock, 4)
        trigger = x.ask + distance if uniform(clock) < 0.5 else x.bid - distance
        if x.low < trigger < x.high:
            place_stop(market, i, BID if trigger > x.bid else ASK, trigger, size, BACKGROUND)
    _limit(market, side, price, size, hidden, BACKGROUND, True)


@part
def _limit(market, side, price, size, hidden, owner, rests):
    e = market.entry[0]
    e.kind = LIMIT
    e.side = side
    e.price = price
    e.size = size
    e.hidden = hidden
    e.owner = owner
    e.rests = rests


@part
def _change(market, slot, price, size):
    e = market.entry[0]
    e.kind = MODIFICATION
    e.slot = slot
    e.price = price
    e.size = size


@part
def _own_price(market, flow, x, side, away):
    """Where a passive order of `side` goes: inside a wide spread, at the touch, or behind it."""
    clock = market.clock
    bid, ask = x.bid, x.ask
    if bid < 0:
        bid = _clip(x, (ask if ask < x.width else x.anchor + 1) - 1)
    if ask >= x.width:
        ask = _clip(x, bid + 1)
    if ask - bid > 1 and uniform(clock) < INSIDE_SHARE:
        inside = 1 + np.int64(exponential(clock) * 0.3 * (ask - bid - 1))
        inside = min(inside, ask - bid - 1)
        price = bid + inside if side == BID else ask - inside
    else:
        price = _quiet_price(market, flow, x, side, bid if side == BID else ask, away)
    price = _clip(x, price)
    # At the limits of the window an order may not reach the other side.
    if side == BID and x.ask < x.width:
        price = min(price, x.ask - 1)
    elif side == ASK and x.bid >= 0:
        price = max(price, x.bid + 1)
    return price


@part
def _quiet_price(market, flow, x, side, best, away):
    """At the best price or behind it; a long queue sends newcomers further back.

    So does a value that will take the price there.
    """
    clock = market.clock
    distance = _distance(clock, flow, x)
    ahead = away if side == ASK else -away
    if distance == 0 and uniform(clock) < ADD_PULL * (ahead - CALM_TICKS):
        distance = 1
    step = -1 if side == BID else 1
    first = x.level_first + side * x.width
    for _ in range(4):
        price = _clip(x, best + step * distance)
        room = flow.touch_size if distance == 0 else LEVEL_SIZE
        if market.levels[first + price].size < room * exponential(clock):
            break
        distance += 1
    return _clip(x, best + step * distance)


@part
def _modify(market, flow, i, ts):
    clock = market.clock
    if uniform(clock) < QUOTE_SHARE and quote(market, flow, i, ts):
        return
    x = market.instruments[i]
    slot = _choose(market, flow, i, ts)
    if slot < 0:
        _add(market, flow, i, ts)
        return
    o = market.orders[slot]
    side, size = np.int64(o.side), np.int64(o.size)
    u = uniform(clock)
    follows = (x.signs & np.uint64(1) == np.uint64(1)) == (side == BID)
    if u < CROSSING_SHARE and follows and o.hidden == 0 and _is_calm(x, side):
        _change(market, slot, x.ask if side == BID else x.bid, size)
        return
    price = np.int64(o.price)
    if u > 0.82 and size > 1:
        size -= 1 + below(clock, size - 1)
    elif u > 0.81:
        size += 1 + below(clock, 3)
    elif u < 0.995:
        away = lean(market, flow, i, ts)
        other = _own_price(market, flow, x, side, away)
        if uniform(clock) < RETREAT_SHARE:
            nudge = 1 + below(clock, 2)
            other = _clip(x, price - nudge if side == BID else price + nudge)
        price = other
        if u > 0.45:
            size = draw(clock, flow.resting_sizes)
    _change(market, slot, price, size)


@part
def _is_calm(x, side):
    """Whether a trade at the touch elects no stop.

    A modified order is older than stops it might elect, and would hide that they are stops.
    """
    if x.bid < 0 or x.ask >= x.width:
        return False
    return x.stop_nearest[BID] > x.ask if side == BID else x.stop_nearest[ASK] < x.bid


@part
def _execute(market, flow, i, ts):
    x = market.instruments[i]
    clock = market.clock
    if x.bid < 0 or x.ask >= x.width:
        _add(market, flow, i, ts)
        return
    if reduce_inventory(market, i):
        return
    side = side_of_next(market, flow, i, SIGN_PULL * lean(market, flow, i, ts))
    touch = np.int64(x.ask if side == BID else x.bid)
    size = draw(clock, flow.sizes)
    resting = np.int64(market.levels[x.level_first + (1 - side) * x.width + touch].size)
    u = uniform(clock)
    if u < 0.45:
        size = min(size, resting)
    reach = 0 if u < 0.85 else 1 + below(clock, 3)
    limit = _clip(x, touch + reach if side == BID else touch - reach)
    rests = uniform(clock) < 0.3
    _limit(market, side, limit, size, 0, BACKGROUND, rests)


@part
def decide(market, flow, i, ts):
    """The crowd's next message, for instrument `i` at `ts`."""
    x = market.instruments[i]
    e = market.entry[0]
    e.instrument = i
    e.ts = ts
    u = uniform(market.clock)
    executions = EXECUTION_SHARE
    if x.kind == OPTION:
        executions = OPTION_EXECUTION_SHARE
        if u < OPTION_QUOTE_SHARE and quote(market, flow, i, ts):
            return
        u = uniform(market.clock)
    if u < executions:
        _execute(market, flow, i, ts)
        return
    if u < executions + MODIFY_SHARE:
        _modify(market, flow, i, ts)
        return
    lack = (x.target - x.bids - x.asks) / max(1.0, 0.1 * x.target)
    share = ADD_SHARE + 0.3 * min(1.0, max(-1.0, lack))
    if uniform(market.clock) > share or market.clock[0].free == 0:
        e.slot = _cancelled(market, flow, i, ts)
        if e.slot >= 0:
            e.kind = CANCELLATION
            e.instrument = market.orders[e.slot].instrument
            return
    _add(market, flow, i, ts)


@part
def _cancelled(market, flow, i, ts):
    """The order that is cancelled next: a flash, one left behind, or one near the touch."""
    x = market.instruments[i]
    u = uniform(market.clock)
    if market.clock[0].child and x.latest >= 0 and u < FLEETING_SHARE:
        return np.int64(x.latest)
    if u > 1.0 - STALE_SHARE:
        slot = _left_behind(market)
        if slot >= 0:
            return np.int64(slot)
    return np.int64(_choose(market, flow, i, ts))

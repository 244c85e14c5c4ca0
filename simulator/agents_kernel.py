"""The crowd: background order flow, one event at a time, at random moments.

Shares and shapes follow one hour of ESH4: of 100 events 43 are adds, 27 cancels, 24 modifies and
6 executions; aggressor sizes have p50 1, p90 7, p99 37; their signs are autocorrelated (0.4 at lag
1, slowly falling), arrivals are clustered. A market maker per instrument follows the touch.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.exchange_orders import link, new_order, new_order_id, place_stop
from simulator.exchange_records import below, exponential, uniform
from simulator.exchange_state import (
    ASK,
    BACKGROUND,
    BID,
    CANCELLATION,
    LIMIT,
    MARKET_MAKER,
    MODIFICATION,
    Market,
    kernel,
    part,
)

EXECUTION_SHARE = 0.062
MODIFY_SHARE = 0.24
ADD_SHARE = 0.61
"""Of adds and cancels, when the book has the size it should have."""
CROSSING_SHARE = 0.012
"""Modifies that go through the market."""
ICEBERG_SHARE = 0.004
STOP_SHARE = 0.012
"""Adds that bring a stop order with them."""
TOUCH_SIZE = 60.0
"""Contracts displayed at the touch that make every second newcomer look elsewhere, roughly."""
LEVEL_SIZE = 150.0
REPEAT_SIGN = 0.30
TREND_SIGN = 0.32
TREND_FLIP = 0.04


class Flow(NamedTuple):
    """What the crowd draws from. Read-only."""

    sizes: NDArray[np.int32]
    """(4096,) Contracts of an aggressor order by quantile."""
    resting_sizes: NDArray[np.int32]
    """(4096,) Contracts of a passive order by quantile."""
    distances: NDArray[np.int32]
    """(4096,) Ticks from the own best by quantile."""
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
    regime_sigma: float


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
def _choose(market, flow, x):
    """A resting order near the touch, nobody's favourite queue position; −1 if none was found."""
    clock = market.clock
    side = BID if uniform(clock) * (x.bids + x.asks) < x.bids else ASK
    if x.bids + x.asks == 0:
        return -1
    step = -1 if side == BID else 1
    price = (x.bid if side == BID else x.ask) + step * _distance(clock, flow, x)
    first = x.level_first + side * x.width
    for _ in range(12):
        if 0 <= price < x.width and market.levels[first + price].count > 0:
            slot = np.int64(market.levels[first + price].tail)
            hops = np.int64(1.5 * exponential(clock))
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
def _add(market, flow, i):
    x = market.instruments[i]
    clock = market.clock
    side = BID if uniform(clock) * (x.bids + x.asks + 2) < x.asks + 1 else ASK
    if x.bid < 0:
        side = BID
    elif x.ask >= x.width:
        side = ASK
    price = _own_price(market, flow, x, side)
    size = draw(clock, flow.resting_sizes)
    hidden = 0
    u = uniform(clock)
    if u < ICEBERG_SHARE:
        size = 1 + below(clock, 8)
        hidden = size * (2 + below(clock, 12))
    elif u < ICEBERG_SHARE + STOP_SHARE:
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
def _own_price(market, flow, x, side):
    """Where a passive order of `side` goes: inside a wide spread, at the touch, or behind it."""
    clock = market.clock
    bid, ask = x.bid, x.ask
    if bid < 0:
        bid = _clip(x, (ask if ask < x.width else x.anchor + 1) - 1)
    if ask >= x.width:
        ask = _clip(x, bid + 1)
    if ask - bid > 1 and uniform(clock) < 0.55:
        inside = 1 + np.int64(exponential(clock) * 0.3 * (ask - bid - 1))
        inside = min(inside, ask - bid - 1)
        price = bid + inside if side == BID else ask - inside
    else:
        price = _quiet_price(market, flow, x, side, bid if side == BID else ask)
    price = _clip(x, price)
    # At the limits of the window an order may not reach the other side.
    if side == BID and x.ask < x.width:
        price = min(price, x.ask - 1)
    elif side == ASK and x.bid >= 0:
        price = max(price, x.bid + 1)
    return price


@part
def _quiet_price(market, flow, x, side, best):
    """At the best price or behind it; a long queue sends newcomers further back."""
    clock = market.clock
    distance = _distance(clock, flow, x)
    step = -1 if side == BID else 1
    first = x.level_first + side * x.width
    for _ in range(4):
        price = _clip(x, best + step * distance)
        room = TOUCH_SIZE if distance == 0 else LEVEL_SIZE
        if market.levels[first + price].size < room * exponential(clock):
            break
        distance += 1
    return _clip(x, best + step * distance)


@part
def _quote(market, i):
    """The market maker brings one quote back to the touch; tells whether there was a need."""
    x = market.instruments[i]
    if x.bid < 0 or x.ask >= x.width:
        return False
    side = below(market.clock, 2)
    slot = np.int64(x.maker[side])
    price = x.bid if side == BID else x.ask
    if x.ask - x.bid > 1:
        price += 1 if side == BID else -1
    if slot < 0:
        _limit(market, side, price, 2 + below(market.clock, 8), 0, MARKET_MAKER, True)
        return True
    o = market.orders[slot]
    if o.price == price or (o.price == x.bid and side == BID) or (o.price == x.ask and side == ASK):
        return False
    _change(market, slot, price, o.size)
    return True


@part
def _modify(market, flow, i):
    clock = market.clock
    if uniform(clock) < 0.25 and _quote(market, i):
        return
    x = market.instruments[i]
    slot = _choose(market, flow, x)
    if slot < 0:
        _add(market, flow, i)
        return
    o = market.orders[slot]
    side, size = np.int64(o.side), np.int64(o.size)
    u = uniform(clock)
    if u < CROSSING_SHARE and o.hidden == 0 and _is_calm(x, side):
        _change(market, slot, x.ask if side == BID else x.bid, size)
        return
    price = np.int64(o.price)
    if u > 0.82 and size > 1:
        size -= 1 + below(clock, size - 1)
    elif u > 0.81:
        size += 1 + below(clock, 3)
    elif u < 0.995:
        other = _own_price(market, flow, x, side)
        if uniform(clock) < 0.5:
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
def _sign(market, x):
    """Next aggressor's side: repeats the last, follows a slow trend, or drifts to the anchor."""
    clock = market.clock
    if uniform(clock) < TREND_FLIP:
        x.trend = 1 if uniform(clock) < 0.5 else -1
    u = uniform(clock)
    sign = np.int64(x.trend)
    if u < REPEAT_SIGN:
        sign = np.int64(x.sign)
    elif u > REPEAT_SIGN + TREND_SIGN:
        away = (x.anchor - 0.5 * (x.bid + x.ask)) / max(1, x.width // 8)
        tilt = 0.5 + 0.5 * min(1.0, max(-1.0, away + x.bias))
        sign = 1 if uniform(clock) < tilt else -1
    x.sign = sign
    return BID if sign > 0 else ASK


@part
def _execute(market, flow, i):
    x = market.instruments[i]
    clock = market.clock
    if x.bid < 0 or x.ask >= x.width:
        _add(market, flow, i)
        return
    if uniform(clock) < 0.02:
        step = 1 if uniform(clock) < 0.5 else -1
        if abs(x.anchor + step - x.width // 2) < x.width // 8:
            x.anchor += step
    side = _sign(market, x)
    touch = np.int64(x.ask if side == BID else x.bid)
    size = draw(clock, flow.sizes)
    resting = np.int64(market.levels[x.level_first + (1 - side) * x.width + touch].size)
    u = uniform(clock)
    if u < 0.75:
        size = min(size, resting)
    reach = 0 if u < 0.9 else 1 + below(clock, 3)
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
    if u < EXECUTION_SHARE:
        _execute(market, flow, i)
        return
    if u < EXECUTION_SHARE + MODIFY_SHARE:
        _modify(market, flow, i)
        return
    lack = (x.target - x.bids - x.asks) / max(1.0, 0.1 * x.target)
    share = ADD_SHARE + 0.3 * min(1.0, max(-1.0, lack))
    if uniform(market.clock) > share or market.clock[0].free == 0:
        e.slot = _choose(market, flow, x)
        if e.slot >= 0:
            e.kind = CANCELLATION
            return
    _add(market, flow, i)

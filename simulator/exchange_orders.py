"""The simulated exchange's orders: queues by price, slots, and stops that wait outside the book."""

import numpy as np

from simulator.exchange_records import uniform
from simulator.exchange_state import BACKGROUND, BID, OPEN, STOPS_MAX, kernel, part

FAR = 2**31 - 1


@part
def new_order_id(market, channel):
    """An id newer than every one before on this channel: the arrival clock."""
    u = uniform(market.clock)
    step = 1 if u < 0.8 else 1 + np.int64((u - 0.8) * 30.0)
    order_id = market.channels[channel].order_id + np.uint64(step)
    market.channels[channel].order_id = order_id
    return order_id


@part
def touch(market, slot):
    """The event changes this order: its final state will be written once."""
    clock = market.clock[0]
    o = market.orders[slot]
    if o.event != clock.event:
        o.event = clock.event
        market.touched[clock.touched] = slot
        clock.touched += 1


@part
def touch_last(market, slot):
    """The order went to the back of its queue: its final state stands behind the others'."""
    n = market.clock[0].touched
    k = 0
    while market.touched[k] != slot:
        k += 1
    for j in range(k, n - 1):
        market.touched[j] = market.touched[j + 1]
    market.touched[n - 1] = slot


@part
def link(market, slot):
    """Put an order at the back of its price's queue."""
    o = market.orders[slot]
    x = market.instruments[o.instrument]
    level = market.levels[x.level_first + o.side * x.width + o.price]
    o.previous = level.tail
    o.next = -1
    if level.tail >= 0:
        market.orders[level.tail].next = slot
    else:
        level.head = slot
    level.tail = slot
    level.size += o.size
    level.count += 1
    if o.side == BID:
        x.bids += 1
        x.bid = max(x.bid, o.price)
    else:
        x.asks += 1
        x.ask = min(x.ask, o.price)


@part
def unlink(market, slot):
    """Take an order out of its queue and find the best price anew if it was the last there."""
    o = market.orders[slot]
    x = market.instruments[o.instrument]
    first = x.level_first + o.side * x.width
    level = market.levels[first + o.price]
    if o.previous >= 0:
        market.orders[o.previous].next = o.next
    else:
        level.head = o.next
    if o.next >= 0:
        market.orders[o.next].previous = o.previous
    else:
        level.tail = o.previous
    level.size -= o.size
    level.count -= 1
    if o.side == BID:
        x.bids -= 1
        if level.count == 0 and o.price == x.bid:
            p = o.price - 1
            while p >= 0 and market.levels[first + p].count == 0:
                p -= 1
            x.bid = p
    else:
        x.asks -= 1
        if level.count == 0 and o.price == x.ask:
            p = o.price + 1
            while p < x.width and market.levels[first + p].count == 0:
                p += 1
            x.ask = p


@part
def new_order(market, i, side, price, size, hidden, owner, order_id):
    """A slot for a new order of `size` displayed and `hidden` more; −1 if the exchange is full."""
    clock = market.clock[0]
    if clock.free == 0:
        return -1
    clock.free -= 1
    slot = np.int64(market.free[clock.free])
    o = market.orders[slot]
    o.order_id = order_id
    o.event = 0
    o.round = 0
    o.instrument = i
    o.price = price
    o.size = size
    o.shown = size
    o.shown_price = price
    o.hidden = hidden
    o.peak = size if hidden > 0 else 0
    o.owner = owner
    o.side = side
    o.state = OPEN
    if owner < 0:
        market.instruments[i].maker[-1 - owner, side] = slot
    return slot


@part
def release(market, slot):
    """Give an order's slot back."""
    clock = market.clock[0]
    o = market.orders[slot]
    x = market.instruments[o.instrument]
    if o.owner < 0:
        x.maker[-1 - o.owner, o.side] = -1
    elif x.latest == slot:
        x.latest = -1
    o.order_id = np.uint64(0)
    market.free[clock.free] = slot
    clock.free += 1


@part
def place_stop(market, i, side, trigger, size, owner):
    """A stop order that waits outside the book; the furthest makes room when there is none.

    Nothing is written: the feed shows a stop only when it is elected. Buy stops (side 0) are
    elected by trades at `trigger` or above.
    """
    x = market.instruments[i]
    stops = market.stops[i, side]
    n = x.stops[side]
    if n == STOPS_MAX:
        k = 0
        for j in range(1, n):
            if (stops[j].trigger > stops[k].trigger) == (side == BID):
                k = j
    else:
        k = n
        x.stops[side] = n + 1
    s = stops[k]
    s.order_id = new_order_id(market, x.channel)
    s.trigger = trigger
    s.size = size
    s.owner = owner
    nearest_stop(market, i, side)


@part
def nearest_stop(market, i, side):
    """Find the stop that is elected first anew."""
    x = market.instruments[i]
    nearest = FAR if side == BID else -1
    for j in range(x.stops[side]):
        trigger = market.stops[i, side, j].trigger
        nearest = min(nearest, trigger) if side == BID else max(nearest, trigger)
    x.stop_nearest[side] = nearest


@kernel
def wait_at(market, i, side, trigger, size):
    """`place_stop` of the crowd, for Python."""
    place_stop(market, i, side, trigger, size, BACKGROUND)

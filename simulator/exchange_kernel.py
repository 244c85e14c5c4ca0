"""Price-time matching: one message is one event of one instrument.

See `exchange_records` for the rows an event writes.
"""

import numpy as np

from operators.model.records import ADD, CANCEL, FILL, MODIFY, TRADE
from simulator.exchange_orders import (
    link,
    nearest_stop,
    new_order,
    new_order_id,
    release,
    touch,
    touch_last,
    unlink,
)
from simulator.exchange_records import LAST_FLAGS, begin, emit, next_packet, uniform
from simulator.exchange_state import (
    ASK,
    BACKGROUND,
    BID,
    CANCELLATION,
    FILLED,
    FOREVER,
    FRESH,
    LIMIT,
    MODIFICATION,
    OPEN,
    TRADES_MAX,
    kernel,
    part,
)

STOP_LEVELS = 6
"""Levels an elected stop may take: the exchange's protection points."""


@part
def match(market, i, side, limit, size, order_id, own):
    """Let an aggressor take from the other side up to price `limit`; gives the size taken.

    `own` is the slot of the aggressor if it had rested before, else −1: it then shows in a fill
    of its own. Appends T and F rows.
    """
    clock = market.clock[0]
    x = market.instruments[i]
    first = x.level_first + (1 - side) * x.width
    left = size
    while left > 0:
        price = x.ask if side == BID else x.bid
        if side == BID and (price >= x.width or price > limit):
            break
        if side == ASK and (price < 0 or price < limit):
            break
        if clock.touched + 64 > market.touched.size // 2:
            break
        clock.round += 1
        trade_row = emit(market, i, TRADE, side, price, 0, order_id)
        own_row = -1
        if own >= 0:
            own_row = emit(market, i, FILL, side, price, 0, order_id)
        level = market.levels[first + price]
        taken = 0
        while left > 0 and level.head >= 0 and clock.touched + 64 <= market.touched.size // 2:
            slot = np.int64(level.head)
            o = market.orders[slot]
            bite = min(left, o.size)
            touch(market, slot)
            if o.round == clock.round:
                market.rows[o.fill_row].size += bite
            else:
                o.round = clock.round
                o.fill_row = emit(market, i, FILL, 1 - side, price, bite, o.order_id)
            if o.owner < 0:
                x.inventory += bite if o.side == BID else -bite
            o.size -= bite
            level.size -= bite
            left -= bite
            taken += bite
            if o.size == 0:
                unlink(market, slot)
                if o.hidden > 0:
                    o.size = min(o.peak, o.hidden)
                    o.hidden -= o.size
                    link(market, slot)
                    touch_last(market, slot)
                else:
                    o.state = FILLED
        market.rows[trade_row].size = taken
        if own_row >= 0:
            market.rows[own_row].size = taken
        x.last = price
    x.volume += size - left
    return size - left


@part
def elect_stops(market, i, side):
    """Stops that the last trade elected become aggressors of the event, nearest trigger first."""
    clock = market.clock[0]
    x = market.instruments[i]
    while clock.elected < TRADES_MAX:
        if side == BID and x.stop_nearest[BID] > x.last:
            return
        if side == ASK and x.stop_nearest[ASK] < x.last:
            return
        best = -1
        for j in range(x.stops[side]):
            s = market.stops[i, side, j]
            if best < 0:
                best = j
                continue
            b = market.stops[i, side, best]
            nearer = s.trigger < b.trigger if side == BID else s.trigger > b.trigger
            if nearer or (s.trigger == b.trigger and s.order_id < b.order_id):
                best = j
        if best < 0:
            return
        s = market.stops[i, side, best]
        order_id, size, trigger = s.order_id, s.size, s.trigger
        n = x.stops[side] - 1
        x.stops[side] = n
        last = market.stops[i, side, n]
        s.order_id, s.trigger, s.size, s.owner = last.order_id, last.trigger, last.size, last.owner
        nearest_stop(market, i, side)
        clock.elected += 1
        limit = trigger + STOP_LEVELS if side == BID else trigger - STOP_LEVELS
        best_price = x.ask if side == BID else x.bid
        if (side == BID and best_price <= min(limit, x.width - 1)) or (
            side == ASK and best_price >= max(limit, 0)
        ):
            next_packet(market, x.channel)
            match(market, i, side, limit, size, order_id, -1)


@part
def finish(market, metaorders):
    """Write the final state of all orders touched, bids first, and close the event.

    `metaorders` (METAORDER_DTYPE) learn that their resting order was filled out.
    """
    clock = market.clock[0]
    i = clock.instrument
    if clock.rows > clock.row_first and market.rows[clock.rows - 1].action == FILL:
        next_packet(market, market.instruments[i].channel)
    for side in (BID, ASK):
        for k in range(clock.touched):
            slot = np.int64(market.touched[k])
            o = market.orders[slot]
            if o.side != side:
                continue
            if o.owner > 0:
                _book_fill(market, metaorders, o)
            if o.state == FILLED:
                emit(market, i, CANCEL, side, o.shown_price, o.shown, o.order_id)
                if o.owner == BACKGROUND:
                    _remember(market.instruments[i], o, clock.ts)
                release(market, slot)
                continue
            action = ADD if o.state == FRESH else MODIFY
            emit(market, i, action, side, o.price, o.size, o.order_id)
            o.state = OPEN
            o.shown = o.size
            o.shown_price = o.price
    if clock.rows > clock.row_first:
        market.rows[clock.rows - 1].flags = LAST_FLAGS


@part
def _remember(x, o, ts):
    """An order of the crowd was filled out: its owner may bring the same again."""
    x.gone_price = o.shown_price
    x.gone_size = o.shown
    x.gone_side = o.side
    x.gone_ts = ts


@part
def _book_fill(market, metaorders, o):
    """A resting order of a metaorder was met: its value learns, and it may reload."""
    clock = market.clock[0]
    m = metaorders[o.owner - 1]
    executed = np.int64(m.done + m.placed)
    if o.state != FILLED:
        executed -= o.size + o.hidden
    taken = executed - m.booked
    m.booked = executed
    if taken == 0:
        return
    m.ts_last = clock.ts
    market.instruments[m.instrument].flow += m.informed * (taken if o.side == BID else -taken)
    if o.state == FILLED:
        m.done = executed
        m.placed = 0
        m.slot = -1
        if m.delay_ns > 0 and m.ts_next != FOREVER:
            m.ts_next = clock.ts + np.int64(m.delay_ns * (0.5 + uniform(market.clock)))
            clock.due = min(clock.due, m.ts_next)


@part
def _cross(market, i, side, limit, size, peak, order_id, own):
    """An order comes (or, with `own` ≥ 0, is modified) through the market, up to `limit`.

    Elects stops; what is not taken rests at `limit`, at most `peak` of it displayed, unless `peak`
    is 0. Gives the size taken. A resting order whose remainder may not rest leaves the book.
    """
    x = market.instruments[i]
    if own >= 0:
        touch(market, own)
        unlink(market, own)
    taken = match(market, i, side, limit, size, order_id, own)
    left = size - taken
    shown = min(left, peak)
    if own >= 0:
        o = market.orders[own]
        if shown > 0:
            o.price = limit
            o.size = shown
            o.hidden = left - shown
            link(market, own)
        else:
            o.state = FILLED
    elif shown > 0:
        slot = new_order(market, i, side, limit, shown, left - shown, BACKGROUND, order_id)
        if slot >= 0:
            market.orders[slot].state = FRESH
            touch(market, slot)
            link(market, slot)
    if taken > 0 and x.stops[side] > 0:
        elect_stops(market, i, side)
    return taken


@part
def _crosses(x, side, price):
    return price >= x.ask if side == BID else price <= x.bid


@part
def _limit(market):
    e = market.entry[0]
    x = market.instruments[e.instrument]
    e.order_id = new_order_id(market, x.channel)
    if _crosses(x, e.side, e.price):
        peak = e.size if e.rests else 0
        size = e.size + e.hidden
        e.taken = _cross(market, e.instrument, e.side, e.price, size, peak, e.order_id, -1)
    elif e.rests:
        e.slot = new_order(
            market, e.instrument, e.side, e.price, e.size, e.hidden, e.owner, e.order_id
        )
        if e.slot >= 0:
            link(market, e.slot)
            emit(market, e.instrument, ADD, e.side, e.price, e.size, e.order_id)


@part
def _cancel(market):
    e = market.entry[0]
    o = market.orders[e.slot]
    emit(market, o.instrument, CANCEL, o.side, o.price, o.size, o.order_id)
    unlink(market, e.slot)
    release(market, e.slot)


@part
def _modify(market):
    """Only a reduction at the same price keeps its place in the queue."""
    e = market.entry[0]
    o = market.orders[e.slot]
    x = market.instruments[o.instrument]
    e.order_id = o.order_id
    if _crosses(x, o.side, e.price):
        size = e.size + o.hidden
        e.taken = _cross(market, o.instrument, o.side, e.price, size, e.size, o.order_id, e.slot)
        return
    if e.price != o.price or e.size > o.size:
        unlink(market, e.slot)
        o.price = e.price
        o.size = e.size
        link(market, e.slot)
    else:
        market.levels[x.level_first + o.side * x.width + o.price].size -= o.size - e.size
        o.size = e.size
    o.shown = e.size
    o.shown_price = e.price
    if o.hidden > 0:
        o.peak = max(o.peak, e.size)
    emit(market, o.instrument, MODIFY, o.side, e.price, e.size, o.order_id)


@kernel
def enter(market, metaorders):
    """The exchange takes the message in `market.entry`: one whole event, written to `rows`.

    `metaorders` (METAORDER_DTYPE) learn when a resting order of theirs is filled out. A message
    that changes nothing writes nothing.
    """
    e = market.entry[0]
    e.taken = 0
    begin(market, e.instrument, e.ts)
    if e.kind == LIMIT:
        e.slot = -1
        _limit(market)
    elif e.kind == CANCELLATION:
        _cancel(market)
    elif e.kind == MODIFICATION:
        _modify(market)
    finish(market, metaorders)

"""Price-time matching that writes market-by-order records as GLBX.MDP3 does.

One message (`enter`) is one event of one instrument. Rows of an event with trades, in this order
(seen in GLBX data of 2023):

1. per aggressor (the order that came, then each elected stop) and price level: T with the
   aggressor's id and side, the aggressor's own F if it had rested before, and one F per passive
   order in queue order, with the size it gave in this round, hidden size included;
2. in a packet of their own, the final state of every order touched, bids before asks: C at the
   price and size shown before (filled), M (rest or refill remains), A (the aggressor's remainder).

T and F have flags 0 and change nothing; the last row has F_LAST.
"""

import math

import numpy as np

from operators.model.records import (
    ADD,
    CANCEL,
    CLEAR,
    F_BAD_TS_RECV,
    F_LAST,
    F_PUBLISHER_SPECIFIC,
    F_SNAPSHOT,
    FILL,
    MODIFY,
    PRICE_UNDEF,
    TRADE,
)
from simulator.layout import (
    ASK,
    BACKGROUND,
    BID,
    CANCELLATION,
    FILLED,
    FRESH,
    LIMIT,
    MARKET_MAKER,
    MODIFICATION,
    NOBODY,
    OPEN,
    STOPS_MAX,
    TRADES_MAX,
    kernel,
    part,
)

LAST_FLAGS = F_LAST | F_PUBLISHER_SPECIFIC
SNAPSHOT_FLAGS = F_SNAPSHOT | F_BAD_TS_RECV
FAR = 2**31 - 1
PACKET_GAP_NS = 200
EVENTS_PER_PACKET_MAX = 8
SHARE_RATIO = 0.6
STOP_LEVELS = 6
"""Levels an elected stop may take: the exchange's protection points."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_SIDES = np.array([ord("B"), ord("A"), ord("N")], np.uint8)


@part
def uniform(clock):
    """Next number of the stream, 0 ≤ u < 1: Steele, Lea, Flood 2014, SplitMix64."""
    state = clock[0].random + _GAMMA
    clock[0].random = state
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return np.float64((state ^ (state >> _S31)) >> _S11) * (1.0 / 9007199254740992.0)


@part
def below(clock, stop):
    """Uniform integer, 0 ≤ k < stop."""
    return np.int64(uniform(clock) * stop)


@part
def exponential(clock):
    """Exponential with mean 1."""
    return -math.log(1.0 - uniform(clock))


@part
def new_order_id(market, channel):
    """An id newer than every one before on this channel: the arrival clock."""
    u = uniform(market.clock)
    step = 1 if u < 0.8 else 1 + np.int64((u - 0.8) * 30.0)
    order_id = market.channels[channel].order_id + np.uint64(step)
    market.channels[channel].order_id = order_id
    return order_id


@part
def emit(market, i, action, side, price, size, order_id):
    """Append one row of the open event; gives its index."""
    clock = market.clock[0]
    n = clock.rows
    row = market.rows[n]
    x = market.instruments[i]
    row.instrument_id = x.instrument_id
    row.ts_event = clock.ts
    row.order_id = order_id
    row.price = x.price_first_e9 + price * x.tick_e9
    row.size = size
    row.flags = 0
    row.channel_id = market.channels[x.channel].channel_id
    row.action = action
    row.side = _SIDES[side]
    row.ts_recv = clock.packet_recv
    row.ts_in_delta = clock.packet_delta
    row.sequence = clock.packet_sequence
    clock.rows = n + 1
    return n


@part
def _packet(market, channel, gap_ns):
    """Start a packet on `channel`, captured at least `gap_ns` after the one before."""
    clock = market.clock[0]
    c = market.channels[channel]
    c.sequence += 1
    recv = clock.recv + gap_ns
    u = uniform(market.clock)
    latency = 85_000 + np.int64(20_000.0 * exponential(market.clock))
    # One packet in seven is late where there is time for it: p50 0.12, p99 1.8 ms.
    if u < 0.15 * min(1.0, clock.gap_ns * 1e-6):
        latency += np.int64(600_000.0 * exponential(market.clock))
    c.recv = max(recv, clock.ts + latency)
    c.delta = 13_000 + below(market.clock, 4_000)
    c.events = 1
    clock.recv = c.recv
    clock.packet_recv = c.recv
    clock.packet_delta = c.delta
    clock.packet_sequence = c.sequence


@part
def _next_packet(market, channel):
    """The event goes on in a further packet of its channel."""
    clock = market.clock[0]
    c = market.channels[channel]
    c.sequence += 1
    c.recv = clock.recv + 5_000 + below(market.clock, 12_000)
    clock.recv = c.recv
    clock.packet_recv = c.recv
    clock.packet_sequence = c.sequence


@part
def begin(market, i, ts):
    """Open an event of instrument `i` at `ts`, or just after the event before."""
    clock = market.clock[0]
    clock.ts = max(ts, clock.ts + 1)
    clock.event += 1
    clock.touched = 0
    clock.elected = 0
    clock.row_first = clock.rows
    clock.instrument = i
    x = market.instruments[i]
    x.ts_event = clock.ts
    second = clock.ts // 1_000_000_000
    if second != x.second:
        x.second = second
        x.active_seconds += 1
    c = market.channels[x.channel]
    # Neighbours on the channel that happen before a packet leaves travel in it.
    if (
        c.recv == clock.recv
        and clock.ts + 60_000 < c.recv
        and c.events < EVENTS_PER_PACKET_MAX
        and uniform(market.clock) < SHARE_RATIO
    ):
        c.events += 1
        clock.packet_recv = c.recv
        clock.packet_delta = c.delta
        clock.packet_sequence = c.sequence
    else:
        # Packets of instruments that are not simulated take numbers too.
        if uniform(market.clock) < 0.06:
            c.sequence += 1 + np.int64(3.0 * exponential(market.clock))
        _packet(market, x.channel, PACKET_GAP_NS)


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
    if owner == MARKET_MAKER:
        market.instruments[i].maker[side] = slot
    return slot


@part
def release(market, slot):
    """Give an order's slot back."""
    clock = market.clock[0]
    o = market.orders[slot]
    if o.owner == MARKET_MAKER:
        market.instruments[o.instrument].maker[o.side] = -1
    o.order_id = np.uint64(0)
    market.free[clock.free] = slot
    clock.free += 1


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
                else:
                    o.state = FILLED
        market.rows[trade_row].size = taken
        if own_row >= 0:
            market.rows[own_row].size = taken
        x.last = price
    return size - left


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
    _nearest_stop(market, i, side)


@part
def _nearest_stop(market, i, side):
    x = market.instruments[i]
    nearest = FAR if side == BID else -1
    for j in range(x.stops[side]):
        trigger = market.stops[i, side, j].trigger
        nearest = min(nearest, trigger) if side == BID else max(nearest, trigger)
    x.stop_nearest[side] = nearest


@part
def elect_stops(market, i, side):
    """Turn stops that the last trade elected into aggressors of the same event, oldest trigger first."""
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
        _nearest_stop(market, i, side)
        clock.elected += 1
        limit = trigger + STOP_LEVELS if side == BID else trigger - STOP_LEVELS
        best_price = x.ask if side == BID else x.bid
        if (side == BID and best_price <= min(limit, x.width - 1)) or (
            side == ASK and best_price >= max(limit, 0)
        ):
            _next_packet(market, x.channel)
            match(market, i, side, limit, size, order_id, -1)


@part
def finish(market, metaorders):
    """Write the final state of all orders touched, bids first, and close the event.

    `metaorders` (METAORDER_DTYPE) learn that their resting order was filled out.
    """
    clock = market.clock[0]
    i = clock.instrument
    if clock.rows > clock.row_first and market.rows[clock.rows - 1].action == FILL:
        _next_packet(market, market.instruments[i].channel)
    for side in (BID, ASK):
        for k in range(clock.touched):
            slot = np.int64(market.touched[k])
            o = market.orders[slot]
            if o.side != side:
                continue
            if o.state == FILLED:
                emit(market, i, CANCEL, side, o.shown_price, o.shown, o.order_id)
                if o.owner > 0:
                    _complete(metaorders[o.owner - 1], clock.ts)
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
def _complete(metaorder, ts):
    """The resting order of a metaorder was filled out."""
    metaorder.done += metaorder.placed
    metaorder.placed = 0
    metaorder.slot = -1
    metaorder.ts_last = ts


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
        e.taken = _cross(
            market, o.instrument, o.side, e.price, size, e.size, o.order_id, e.slot
        )
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


@kernel
def clear(market, i, ts):
    """One whole event: R, the session of instrument `i` starts with an empty book."""
    begin(market, i, ts)
    n = emit(market, i, CLEAR, NOBODY, 0, 0, np.uint64(0))
    market.rows[n].price = PRICE_UNDEF
    market.rows[n].flags = LAST_FLAGS


@kernel
def write_snapshot(market, i, ts, out):
    """Fill `out` (1 + resting orders rows) with R and an A per order, in priority order per level."""
    x = market.instruments[i]
    n = 0
    for side in (NOBODY, BID, ASK):
        distance = 0
        while (side == NOBODY and distance == 0) or (side != NOBODY and distance < x.width):
            slot = -1
            if side != NOBODY:
                # From the touch outwards.
                price = x.width - 1 - distance if side == BID else distance
                slot = np.int64(market.levels[x.level_first + side * x.width + price].head)
            distance += 1
            while slot >= 0 or side == NOBODY:
                row = out[n]
                row.length, row.rtype, row.publisher_id = 14, 160, 1
                row.instrument_id = x.instrument_id
                row.ts_event = ts
                row.ts_recv = ts
                row.flags = SNAPSHOT_FLAGS
                row.side = _SIDES[side]
                row.action = CLEAR
                row.price = PRICE_UNDEF
                n += 1
                if side == NOBODY:
                    break
                o = market.orders[slot]
                row.action = ADD
                row.order_id = o.order_id
                row.price = x.price_first_e9 + o.price * x.tick_e9
                row.size = o.size
                # The sequence that added the order: not monotonic, as in real snapshots.
                row.sequence = np.uint32(o.order_id & np.uint64(0xFFF)) + 1
                slot = np.int64(o.next)
    out[n - 1].flags = SNAPSHOT_FLAGS | F_LAST
    return n

"""The opening auction: orders gather, books may be crossed, then one price clears each of them.

As on GLBX: one T (side N, id 0) with the size matched, one F (side N) per order of both sides, then
the orders' final state in the next packet.
"""

import numpy as np

from operators.model.records import ADD, FILL, TRADE
from simulator.agents_kernel import draw
from simulator.exchange_kernel import finish
from simulator.exchange_orders import link, new_order, new_order_id, touch, unlink
from simulator.exchange_records import (
    LAST_FLAGS,
    begin,
    below,
    emit,
    exponential,
    price_of,
    uniform,
)
from simulator.exchange_state import BACKGROUND, BID, FILLED, NOBODY, kernel, part

EAGER_RATIO = 0.04
"""Orders of the gathering that are willing to cross."""


@kernel
def gather(market, flow, i, count, ts):
    """Up to `count` orders come to instrument `i` from `ts` on, one event each; nothing trades."""
    x = market.instruments[i]
    clock = market.clock
    for k in range(count):
        if clock[0].free == 0:
            return
        side = (x.bids + x.asks) & 1
        away = below(clock, x.reach)
        if k < 2:
            away = 0
        elif uniform(clock) < EAGER_RATIO:
            away = -np.int64(exponential(clock) * 2.0)
        price = x.anchor - away if side == BID else x.anchor + 1 + away
        price = min(max(price, x.low), x.high)
        begin(market, i, ts)
        order_id = new_order_id(market, x.channel)
        size = draw(clock, flow.resting_sizes)
        slot = new_order(market, i, side, price, size, 0, BACKGROUND, order_id)
        link(market, slot)
        row = emit(market, i, ADD, side, price, size, order_id)
        market.rows[row].flags = LAST_FLAGS


@part
def _meet(market, slot, size):
    """Take `size` from the order at the front of its queue, noted in one F of the event."""
    o = market.orders[slot]
    clock = market.clock[0]
    touch(market, slot)
    if o.round == clock.round:
        market.rows[o.fill_row].size += size
    else:
        o.round = clock.round
        o.fill_row = emit(market, o.instrument, FILL, NOBODY, 0, size, o.order_id)
    x = market.instruments[o.instrument]
    market.levels[x.level_first + o.side * x.width + o.price].size -= size
    o.size -= size
    if o.size == 0:
        unlink(market, slot)
        o.state = FILLED


@kernel
def auction(market, i, ts, metaorders):
    """One event: everything that crosses on instrument `i` trades at one price."""
    x = market.instruments[i]
    if x.bid < x.ask:
        return
    clock = market.clock[0]
    begin(market, i, ts)
    clock.round += 1
    trade = emit(market, i, TRADE, NOBODY, 0, 0, np.uint64(0))
    low = high = np.int64(x.ask)
    matched = 0
    while x.bid >= x.ask and clock.touched + 2 < market.touched.size // 2:
        low, high = np.int64(x.ask), np.int64(x.bid)
        buyer = np.int64(market.levels[x.level_first + x.bid].head)
        seller = np.int64(market.levels[x.level_first + x.width + x.ask].head)
        size = min(market.orders[buyer].size, market.orders[seller].size)
        _meet(market, buyer, size)
        _meet(market, seller, size)
        matched += size
    # The last pair that met agrees on any price between its limits.
    price_e9 = price_of(x, (low + high) // 2)
    x.last = (low + high) // 2
    market.rows[trade].size = matched
    for row in range(trade, clock.rows):
        market.rows[row].price = price_e9
    finish(market, metaorders)

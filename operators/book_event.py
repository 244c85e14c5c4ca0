"""Execution events: trades and fills are gathered per aggressor until F_LAST, then become rows.

The rules for kinds of aggressor, own fills and refills follow CME's trade summaries as Databento
normalises them (T one per aggressor and price, F one per resting order, then the book changes).
"""

from typing import Any

import numpy as np

from operators.book_echo import filled_out
from operators.book_head import (
    AGGRESSOR,
    AGGRESSORS_MAX,
    EVAL,
    EVENT,
    FILL,
    FILLS_MAX,
    INSTRUMENT,
    LEVEL,
    NO_KEY,
    ORDER,
    SIDE,
    TOP,
    UNTOUCHED,
)
from operators.book_orders import ASK_BIT, REFILL_MASK, REFILL_ONE, seek
from operators.book_panes import add_flow, is_open, put_row
from operators.kernels import copy, inlined, kernel
from operators.model.evaluations import (
    AUCTION,
    EXECUTION,
    IMPLIED,
    MODIFIED_LIMIT,
    NEW,
    OFI_LEVELS,
    STOP,
)
from operators.model.records import ASK, BID

_U32_MAX = 0xFFFFFFFF


@inlined
def aggressor_of(book: Any, buffer: np.int64, index: np.int64) -> Any:
    """An aggressor of an event."""
    return AGGRESSOR(book.aggressors, buffer * AGGRESSORS_MAX + index)


@inlined
def fill_of(book: Any, buffer: np.int64, index: np.int64) -> Any:
    """A fill of an event."""
    return FILL(book.fills, buffer * FILLS_MAX + index)


@kernel
def open_event(book: Any, instrument: Any) -> np.int64:
    """The buffer of the instrument's open event; a free one must exist."""
    buffer = instrument.event
    if buffer < 0:
        buffer = book.free_event
        event = EVENT(book.event_buffers, buffer)
        book.free_event = event.next
        instrument.event = buffer
        event.aggressors = 0
        event.fills = 0
        event.stray = 0
        event.overrun = 0
    return buffer


@inlined
def close_event(book: Any, instrument: Any, slot: np.int64) -> None:
    """Give the buffer back and forget the open event."""
    buffer = instrument.event
    if buffer >= 0:
        EVENT(book.event_buffers, buffer).next = book.free_event
        book.free_event = buffer
        instrument.event = -1
    instrument.event_rows = 0
    for line in range(2 * slot, 2 * slot + 2):
        side = SIDE(book.sides, line)
        side.touched_first = UNTOUCHED
        side.touched_last = -1


@kernel
def aggressor_index(book: Any, buffer: np.int64, order_id: np.uint64) -> np.int64:
    """Which aggressor of the event the order is, the latest first, or −1; −1 for id 0."""
    if buffer >= 0 and order_id != 0:
        for index in range(EVENT(book.event_buffers, buffer).aggressors - 1, -1, -1):
            if aggressor_of(book, buffer, index).order_id == order_id:
                return np.int64(index)
    return np.int64(-1)


@kernel
def add_trade(book: Any, instrument: Any, row: Any) -> None:
    """A T row: one price level of one aggressor order."""
    buffer = open_event(book, instrument)
    event = EVENT(book.event_buffers, buffer)
    book.trades += 1
    count = event.aggressors
    index = aggressor_index(book, buffer, row.order_id)
    if row.order_id == 0 and count > 0 and aggressor_of(book, buffer, count - 1).order_id == 0:
        index = count - 1
    if index >= 0:
        known = aggressor_of(book, buffer, index)
        known.size += row.size
        if known.price_last != row.price:
            known.levels += 1
            known.price_last = row.price
        return
    if count == AGGRESSORS_MAX:
        event.overrun += 1
        return
    new = aggressor_of(book, buffer, count)
    new.order_id = row.order_id
    new.kind = _kind(book, instrument, row, buffer)
    new.side = 1 if row.side == BID else -1 if row.side == ASK else 0
    new.size = row.size
    new.filled = 0
    new.hidden = 0
    new.refills = 0
    new.levels = 1
    new.price_first = row.price
    new.price_last = row.price
    new.sequence = row.sequence
    new.fill_first = event.fills
    new.fill_stop = event.fills
    event.aggressors = count + 1


@kernel
def _kind(book: Any, instrument: Any, row: Any, buffer: np.int64) -> np.int64:
    if row.side != BID and row.side != ASK:
        if row.order_id == 0 and not is_open(instrument, row.ts_event):
            return np.int64(AUCTION)
        return np.int64(IMPLIED)
    if row.order_id == 0:
        return np.int64(NEW)
    if ORDER(book.orders, seek(book, row.order_id, instrument.book)).order_id != 0:
        return np.int64(MODIFIED_LIMIT)
    if EVENT(book.event_buffers, buffer).aggressors > 0:
        if row.order_id < aggressor_of(book, buffer, np.int64(0)).order_id:
            return np.int64(STOP)
    return np.int64(NEW)


@kernel
def add_fill(book: Any, instrument: Any, row: Any) -> None:
    """An F row: a resting order was filled by the latest aggressor of the event."""
    buffer = open_event(book, instrument)
    event = EVENT(book.event_buffers, buffer)
    order = ORDER(book.orders, seek(book, row.order_id, instrument.book))
    known = order.order_id != 0
    if known:
        order.filled = min(np.int64(order.filled) + np.int64(row.size), _U32_MAX)
    if aggressor_index(book, buffer, row.order_id) >= 0:
        return  # The aggressor had rested: its own fill mirrors the trade.
    if not known:
        book.orphan_fills += 1
    if event.aggressors == 0:
        event.stray += row.size
        return
    latest = aggressor_of(book, buffer, event.aggressors - 1)
    latest.filled += row.size
    if event.fills == FILLS_MAX:
        event.overrun += 1
        return
    fill = fill_of(book, buffer, event.fills)
    fill.order_id = row.order_id
    fill.price = row.price
    fill.size = row.size
    fill.hidden = 0
    fill.whole = 0
    fill.follows = 0
    if known:
        fill.refills = (order.owner & REFILL_MASK) // REFILL_ONE
        fill.hidden_total = order.hidden if fill.refills > 0 else 0
        fill.side = -1 if order.owner & ASK_BIT else 1
    else:
        fill.hidden_total = 0
        fill.refills = 0
        fill.side = 1 if row.side == BID else -1 if row.side == ASK else 0
    event.fills += 1
    latest.fill_stop = event.fills


@kernel
def settle_fill(book: Any, slot: np.int64, order: Any, shown: np.int64, ts: np.int64) -> None:
    """The exchange restated a filled order: `shown` contracts remain displayed, 0 if it is gone.

    More than displayed before minus filled means that hidden contracts came to light: a refill,
    or, where fills exceeded what was shown and nothing remains, a last hidden part. Both count.
    """
    filled = np.int64(order.filled)
    hidden = shown - (np.int64(order.size) - filled)
    order.filled = 0
    instrument = INSTRUMENT(book.instruments, slot)
    pane = EVAL(book.panes, slot)
    buffer = instrument.event
    refills = np.int64(order.owner) & REFILL_MASK
    if hidden <= 0 or aggressor_index(book, buffer, order.order_id) >= 0:
        if refills == 0:
            order.hidden = min(np.int64(order.hidden) + filled, _U32_MAX)
            if shown == 0 and hidden == 0:
                _fill_out(book, slot, buffer, order, ts)
        return
    if refills == 0:
        order.hidden = 0
        book.iceberg_orders += 1
    if refills != REFILL_MASK:
        order.owner += np.uint32(REFILL_ONE)
    book.iceberg_refills += 1
    book.hidden_size += hidden
    order.hidden = min(np.int64(order.hidden) + hidden, _U32_MAX)
    if order.owner & ASK_BIT:
        pane.hidden_ask += hidden
    else:
        pane.hidden_bid += hidden
    if buffer >= 0:
        _note_hidden(book, buffer, order, hidden)


@kernel
def _fill_out(book: Any, slot: np.int64, buffer: np.int64, order: Any, ts: np.int64) -> None:
    """An order that only rested, and was no iceberg, is filled: its last fill says so."""
    if buffer < 0:
        return
    event = EVENT(book.event_buffers, buffer)
    for index in range(event.fills - 1, -1, -1):
        fill = fill_of(book, buffer, index)
        if fill.order_id == order.order_id:
            ask = np.int64(order.owner & ASK_BIT)
            fill.whole = order.hidden
            fill.follows = filled_out(book, 2 * slot + ask, order, fill.whole, ts)
            return


@kernel
def _note_hidden(book: Any, buffer: np.int64, order: Any, hidden: np.int64) -> None:
    """Tell it of the order's latest fill in the event, and of the aggressor that made the fill."""
    event = EVENT(book.event_buffers, buffer)
    for index in range(event.fills - 1, -1, -1):
        fill = fill_of(book, buffer, index)
        if fill.order_id == order.order_id:
            fill.hidden += hidden
            fill.hidden_total = order.hidden
            fill.refills = (order.owner & REFILL_MASK) // REFILL_ONE
            owner = event.aggressors - 1
            while aggressor_of(book, buffer, owner).fill_first > index:
                owner -= 1
            aggressor = aggressor_of(book, buffer, owner)
            aggressor.hidden += hidden
            aggressor.refills += 1
            return


@kernel
def sums_match(book: Any, buffer: np.int64) -> bool:
    """ΣT = ΣF of the event, auctions and implied trades left out."""
    event = EVENT(book.event_buffers, buffer)
    unfilled = np.int64(0)
    for index in range(event.aggressors):
        aggressor = aggressor_of(book, buffer, index)
        if aggressor.kind != AUCTION and aggressor.kind != IMPLIED:
            unfilled += aggressor.size - aggressor.filled
    return event.stray == 0 and unfilled == 0


@kernel
def put_executions(
    book: Any,
    slot: np.int64,
    bid: np.int64,
    ask: np.int64,
    bid_size: np.int64,
    ask_size: np.int64,
    ts: np.int64,
) -> None:
    """Rows of the closing event's aggressors, in order, with the touch before the event."""
    instrument = INSTRUMENT(book.instruments, slot)
    pane = EVAL(book.panes, slot)
    buffer = instrument.event
    event = EVENT(book.event_buffers, buffer)
    base = book.out_fills_rows
    for index in range(event.fills):
        copy(FILL(book.out_fills, base + index), fill_of(book, buffer, index))
    book.out_fills_rows = base + event.fills
    opened = False
    for index in range(event.aggressors):
        aggressor = aggressor_of(book, buffer, index)
        _count(book, pane, aggressor)
        row = put_row(book, slot, np.int64(EXECUTION), ts)
        row.side = aggressor.side
        row.aggressor = aggressor.kind
        row.order_id = aggressor.order_id
        row.size = aggressor.size
        row.hidden = aggressor.hidden
        row.resting = _resting(book, instrument, aggressor.order_id)
        row.levels = aggressor.levels
        row.refills = aggressor.refills
        row.fill_first = base + aggressor.fill_first
        row.fill_stop = base + aggressor.fill_stop
        row.price_first = aggressor.price_first
        row.price_last = aggressor.price_last
        row.sequence_first = aggressor.sequence
        row.bid_before = bid
        row.ask_before = ask
        row.bid_size_before = bid_size
        row.ask_size_before = ask_size
        opened |= aggressor.kind != AUCTION
    if opened:
        instrument.last_trade = ts


@kernel
def _resting(book: Any, instrument: Any, order_id: np.uint64) -> np.int64:
    """Contracts of the order that rest now."""
    order = ORDER(book.orders, seek(book, order_id, instrument.book))
    return np.int64(order.size) if order.order_id != 0 else np.int64(0)


@kernel
def _count(book: Any, pane: Any, aggressor: Any) -> None:
    """Signed volumes of the open pane and totals for the summary."""
    size = aggressor.size
    kind = aggressor.kind
    stop_size = size if kind == STOP else 0
    sweep_size = size if aggressor.levels >= 2 else 0
    if aggressor.side > 0:
        pane.buy += size
        pane.buy_count += 1
        pane.stop_buy += stop_size
        pane.sweep_buy += sweep_size
    elif aggressor.side < 0:
        pane.sell += size
        pane.sell_count += 1
        pane.stop_sell += stop_size
        pane.sweep_sell += sweep_size
    book.aggressors_seen += 1
    if kind != AUCTION:
        book.traded_size += size
        book.swept_2 += aggressor.levels == 2
        book.swept_3_or_more += aggressor.levels >= 3
    book.stops += kind == STOP
    book.modified_limits += kind == MODIFIED_LIMIT


@kernel
def update_tops(book: Any, slot: np.int64, count_flow: bool) -> None:
    """Bring levels 1–10 of both sides up to date and add the event's order-flow imbalance.

    Cont, Kukanov, Stoikov (2014), per level: e = 1{Pb ≥ Pb'}·qb − 1{Pb ≤ Pb'}·qb' for bids, and
    the mirror image for asks, which on signed keys is the same expression negated.
    """
    for line in range(2 * slot, 2 * slot + 2):
        side = SIDE(book.sides, line)
        last = min(side.touched_last, OFI_LEVELS - 1)
        best = side.first + side.levels - 1
        for depth in range(side.touched_first, last + 1):
            key = np.int64(NO_KEY)
            size = np.int64(0)
            if depth < side.levels:
                level = LEVEL(book.arena, best - depth)
                key = level.key
                size = level.size
            top = TOP(book.tops, line * OFI_LEVELS + depth)
            if count_flow:
                flow = np.int64(0)
                if key >= top.key:
                    flow += size
                if key <= top.key:
                    flow -= top.size
                add_flow(book, slot, depth, flow if line == 2 * slot else -flow)
            top.key = key
            top.size = size

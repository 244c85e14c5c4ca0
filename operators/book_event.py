"""Execution events: trades and fills are gathered per aggressor until F_LAST, then become rows.

What a row means is defined in `operators.model.evaluations`; the rules for kinds of aggressor,
own fills and refills follow CME's trade summaries as Databento normalises them (T one per
aggressor and price, F one per resting order, then the book changes).
"""

import numpy as np
from operators.kernels import inlined, kernel

from operators.book_orders import AGGRESSING_BIT, ASK_BIT, REFILL_MASK, REFILL_ONE, find
from operators.book_state import (
    AGGRESSORS,
    AGGRESSORS_MAX,
    FAULT_ROWS,
    FILLS,
    FILLS_MAX,
    FREE_EVENT,
    HIDDEN,
    ICEBERGS,
    MODIFIED,
    NO_KEY,
    ORPHAN_FILLS,
    OUT,
    REFILLS,
    STOPS,
    SWEPT_2,
    SWEPT_3,
    TRADED,
    TRADES,
    UNTOUCHED,
    Book,
)
from operators.model.evaluations import (
    AUCTION,
    CROSSED,
    DIRTY,
    EXECUTION,
    FAULT,
    FAULT_NAMES,
    IMPLIED,
    LATE,
    MODIFIED_LIMIT,
    NEW,
    OFI_LEVELS,
    OPENED,
    STOP,
)
from operators.model.records import ASK, BID, F_SNAPSHOT

UNKNOWN_ORDER = FAULT_NAMES.index("unknown_order")
KNOWN_ADDED = FAULT_NAMES.index("known_order_added")
CANCEL_TOO_LARGE = FAULT_NAMES.index("cancel_too_large")
CROSSED_BOOK = FAULT_NAMES.index("crossed")
MISMATCH = FAULT_NAMES.index("trade_fill_mismatch")
OVERRUN = FAULT_NAMES.index("event_overrun")

CONTINUOUS_NS = 600_000_000_000
"""A book counts as in continuous trading for so long after a trade: auctions and pauses are
announced on another schema, which a file may lack."""


@inlined
def is_open(book: Book, slot: np.int64, ts: np.int64) -> bool:
    """Is the instrument in continuous trading, as far as the stream shows?"""
    instrument = book.instruments[slot]
    return (
        instrument.halted == 0
        and instrument.last_trade != 0
        and ts - instrument.last_trade <= CONTINUOUS_NS
    )


@kernel
def open_event(book: Book, slot: np.int64) -> np.int64:
    """The buffer of the instrument's open event; a free one must exist."""
    buffer = np.int64(book.instruments[slot].event)
    if buffer < 0:
        buffer = book.counts[FREE_EVENT]
        book.counts[FREE_EVENT] = book.events[buffer].next
        book.instruments[slot].event = buffer
        book.events[buffer].aggressors = 0
        book.events[buffer].fills = 0
        book.events[buffer].overrun = 0
    return buffer


@inlined
def close_event(book: Book, slot: np.int64) -> None:
    """Give the buffer back and forget the open event."""
    buffer = np.int64(book.instruments[slot].event)
    if buffer >= 0:
        book.events[buffer].next = book.counts[FREE_EVENT]
        book.counts[FREE_EVENT] = buffer
    book.instruments[slot].event = -1
    book.instruments[slot].event_rows = 0
    for side in range(2 * slot, 2 * slot + 2):
        book.touched[side, 0] = UNTOUCHED
        book.touched[side, 1] = -1


@kernel
def add_trade(book: Book, slot: np.int64, row: np.void) -> None:
    """A T row: one price level of one aggressor order."""
    buffer = open_event(book, slot)
    event = book.events[buffer]
    book.counts[TRADES] += 1
    count = np.int64(event.aggressors)
    for index in range(count - 1, max(-1, count - 9), -1):
        known = book.aggressors[buffer, index]
        if known.order_id == row.order_id and (row.order_id != 0 or index == count - 1):
            known.size += row.size
            known.sequence_last = row.sequence
            if known.price_last != row.price:
                known.levels += 1
                known.price_last = row.price
            return
    if count == AGGRESSORS_MAX:
        event.overrun += 1
        return
    kind = _kind(book, slot, row, buffer, count)
    new = book.aggressors[buffer, count]
    new.order_id = row.order_id
    new.kind = kind
    new.side = np.int8(1) if row.side == BID else np.int8(-1) if row.side == ASK else np.int8(0)
    new.size = row.size
    new.filled = 0
    new.hidden = 0
    new.resting = 0
    new.refills = 0
    new.levels = 1
    new.price_first = row.price
    new.price_last = row.price
    new.sequence_first = row.sequence
    new.sequence_last = row.sequence
    new.fill_first = event.fills
    new.fill_stop = event.fills
    event.aggressors = count + 1


@kernel
def _kind(book: Book, slot: np.int64, row: np.void, buffer: np.int64, count: np.int64) -> np.uint8:
    if row.side != BID and row.side != ASK:
        if row.order_id == 0 and not is_open(book, slot, np.int64(row.ts_event)):
            return np.uint8(AUCTION)
        return np.uint8(IMPLIED)
    place = find(book.orders, row.order_id, book.instruments[slot].book)
    if place >= 0:
        book.orders[place].owner |= np.uint32(AGGRESSING_BIT)
        return np.uint8(MODIFIED_LIMIT)
    if count > 0 and row.order_id < book.aggressors[buffer, 0].order_id:
        return np.uint8(STOP)
    return np.uint8(NEW)


@kernel
def add_fill(book: Book, slot: np.int64, row: np.void) -> None:
    """An F row: a resting order was filled by the latest aggressor of the event."""
    buffer = open_event(book, slot)
    event = book.events[buffer]
    latest = np.int64(event.aggressors) - 1
    place = find(book.orders, row.order_id, book.instruments[slot].book)
    if place >= 0:
        book.orders[place].filled += row.size
        if book.orders[place].owner & AGGRESSING_BIT:
            return  # The aggressor had rested: its own fill mirrors the trade.
    else:
        for index in range(latest + 1):
            if book.aggressors[buffer, index].order_id == row.order_id:
                return
        book.counts[ORPHAN_FILLS] += 1
    if latest < 0:
        event.overrun += 1
        return
    book.aggressors[buffer, latest].filled += row.size
    if event.fills == FILLS_MAX:
        event.overrun += 1
        return
    fill = book.fills[buffer, event.fills]
    fill.order_id = row.order_id
    fill.price = row.price
    fill.size = row.size
    fill.hidden = 0
    fill.hidden_total = book.orders[place].hidden if place >= 0 else 0
    fill.refills = (book.orders[place].owner & REFILL_MASK) // REFILL_ONE if place >= 0 else 0
    if place >= 0:
        fill.side = -1 if book.orders[place].owner & ASK_BIT else 1
    else:
        fill.side = 1 if row.side == BID else -1 if row.side == ASK else 0
    event.fills += 1
    book.aggressors[buffer, latest].fill_stop = event.fills


@kernel
def settle_fill(book: Book, slot: np.int64, place: np.int64, shown: np.int64) -> None:
    """The exchange restated a filled order: `shown` contracts remain displayed, 0 if it is gone.

    More than displayed before minus filled means that hidden contracts came to light: a refill,
    or, where fills exceeded what was shown and nothing remains, a last hidden part. Both count.
    """
    order = book.orders[place]
    hidden = shown - (np.int64(order.size) - np.int64(order.filled))
    order.filled = 0
    if hidden <= 0 or order.owner & AGGRESSING_BIT:
        return
    if order.owner & REFILL_MASK == 0:
        book.counts[ICEBERGS] += 1
    if order.owner & REFILL_MASK != REFILL_MASK:
        order.owner += np.uint32(REFILL_ONE)
    book.counts[REFILLS] += 1
    book.counts[HIDDEN] += hidden
    order.hidden = np.uint32(min(np.int64(order.hidden) + hidden, np.int64(0xFFFFFFFF)))
    _note_hidden(book, slot, order, hidden)


@kernel
def _note_hidden(book: Book, slot: np.int64, order: np.void, hidden: np.int64) -> None:
    buffer = np.int64(book.instruments[slot].event)
    if buffer < 0:
        return
    for index in range(np.int64(book.events[buffer].fills) - 1, -1, -1):
        fill = book.fills[buffer, index]
        if fill.order_id == order.order_id:
            fill.hidden += hidden
            fill.hidden_total = order.hidden
            fill.refills = (order.owner & REFILL_MASK) // REFILL_ONE
            for owner in range(np.int64(book.events[buffer].aggressors) - 1, -1, -1):
                if book.aggressors[buffer, owner].fill_first <= index:
                    book.aggressors[buffer, owner].hidden += hidden
                    book.aggressors[buffer, owner].refills += 1
                    break
            break
    if order.owner & ASK_BIT:
        book.panes[slot].hidden_ask += hidden
    else:
        book.panes[slot].hidden_bid += hidden


@kernel
def note_resting(book: Book, slot: np.int64, row: np.void) -> None:
    """An A row inside an event: the remainder of an aggressor may rest."""
    buffer = np.int64(book.instruments[slot].event)
    if buffer >= 0:
        for index in range(np.int64(book.events[buffer].aggressors)):
            if book.aggressors[buffer, index].order_id == row.order_id:
                book.aggressors[buffer, index].resting = row.size
                return


@kernel
def state_bits(book: Book, slot: np.int64, ts: np.int64) -> np.uint8:
    """DIRTY, CROSSED, OPENED, LATE of the instrument now."""
    bits = np.uint8(0)
    if book.instruments[slot].dirty:
        bits |= np.uint8(DIRTY)
    if crossed(book, slot):
        bits |= np.uint8(CROSSED)
    if is_open(book, slot, ts):
        bits |= np.uint8(OPENED)
    root = book.roots[book.instruments[slot].root]
    if ts < root.pane_end - 1_000_000_000:
        bits |= np.uint8(LATE)
    return bits


@inlined
def crossed(book: Book, slot: np.int64) -> bool:
    """Bid at or above ask at the last event's end."""
    bid, ask = book.top_key[2 * slot, 0], book.top_key[2 * slot + 1, 0]
    return bid != NO_KEY and ask != NO_KEY and bid >= -ask


@inlined
def set_book(book: Book, slot: np.int64) -> None:
    """Write the touch at the last event's end into the instrument's pane row."""
    pane = book.panes[slot]
    bid, ask = book.top_key[2 * slot, 0], book.top_key[2 * slot + 1, 0]
    pane.bid = 0 if bid == NO_KEY else bid
    pane.ask = 0 if ask == NO_KEY else -ask
    pane.bid_size = book.top_size[2 * slot, 0]
    pane.ask_size = book.top_size[2 * slot + 1, 0]


@kernel
def put_row(book: Book, slot: np.int64, kind: int, ts: np.int64) -> np.int64:
    """Append the instrument's pane row as it stands and return its index; faults start anew."""
    index = book.counts[OUT]
    pane = book.panes[slot]
    pane.kind = kind
    pane.state = state_bits(book, slot, ts if kind != 2 else ts - 1)
    pane.root = book.instruments[slot].root
    pane.slot = slot
    pane.instrument_id = book.instruments[slot].instrument_id
    pane.ts_event = ts
    pane.sequence_last = book.instruments[slot].last_sequence
    pane.ts_recv = book.instruments[slot].last_ts_recv
    book.out[index] = pane
    for fault in range(pane.faults.size):
        pane.faults[fault] = 0
    book.counts[OUT] = index + 1
    return index


@kernel
def put_fault(book: Book, slot: np.int64, dirty: np.uint8, ts: np.int64) -> None:
    """The instrument's book turned dirty (1 + kind of fault) or sound (0): a row at its place."""
    book.instruments[slot].dirty = dirty
    index = put_row(book, slot, FAULT, ts)
    row = book.out[index]
    row.aggressor = dirty
    book.counts[FAULT_ROWS] += 1
    row.bid_before = row.bid
    row.ask_before = row.ask


@kernel
def put_executions(book: Book, slot: np.int64, ts: np.int64) -> None:
    """Rows of the closing event's aggressors, in order. The tops still show the book before it;
    `finish` must have been called with the new tops kept aside: see `book_kernel.end_event`."""
    buffer = np.int64(book.instruments[slot].event)
    event = book.events[buffer]
    base = book.counts[FILLS]
    for index in range(np.int64(event.fills)):
        book.out_fills[base + index] = book.fills[buffer, index]
    book.counts[FILLS] = base + event.fills
    for index in range(np.int64(event.aggressors)):
        aggressor = book.aggressors[buffer, index]
        count_aggressor(book, slot, aggressor)
        if aggressor.kind not in (AUCTION, IMPLIED):
            add_to_pane(book, slot, aggressor)
        row = book.out[put_row(book, slot, EXECUTION, ts)]
        row.side = aggressor.side
        row.aggressor = aggressor.kind
        row.order_id = aggressor.order_id
        row.size = aggressor.size
        row.hidden = aggressor.hidden
        row.resting = aggressor.resting
        row.levels = aggressor.levels
        row.refills = aggressor.refills
        row.fill_first = base + aggressor.fill_first
        row.fill_stop = base + aggressor.fill_stop
        row.price_first = aggressor.price_first
        row.price_last = aggressor.price_last
        row.sequence_first = aggressor.sequence_first


@kernel
def add_to_pane(book: Book, slot: np.int64, aggressor: np.void) -> None:
    """Signed volumes of the open pane."""
    pane = book.panes[slot]
    if aggressor.side > 0:
        pane.buy += aggressor.size
        pane.buy_count += 1
        pane.stop_buy += aggressor.size if aggressor.kind == STOP else 0
        pane.sweep_buy += aggressor.size if aggressor.levels >= 2 else 0
    elif aggressor.side < 0:
        pane.sell += aggressor.size
        pane.sell_count += 1
        pane.stop_sell += aggressor.size if aggressor.kind == STOP else 0
        pane.sweep_sell += aggressor.size if aggressor.levels >= 2 else 0


@kernel
def count_aggressor(book: Book, slot: np.int64, aggressor: np.void) -> None:
    """Totals for the summary; undo the mark on a modified limit order that still rests."""
    counts = book.counts
    counts[AGGRESSORS] += 1
    if aggressor.kind != AUCTION:
        counts[TRADED] += aggressor.size
        counts[SWEPT_2] += 1 if aggressor.levels == 2 else 0
        counts[SWEPT_3] += 1 if aggressor.levels >= 3 else 0
    if aggressor.kind == STOP:
        counts[STOPS] += 1
    elif aggressor.kind == MODIFIED_LIMIT:
        counts[MODIFIED] += 1
        place = find(book.orders, aggressor.order_id, book.instruments[slot].book)
        if place >= 0:
            book.orders[place].owner &= np.uint32(0xFFFFFFFF ^ AGGRESSING_BIT)


@kernel
def sums_match(book: Book, slot: np.int64) -> bool:
    """ΣT = ΣF of the event, auctions and implied trades left out, and nothing overran."""
    buffer = np.int64(book.instruments[slot].event)
    for index in range(np.int64(book.events[buffer].aggressors)):
        aggressor = book.aggressors[buffer, index]
        if aggressor.kind not in (AUCTION, IMPLIED) and aggressor.size != aggressor.filled:
            return False
    return True


@inlined
def update_tops(book: Book, slot: np.int64, count_flow: bool) -> None:
    """Bring levels 1–10 of both sides up to date and add the event's order-flow imbalance.

    Cont, Kukanov, Stoikov (2014), per level: e = 1{Pb ≥ Pb'}·qb − 1{Pb ≤ Pb'}·qb' for bids, and
    the mirror image for asks, which on signed keys is the same expression negated.
    """
    for side in range(2):
        line = 2 * slot + side
        first = np.int64(book.touched[line, 0])
        if first >= OFI_LEVELS:
            continue
        last = min(np.int64(book.touched[line, 1]), OFI_LEVELS - 1)
        levels = np.int64(book.blocks[line].levels)
        best = np.int64(book.blocks[line].first) + levels - 1
        sign = 1 - 2 * side
        for depth in range(first, last + 1):
            key = np.int64(NO_KEY)
            size = np.int64(0)
            if depth < levels:
                key = book.arena[best - depth].key
                size = book.arena[best - depth].size
            if count_flow:
                flow = np.int64(0)
                if key >= book.top_key[line, depth]:
                    flow += size
                if key <= book.top_key[line, depth]:
                    flow -= book.top_size[line, depth]
                book.panes[slot].ofi[depth] += sign * flow
            book.top_key[line, depth] = key
            book.top_size[line, depth] = size


@inlined
def is_snapshot(row: np.void) -> bool:
    """Is the row part of a snapshot?"""
    return row.flags & F_SNAPSHOT != 0

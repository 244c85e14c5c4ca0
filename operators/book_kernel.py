"""The book's loop over records: orders, levels, events, panes and integrity, one pass.

A numba kernel may be one long loop; this one calls small functions that the compiler inlines.
Its slow, obvious twin is `tests/operators/book_oracle.py`.
"""

from typing import Final

import numpy as np
from numba import carray
from numpy.typing import NDArray

from operators.kernels import entry, inlined, kernel, pointer

from operators.book_event import (
    CANCEL_TOO_LARGE,
    CROSSED_BOOK,
    KNOWN_ADDED,
    MISMATCH,
    OVERRUN,
    UNKNOWN_ORDER,
    add_fill,
    add_trade,
    close_event,
    crossed,
    is_open,
    is_snapshot,
    note_resting,
    put_executions,
    put_fault,
    put_row,
    set_book,
    settle_fill,
    sums_match,
    update_tops,
)
from operators.book_levels import change, release, reserve
from operators.book_orders import ASK_BIT, BOOK_SHIFT, find, insert, remove
from operators.book_state import (
    AGGRESSORS_MAX,
    ENTRIES,
    EVENTS,
    FILLS,
    FILLS_MAX,
    FREE_EVENT,
    LATE_ROWS,
    NEXT_BOOK,
    NO_KEY,
    NOT_APPLIED,
    OUT,
    RECORDS,
    Book,
    viewed,
)
from operators.idmap import find as find_slot
from operators.model.evaluations import (
    AUCTION,
    EXECUTION,
    NEAR_LEVELS,
    OFI_LEVELS,
    PANE,
    WIRE_BAD_BOOK,
    WIRE_FIELD,
    WIRE_NAMES,
    WIRE_SEQUENCE,
)
from operators.model.records import (
    ADD,
    ASK,
    CANCEL,
    CLEAR,
    F_LAST,
    FILL,
    MODIFY,
    NS_PER_S,
    TRADE,
)

ROW_DTYPE: Final = np.dtype(
    [
        ("length", "u1"),
        ("rtype", "u1"),
        ("publisher_id", "<u2"),
        ("instrument_id", "<u4"),
        ("ts_event", "<u8"),
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("size", "<u4"),
        ("flags", "u1"),
        ("channel_id", "u1"),
        ("action", "u1"),
        ("side", "u1"),
        ("ts_recv", "<u8"),
        ("ts_in_delta", "<i4"),
        ("sequence", "<u4"),
    ]
)
"""MBO_DTYPE with action and side as numbers, as the kernel compares them."""

# Why the kernel stopped before the end of its rows; the row it names is not yet applied.
DONE: Final = 0
NEED_INSTRUMENT: Final = 1
NEED_LEVELS: Final = 2
NEED_EVENTS: Final = 3
NEED_BOOKS: Final = 4
NEED_OUT: Final = 5

_BOOK_ACTIONS = (ADD, CANCEL, MODIFY, CLEAR)
_WIRE_DIRTY = WIRE_SEQUENCE | WIRE_BAD_BOOK


@entry
def apply_rows(
    at: NDArray[np.int64], rows_at: np.int64, faults_at: np.int64, start: np.int64, stop: np.int64
) -> tuple[np.int64, np.int64]:
    """Apply rows `start` to `stop`; returns (why it stopped, first row not applied).

    Args:
        at: Addresses of the book (`book_state.addresses`); it is changed in place, evaluation
            rows are appended to its `out`. The order table must have room for all rows.
        rows_at: Address of rows, ROW_DTYPE, contiguous.
        faults_at: Address of as many uint16, WIRE_* bits.
        start: First row to apply.
        stop: One past the last.
    """
    rows = carray(pointer(rows_at), (stop,), dtype=ROW_DTYPE)
    faults = carray(pointer(faults_at), (stop,), dtype=np.uint16)
    return _apply_rows(viewed(at), rows, faults, start, stop)


@kernel
def _apply_rows(
    book: Book,
    rows: NDArray[np.void],
    faults: NDArray[np.uint16],
    start: np.int64,
    stop: np.int64,
) -> tuple[np.int64, np.int64]:
    last_id = np.int64(-1)
    slot = np.int64(-1)
    for index in range(start, stop):
        row = rows[index]
        if np.int64(row.instrument_id) != last_id:
            last_id = np.int64(row.instrument_id)
            slot = find_slot(book.ids, last_id)
            if slot < 0:
                return np.int64(NEED_INSTRUMENT), np.int64(index)
        need = _room(book, slot, row)
        if need != DONE:
            return np.int64(need), np.int64(index)
        _apply(book, slot, row, faults[index])
    return np.int64(DONE), np.int64(stop)


@inlined
def _room(book: Book, slot: np.int64, row: np.void) -> np.int64:
    """What must grow before this row can be applied in one piece."""
    root = book.roots[book.instruments[slot].root]
    rows_needed = 4 + np.int64(root.active)
    fills_needed = np.int64(0)
    if book.instruments[slot].event >= 0:
        rows_needed += AGGRESSORS_MAX
        fills_needed = FILLS_MAX
    if (
        book.counts[OUT] + rows_needed > book.out.size
        or book.counts[FILLS] + fills_needed > book.out_fills.size
    ):
        return np.int64(NEED_OUT)
    if book.counts[NEXT_BOOK] == book.slot_of_book.size:
        return np.int64(NEED_BOOKS)
    if row.action == ADD or row.action == MODIFY:
        if not reserve(book.arena, book.blocks[2 * slot : 2 * slot + 1], book.free, book.used):
            return np.int64(NEED_LEVELS)
        if not reserve(book.arena, book.blocks[2 * slot + 1 : 2 * slot + 2], book.free, book.used):
            return np.int64(NEED_LEVELS)
        return np.int64(DONE)
    if row.action == TRADE or row.action == FILL:
        if book.counts[FREE_EVENT] < 0 and book.instruments[slot].event < 0:
            return np.int64(NEED_EVENTS)
    return np.int64(DONE)


@inlined
def _apply(book: Book, slot: np.int64, row: np.void, wire: np.uint16) -> None:
    instrument = book.instruments[slot]
    ts = np.int64(row.ts_event)
    snapshot = is_snapshot(row)
    book.counts[RECORDS] += 1
    if not snapshot and not wire & WIRE_FIELD:
        advance(book, np.int64(instrument.root), ts)
        if ts < book.roots[instrument.root].pane_end - NS_PER_S:
            book.counts[LATE_ROWS] += 1
        activate(book, slot)
        book.panes[slot].records += 1
    if wire:
        _note_wire(book, slot, row, wire, ts)
    if wire & WIRE_FIELD:
        book.counts[NOT_APPLIED] += 1
        if row.flags & F_LAST and instrument.event_rows > 0:
            end_event(book, slot, np.int64(instrument.ts_event))
        return
    instrument.last_sequence = row.sequence
    instrument.last_ts_recv = row.ts_recv
    if snapshot != (instrument.snapshot != 0) or row.action == CLEAR:
        _change_mode(book, slot, row, snapshot, ts)
    if not snapshot:
        if instrument.event_rows == 0:
            instrument.ts_event = ts
            instrument.sequence_first = row.sequence
        instrument.event_rows += 1
    if row.action == ADD:
        _add(book, slot, row, snapshot, ts)
    elif row.action == CANCEL:
        _cancel(book, slot, row, ts)
    elif row.action == MODIFY:
        _modify(book, slot, row, ts)
    elif row.action == TRADE:
        add_trade(book, slot, row)
    elif row.action == FILL:
        add_fill(book, slot, row)
    if row.flags & F_LAST:
        if snapshot:
            _end_snapshot(book, slot, ts)
        else:
            end_event(book, slot, ts)


@inlined
def advance(book: Book, root_index: np.int64, ts: np.int64) -> None:
    """Move a root's clock to `ts` if it is behind; close its pane if `ts` lies beyond it."""
    root = book.roots[root_index]
    if ts <= root.clock:
        return
    root.clock = ts
    if ts < root.pane_end:
        return
    if root.active:
        _close_panes(book, root_index)
    root.pane_end = (ts // NS_PER_S + 1) * NS_PER_S


@kernel
def _close_panes(book: Book, root_index: np.int64) -> None:
    """A PANE row for each active instrument of the root, in the order of instrument ids."""
    root = book.roots[root_index]
    count = np.int64(root.active)
    slot = np.int64(root.first_active)
    for index in range(count):
        book.scratch[index] = np.int64(book.instruments[slot].instrument_id) << 24 | slot
        slot = np.int64(book.instruments[slot].next_active)
    sort(book.scratch, count)
    for index in range(count):
        slot = book.scratch[index] & 0xFFFFFF
        row = put_row(book, slot, PANE, root.pane_end)
        book.instruments[slot].active = 0
        pane = book.panes[slot]
        _zero(pane)
        pane.bid_before = book.out[row].bid
        pane.ask_before = book.out[row].ask
        pane.bid_size_before = book.out[row].bid_size
        pane.ask_size_before = book.out[row].ask_size
    root.first_active = -1
    root.active = 0


@kernel
def sort(values: NDArray[np.int64], count: np.int64) -> None:
    """Heap sort of `values[:count]` in place: no memory, no bad case."""
    for end in range(count // 2 - 1, -1, -1):
        _sift(values, end, count)
    for end in range(count - 1, 0, -1):
        values[0], values[end] = values[end], values[0]
        _sift(values, 0, end)


@kernel
def _sift(values: NDArray[np.int64], start: np.int64, count: np.int64) -> None:
    parent = start
    while 2 * parent + 1 < count:
        child = 2 * parent + 1
        if child + 1 < count and values[child] < values[child + 1]:
            child += 1
        if values[parent] >= values[child]:
            return
        values[parent], values[child] = values[child], values[parent]
        parent = child


@kernel
def _zero(pane: np.void) -> None:
    pane.sequence_first = 0
    pane.buy = 0
    pane.sell = 0
    pane.buy_count = 0
    pane.sell_count = 0
    pane.stop_buy = 0
    pane.stop_sell = 0
    pane.sweep_buy = 0
    pane.sweep_sell = 0
    pane.hidden_bid = 0
    pane.hidden_ask = 0
    pane.add_bid = 0
    pane.add_ask = 0
    pane.cancel_bid = 0
    pane.cancel_ask = 0
    pane.records = 0
    for level in range(OFI_LEVELS):
        pane.ofi[level] = 0


@inlined
def activate(book: Book, slot: np.int64) -> None:
    """Something happened in the instrument: its root's open pane will have a row for it."""
    instrument = book.instruments[slot]
    if not instrument.active:
        root = book.roots[instrument.root]
        instrument.active = 1
        instrument.next_active = root.first_active
        root.first_active = slot
        root.active += 1


@kernel
def _note_wire(book: Book, slot: np.int64, row: np.void, wire: np.uint16, ts: np.int64) -> None:
    for kind in range(len(WIRE_NAMES)):
        if wire >> kind & 1:
            book.panes[slot].faults[kind] += np.uint32(1)
    dirty = np.int64(-1)
    if wire & _WIRE_DIRTY:
        dirty = 0 if wire & WIRE_SEQUENCE else 5
    elif wire & WIRE_FIELD and row.action in _BOOK_ACTIONS:
        dirty = 3
    if dirty >= 0 and not book.instruments[slot].dirty:
        put_fault(book, slot, np.uint8(dirty + 1), ts)


@kernel
def _fault(book: Book, slot: np.int64, kind: np.int64, ts: np.int64, dirty: bool) -> None:
    book.panes[slot].faults[kind] += np.uint32(1)
    if dirty and not book.instruments[slot].dirty:
        put_fault(book, slot, np.uint8(kind + 1), ts)


@kernel
def _change_mode(book: Book, slot: np.int64, row: np.void, snapshot: bool, ts: np.int64) -> None:
    """A clear, the first record of a snapshot, or the first one after it."""
    instrument = book.instruments[slot]
    if row.action == CLEAR:
        clear(book, slot)
        if not snapshot:
            instrument.snapshot = 0
            instrument.primed = 1
            if instrument.dirty:
                put_fault(book, slot, np.uint8(0), ts)
    elif snapshot:
        # Files made before 2024-02-10 have no leading R: the first record clears.
        clear(book, slot)
    else:
        _end_snapshot(book, slot, ts)
    instrument.snapshot = 1 if snapshot else 0


@kernel
def _end_snapshot(book: Book, slot: np.int64, ts: np.int64) -> None:
    instrument = book.instruments[slot]
    instrument.snapshot = 0
    instrument.primed = 1
    update_tops(book, slot, False)
    close_event(book, slot)
    set_book(book, slot)
    if instrument.dirty:
        put_fault(book, slot, np.uint8(0), book.roots[instrument.root].clock)


@kernel
def clear(book: Book, slot: np.int64) -> None:
    """Empty the instrument's book in O(levels 1–10) and discard its open event."""
    instrument = book.instruments[slot]
    book.slot_of_book[instrument.book] = -1
    instrument.book = book.counts[NEXT_BOOK]
    book.slot_of_book[instrument.book] = slot
    book.counts[NEXT_BOOK] += 1
    instrument.orders = 0
    instrument.last_trade = 0
    close_event(book, slot)
    for side in range(2 * slot, 2 * slot + 2):
        release(book.arena, book.blocks[side : side + 1], book.free)
        book.blocks[side].levels = 0
        for depth in range(OFI_LEVELS):
            book.top_key[side, depth] = NO_KEY
            book.top_size[side, depth] = 0
    set_book(book, slot)


@inlined
def _level(
    book: Book, slot: np.int64, ask: np.int64, price: np.int64, size: np.int64, count: np.int64
) -> np.int64:
    """Change a level, remember how deep the event reached, return the depth."""
    line = 2 * slot + ask
    key = -price if ask else price
    packed = change(book.arena, book.blocks[line : line + 1], key, size, count)
    depth = packed >> 1
    if depth < OFI_LEVELS:
        if depth < book.touched[line, 0]:
            book.touched[line, 0] = depth
        deepest = OFI_LEVELS - 1 if packed & 1 else depth
        if deepest > book.touched[line, 1]:
            book.touched[line, 1] = deepest
    return depth


@inlined
def _near(book: Book, slot: np.int64, ask: np.int64, depth: np.int64, size: np.int64) -> None:
    """Count displayed size that came (positive) or was withdrawn (negative) near the touch."""
    if depth < NEAR_LEVELS:
        pane = book.panes[slot]
        if ask:
            if size > 0:
                pane.add_ask += size
            else:
                pane.cancel_ask -= size
        elif size > 0:
            pane.add_bid += size
        else:
            pane.cancel_bid -= size


@inlined
def _add(book: Book, slot: np.int64, row: np.void, snapshot: bool, ts: np.int64) -> None:
    number = np.int64(book.instruments[slot].book)
    place = find(book.orders, row.order_id, number)
    if place >= 0:
        if not snapshot:
            _fault(book, slot, KNOWN_ADDED, ts, False)
        _take(book, slot, place)
    _put(book, slot, row, snapshot)
    if not snapshot:
        note_resting(book, slot, row)


@inlined
def _put(book: Book, slot: np.int64, row: np.void, snapshot: bool) -> None:
    ask = np.int64(ASK_BIT if row.side == ASK else 0)
    place = insert(book.orders, row.order_id, np.int64(book.instruments[slot].book))
    book.orders[place].price = row.price
    book.orders[place].size = row.size
    book.orders[place].owner |= np.uint32(ask)
    book.counts[ENTRIES] += 1
    book.instruments[slot].orders += 1
    depth = _level(book, slot, ask, row.price, np.int64(row.size), np.int64(1))
    if not snapshot:
        _near(book, slot, ask, depth, np.int64(row.size))


@inlined
def _take(book: Book, slot: np.int64, place: np.int64) -> np.int64:
    """Remove an order from table and level; returns the depth its level had."""
    order = book.orders[place]
    ask = np.int64(order.owner & ASK_BIT)
    depth = _level(book, slot, ask, order.price, -np.int64(order.size), np.int64(-1))
    remove(book.orders, place)
    book.counts[ENTRIES] -= 1
    book.instruments[slot].orders -= 1
    return depth


@kernel
def _unknown(book: Book, slot: np.int64, ts: np.int64) -> None:
    book.instruments[slot].unknown += 1
    _fault(book, slot, UNKNOWN_ORDER, ts, True)


@inlined
def _cancel(book: Book, slot: np.int64, row: np.void, ts: np.int64) -> None:
    place = find(book.orders, row.order_id, np.int64(book.instruments[slot].book))
    if place < 0:
        _unknown(book, slot, ts)
        return
    order = book.orders[place]
    ask = np.int64(order.owner & ASK_BIT)
    size = np.int64(row.size)
    filled = order.filled > 0
    if size > order.size and not filled:
        _fault(book, slot, CANCEL_TOO_LARGE, ts, True)
    if size >= order.size:
        shown = np.int64(order.size)
        if filled:
            settle_fill(book, slot, place, np.int64(0))
        depth = _take(book, slot, place)
        if not filled:
            _near(book, slot, ask, depth, -shown)
        return
    if filled:
        settle_fill(book, slot, place, np.int64(order.size) - size)
    order.size -= np.uint32(size)
    depth = _level(book, slot, ask, order.price, -size, np.int64(0))
    if not filled:
        _near(book, slot, ask, depth, -size)


@inlined
def _modify(book: Book, slot: np.int64, row: np.void, ts: np.int64) -> None:
    place = find(book.orders, row.order_id, np.int64(book.instruments[slot].book))
    if place < 0:
        _unknown(book, slot, ts)
        _put(book, slot, row, False)
        return
    order = book.orders[place]
    filled = order.filled > 0
    if filled:
        settle_fill(book, slot, place, np.int64(row.size))
    old_ask = np.int64(order.owner & ASK_BIT)
    ask = np.int64(ASK_BIT if row.side == ASK else 0)
    delta = np.int64(row.size) - np.int64(order.size)
    if order.price == row.price and old_ask == ask:
        depth = _level(book, slot, ask, row.price, delta, np.int64(0))
        if not filled:
            _near(book, slot, ask, depth, delta)
    else:
        depth = _level(book, slot, old_ask, order.price, -np.int64(order.size), np.int64(-1))
        if not filled:
            _near(book, slot, old_ask, depth, -np.int64(order.size))
        depth = _level(book, slot, ask, row.price, np.int64(row.size), np.int64(1))
        if not filled:
            _near(book, slot, ask, depth, np.int64(row.size))
        order.price = row.price
        order.owner = (order.owner & np.uint32(0xFFFFFFFE)) | np.uint32(ask)
    order.size = row.size


@inlined
def end_event(book: Book, slot: np.int64, ts: np.int64) -> None:
    """F_LAST: the event is whole. Emit its executions, then look at the book."""
    instrument = book.instruments[slot]
    book.counts[EVENTS] += 1
    traded = instrument.event >= 0
    was_open = is_open(book, slot, ts)
    pane = book.panes[slot]
    if traded:
        bid, ask, bid_size, ask_size = pane.bid, pane.ask, pane.bid_size, pane.ask_size
        start = book.counts[OUT]
    update_tops(book, slot, not crossed(book, slot))
    set_book(book, slot)
    if was_open and crossed(book, slot):
        _fault(book, slot, CROSSED_BOOK, ts, True)
    if traded:
        if not sums_match(book, slot):
            _fault(book, slot, MISMATCH, ts, False)
        if book.events[instrument.event].overrun:
            _fault(book, slot, OVERRUN, ts, False)
        put_executions(book, slot, ts)
        for index in range(start, book.counts[OUT]):
            row = book.out[index]
            row.bid_before = bid
            row.ask_before = ask
            row.bid_size_before = bid_size
            row.ask_size_before = ask_size
            if row.kind == EXECUTION and row.aggressor != AUCTION:
                instrument.last_trade = ts
    close_event(book, slot)


@entry
def tick(
    at: NDArray[np.int64], feed: np.int64, ts: np.int64, first: np.int64, roots: np.int64
) -> np.int64:
    """The feed's clock reached `ts`: move the clocks of its roots from `first` on.

    Returns the first root that did not fit into the output any more, or `roots`.
    """
    return _tick(viewed(at), feed, ts, first, roots)


@kernel
def _tick(
    book: Book, feed: np.int64, ts: np.int64, first: np.int64, roots: np.int64
) -> np.int64:
    for root in range(first, roots):
        if book.roots[root].feed == feed and book.roots[root].pane_end > 0:
            if book.counts[OUT] + book.roots[root].active > book.out.size:
                return np.int64(root)
            advance(book, np.int64(root), ts)
    return roots

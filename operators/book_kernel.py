"""The book's loop over records: orders, levels, events, panes and integrity, one pass.

A numba kernel may be one long loop; this one calls small functions, of which the compiler merges
the hot ones. Its slow, obvious twin is `tests/operators/book_oracle.py`.
"""

from typing import Any, Final

import numpy as np
from numba import carray

from operators.book_changes import add_order, cancel_order, modify_order
from operators.book_echo import forget
from operators.book_event import (
    add_fill,
    add_trade,
    close_event,
    put_executions,
    sums_match,
    update_tops,
)
from operators.book_head import (
    BOOK_NUMBER,
    EVAL,
    EVAL_BYTES,
    EVENT,
    FAULT_BITS,
    HEAD,
    INSTRUMENT,
    INSTRUMENT_DTYPE,
    LEVEL_DTYPE,
    NO_KEY,
    ORDER_DTYPE,
    ROOT,
    ROW,
    SIDE,
    SIDE_DTYPE,
    TOP,
    TOP_DTYPE,
)
from operators.book_levels import has_room, widen
from operators.book_orders import home
from operators.book_panes import (
    activate,
    advance,
    count_fault,
    crossed,
    fault,
    is_open,
    put_fault,
    set_book,
    turn_dirty,
)
from operators.idmap import find
from operators.kernels import LINE_BYTES, entry, inlined, kernel, pointer, prefetch
from operators.model.evaluations import (
    FAULT_NAMES,
    OFI_LEVELS,
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
    F_SNAPSHOT,
    FILL,
    MODIFY,
    NS_PER_S,
    TRADE,
)

# Why the kernel stopped before the end of its rows; the row it names is not yet applied.
DONE: Final = 0
NEED_INSTRUMENT: Final = 1
NEED_LEVELS: Final = 2
NEED_EVENTS: Final = 3
NEED_BOOKS: Final = 4
NEED_OUT: Final = 5

_AHEAD: Final = 8
"""Rows between asking for memory and using it."""
_ORDER_BYTES: Final = ORDER_DTYPE.itemsize
_INSTRUMENT_BYTES: Final = INSTRUMENT_DTYPE.itemsize
_INSTRUMENT_LINES: Final = _INSTRUMENT_BYTES // LINE_BYTES
_LEVEL_BYTES: Final = LEVEL_DTYPE.itemsize
_SIDES_BYTES: Final = 2 * SIDE_DTYPE.itemsize
_TOPS_BYTES: Final = 2 * OFI_LEVELS * TOP_DTYPE.itemsize
_TOPS_LINES: Final = _TOPS_BYTES // LINE_BYTES
_PANE_FIRST_LINE: Final = 2
_PANE_LINES: Final = EVAL_BYTES // LINE_BYTES + 1
"""Lines of a pane that records change: its sums and the touch."""

_SEQUENCE = np.int64(WIRE_NAMES.index("sequence"))
_FIELD = np.int64(WIRE_NAMES.index("field"))
_BAD_BOOK = np.int64(WIRE_NAMES.index("maybe_bad_book"))
_CROSSED = np.int64(FAULT_NAMES.index("crossed"))
_MISMATCH = np.int64(FAULT_NAMES.index("trade_fill_mismatch"))
_OVERRUN = np.int64(FAULT_NAMES.index("event_overrun"))


@entry
def apply_rows(head_at: int, feed: int, rows_at: int, faults_at: int, start: int, stop: int) -> int:
    """Apply rows `start` to `stop`; returns why it stopped, and where in the head's `next_row`.

    Args:
        head_at: Address of the book's head; the book is changed in place, evaluation rows are
            appended to its `out`. The order table must have room for all rows.
        feed: Index of the rows' feed: instruments of two feeds are two instruments.
        rows_at: Address of rows, ROW_DTYPE, contiguous.
        faults_at: Address of as many uint16, WIRE_* bits.
        start: First row to apply.
        stop: One past the last.
    """
    book = HEAD(head_at, 0)
    ids = carray(pointer(book.ids), (book.ids_size, 2), np.int64)
    last_key = np.int64(-1)
    slot = np.int64(-1)
    for index in range(start, min(start + 2 * _AHEAD, stop)):
        _foresee_instrument(book, ids, feed, ROW(rows_at, index))
    for index in range(start, min(start + _AHEAD, stop)):
        _foresee_order(book, ids, feed, ROW(rows_at, index))
    for index in range(start, stop):
        if index + _AHEAD < stop:
            _foresee_order(book, ids, feed, ROW(rows_at, index + _AHEAD))
        if index + 2 * _AHEAD < stop:
            _foresee_instrument(book, ids, feed, ROW(rows_at, index + 2 * _AHEAD))
        row = ROW(rows_at, index)
        key = feed << 32 | np.int64(row.instrument_id)
        if key != last_key:
            last_key = key
            slot = find(ids, key)
            if slot < 0:
                book.next_row = index
                return NEED_INSTRUMENT
        need = _room(book, head_at, slot, row)
        if need != DONE:
            book.next_row = index
            return need
        _apply(book, slot, row, np.int64(FAULT_BITS(faults_at, index).bits))
    book.next_row = stop
    return DONE


@inlined
def _foresee_instrument(book: Any, ids: Any, feed: int, row: Any) -> None:
    """Have the row's instrument brought into the cache, which `_foresee_order` needs."""
    slot = find(ids, feed << 32 | np.int64(row.instrument_id))
    if slot >= 0:
        for line in range(_INSTRUMENT_LINES):
            prefetch(book.instruments + slot * _INSTRUMENT_BYTES + line * LINE_BYTES)
        prefetch(book.sides + slot * _SIDES_BYTES)
        prefetch(book.sides + slot * _SIDES_BYTES + LINE_BYTES)


@inlined
def _foresee_order(book: Any, ids: Any, feed: int, row: Any) -> None:
    """Have the row's order and the rest of what it changes brought into the cache.

    Waiting for memory was half of the kernel's time: orders lie anywhere in a table of megabytes.
    A row in between may make this wrong; then it was of no use, and nothing else.
    """
    slot = find(ids, feed << 32 | np.int64(row.instrument_id))
    if slot >= 0:
        number = INSTRUMENT(book.instruments, slot).book
        prefetch(book.orders + _ORDER_BYTES * home(row.order_id, number, book.orders_mask))
        for line in range(_PANE_FIRST_LINE, _PANE_LINES):
            prefetch(book.panes + slot * EVAL_BYTES + line * LINE_BYTES)
        for line in range(_TOPS_LINES):
            prefetch(book.tops + slot * _TOPS_BYTES + line * LINE_BYTES)
        side = SIDE(book.sides, 2 * slot + (row.side == ASK))
        best = book.arena + (side.first + side.levels - 1) * _LEVEL_BYTES
        prefetch(best)
        prefetch(best - LINE_BYTES)


@inlined
def _out_is_full(book: Any) -> bool:
    """Might the panes of a root not fit into the output?"""
    return book.out_rows > book.out_rows_max or book.out_depth_rows > book.out_depth_rows_max


@inlined
def _room(book: Any, head_at: np.int64, slot: np.int64, row: Any) -> np.int64:
    """What must grow before this row can be applied in one piece."""
    if _out_is_full(book) or book.out_fills_rows > book.out_fills_rows_max:
        return NEED_OUT
    if book.next_book == book.books:
        return NEED_BOOKS
    if row.action == ADD or row.action == MODIFY:
        side = SIDE(book.sides, 2 * slot + (row.side == ASK))
        if not has_room(side) and not widen(book, head_at, side):
            return NEED_LEVELS
    elif row.action == TRADE or row.action == FILL:
        if book.free_event < 0 and INSTRUMENT(book.instruments, slot).event < 0:
            return NEED_EVENTS
    return DONE


@inlined
def _apply(book: Any, slot: np.int64, row: Any, wire: np.int64) -> None:
    instrument = INSTRUMENT(book.instruments, slot)
    ts = row.ts_event
    snapshot = row.flags & F_SNAPSHOT != 0
    book.records += 1
    if row.order_id == 0 and (row.action == ADD or row.action == CANCEL or row.action == MODIFY):
        wire |= WIRE_FIELD  # The table knows free entries by it.
    if not snapshot and wire & WIRE_FIELD == 0:
        root = ROOT(book.roots, instrument.root)
        advance(book, root, ts)
        if ts < root.pane_end - NS_PER_S:
            book.late_rows += 1
        activate(book, instrument, slot)
        EVAL(book.panes, slot).records += 1
    if wire != 0:
        _note_wire(book, slot, row, wire)
        if wire & WIRE_FIELD:
            book.not_applied += 1
            if row.flags & F_LAST and not snapshot and instrument.event_rows > 0:
                _end_event(book, slot, instrument.event_ts)
            return
    instrument.last_sequence = row.sequence
    instrument.last_ts_recv = row.ts_recv
    if row.action == CLEAR or snapshot != (instrument.in_snapshot != 0):
        _change_mode(book, slot, row, snapshot)
    if not snapshot:
        if instrument.event_rows == 0:
            instrument.event_ts = ts
        instrument.event_rows += 1
    if row.action == ADD:
        add_order(book, slot, row, not snapshot)
    elif row.action == CANCEL:
        cancel_order(book, slot, row, not snapshot)
    elif row.action == MODIFY:
        modify_order(book, slot, row, not snapshot)
    elif not snapshot:
        if row.action == TRADE:
            add_trade(book, instrument, row)
        elif row.action == FILL:
            add_fill(book, instrument, row)
    if row.flags & F_LAST:
        if snapshot:
            _end_snapshot(book, slot, ts)
        else:
            _end_event(book, slot, ts)


@kernel
def _note_wire(book: Any, slot: np.int64, row: Any, wire: np.int64) -> None:
    for kind in range(len(WIRE_NAMES)):
        if wire >> kind & 1:
            count_fault(book, slot, kind)
    action = row.action
    if wire & WIRE_SEQUENCE:
        turn_dirty(book, slot, _SEQUENCE, row.ts_event)
    elif wire & WIRE_BAD_BOOK:
        turn_dirty(book, slot, _BAD_BOOK, row.ts_event)
    elif wire & WIRE_FIELD:
        if action == ADD or action == CANCEL or action == MODIFY or action == CLEAR:
            turn_dirty(book, slot, _FIELD, row.ts_event)


@kernel
def _change_mode(book: Any, slot: np.int64, row: Any, snapshot: bool) -> None:
    """A clear, the first record of a snapshot, or the first one after it."""
    instrument = INSTRUMENT(book.instruments, slot)
    if row.action == CLEAR:
        _clear(book, slot)
        if not snapshot and instrument.dirty != 0:
            put_fault(book, slot, np.int64(0), row.ts_event)
    elif snapshot:
        # Files made before 2024-02-10 have no leading R: the first record clears.
        _clear(book, slot)
    else:
        _end_snapshot(book, slot, row.ts_event)
    instrument.in_snapshot = snapshot


@kernel
def _end_snapshot(book: Any, slot: np.int64, ts: np.int64) -> None:
    instrument = INSTRUMENT(book.instruments, slot)
    instrument.in_snapshot = 0
    update_tops(book, slot, np.bool_(False))
    close_event(book, instrument, slot)
    set_book(book, slot)
    if instrument.dirty != 0:
        put_fault(book, slot, np.int64(0), ts)


@kernel
def _clear(book: Any, slot: np.int64) -> None:
    """Empty the instrument's book, whatever its size, and discard its open event."""
    instrument = INSTRUMENT(book.instruments, slot)
    BOOK_NUMBER(book.slot_of_book, instrument.book).slot = -1
    instrument.book = book.next_book
    BOOK_NUMBER(book.slot_of_book, instrument.book).slot = slot
    book.next_book += 1
    instrument.orders = 0
    instrument.last_trade = 0
    close_event(book, instrument, slot)
    for line in range(2 * slot, 2 * slot + 2):
        side = SIDE(book.sides, line)
        side.levels = 0  # It keeps its block: this very record may need a level.
        forget(book, line)
        for depth in range(OFI_LEVELS):
            top = TOP(book.tops, line * OFI_LEVELS + depth)
            top.key = NO_KEY
            top.size = 0
    set_book(book, slot)


@kernel
def _end_event(book: Any, slot: np.int64, ts: np.int64) -> None:
    """F_LAST: the event is whole. Emit its executions, then look at the book."""
    instrument = INSTRUMENT(book.instruments, slot)
    pane = EVAL(book.panes, slot)
    book.events += 1
    bid = pane.bid
    ask = pane.ask
    bid_size = pane.bid_size
    ask_size = pane.ask_size
    # Flow between two crossed books is no supply or demand: before an opening all is indicative.
    update_tops(book, slot, not crossed(book, slot))
    set_book(book, slot)
    if is_open(instrument, ts) and crossed(book, slot):
        fault(book, slot, _CROSSED, ts, np.bool_(True))
    if instrument.event >= 0:
        if not sums_match(book, instrument.event):
            fault(book, slot, _MISMATCH, ts, np.bool_(False))
        if EVENT(book.event_buffers, instrument.event).overrun:
            fault(book, slot, _OVERRUN, ts, np.bool_(False))
        put_executions(book, slot, bid, ask, bid_size, ask_size, ts)
    close_event(book, instrument, slot)


@entry
def distrust(head_at: int, slot: int, dirty: int, ts: int) -> int:
    """Data of the instrument is missing: an event or snapshot under way will not be whole.

    Args:
        head_at: Address of the book's head.
        slot: The instrument.
        dirty: 1 + place in DIRTY_NAMES; told even where the book was dirty before.
        ts: ns: when, for a root without a clock.

    Returns DONE, or NEED_OUT where nothing was done because the output is full.
    """
    book = HEAD(head_at, 0)
    if _out_is_full(book):
        return NEED_OUT
    instrument = INSTRUMENT(book.instruments, slot)
    instrument.in_snapshot = 0
    update_tops(book, slot, np.bool_(False))
    close_event(book, instrument, slot)
    set_book(book, slot)
    put_fault(book, slot, np.int64(dirty), ts)
    return DONE


@entry
def tick(head_at: int, feed: int, ts: int, first: int, roots: int) -> int:
    """The feed's clock reached `ts`: move the clocks of its roots from `first` on.

    Returns the first root that did not fit into the output any more, or `roots`.
    """
    book = HEAD(head_at, 0)
    for index in range(first, roots):
        root = ROOT(book.roots, index)
        if root.feed == feed and root.pane_end > 0:
            if _out_is_full(book):
                return index
            advance(book, root, ts)
    return roots

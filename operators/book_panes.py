"""Evaluation rows and the panes they sum: clocks, pane closes, changes of integrity.

Each instrument has one row under way, `panes[slot]`; a row put out is a copy of it. What a row
means is defined in `operators.model.evaluations`.
"""

from typing import Any, Final

import numpy as np

from operators.book_head import (
    EVAL,
    EVAL_BYTES,
    FAULTS_AT,
    FAULTS_BYTES,
    FUTURE,
    INSTRUMENT,
    NO_KEY,
    NUMBER,
    OFI_AT,
    ROOT,
    SMALL_NUMBER,
    SUMS_AT,
    SUMS_BYTES,
    TOP,
)
from operators.book_levels import put_depth
from operators.kernels import clear, copy, inlined, kernel
from operators.model.evaluations import (
    CROSSED,
    DIRTY,
    FAULT,
    FRONT,
    LATE,
    OFI_LEVELS,
    OPENED,
    OUTRIGHT,
    PANE,
)
from operators.model.records import NS_PER_S

CONTINUOUS_NS: Final = 600 * NS_PER_S
"""A book counts as in continuous trading for so long after a trade: auctions and pauses are
announced on another schema, which a file may lack."""
_DAY_NS: Final = 86_400 * NS_PER_S


@inlined
def is_open(instrument: Any, ts: np.int64) -> bool:
    """Is the instrument in continuous trading, as far as the stream shows?"""
    return (
        instrument.halted == 0
        and instrument.last_trade != 0
        and ts - instrument.last_trade <= CONTINUOUS_NS
    )


@inlined
def crossed(book: Any, slot: np.int64) -> bool:
    """Bid at or above ask at the last event's end."""
    bid = TOP(book.tops, 2 * slot * OFI_LEVELS).key
    ask = TOP(book.tops, (2 * slot + 1) * OFI_LEVELS).key
    return bid != NO_KEY and ask != NO_KEY and bid >= -ask


@inlined
def set_book(book: Any, slot: np.int64) -> None:
    """Write the touch at the last event's end into the instrument's row."""
    pane = EVAL(book.panes, slot)
    bid = TOP(book.tops, 2 * slot * OFI_LEVELS)
    ask = TOP(book.tops, (2 * slot + 1) * OFI_LEVELS)
    pane.bid = 0 if bid.key == NO_KEY else bid.key
    pane.ask = 0 if ask.key == NO_KEY else -ask.key
    pane.bid_size = bid.size
    pane.ask_size = ask.size


@inlined
def add_flow(book: Any, slot: np.int64, depth: np.int64, flow: np.int64) -> None:
    """Add to the order-flow imbalance of a level."""
    NUMBER(book.panes + slot * EVAL_BYTES + OFI_AT, depth).value += flow


@inlined
def count_fault(book: Any, slot: np.int64, kind: np.int64) -> None:
    """Count a fault in the instrument's next row."""
    SMALL_NUMBER(book.panes + slot * EVAL_BYTES + FAULTS_AT, kind).value += np.uint32(1)


@kernel
def put_row(book: Any, slot: np.int64, kind: np.int64, ts: np.int64) -> Any:
    """Append the instrument's row as it stands and return it; faults start anew."""
    instrument = INSTRUMENT(book.instruments, slot)
    pane = EVAL(book.panes, slot)
    now = ts - 1 if kind == PANE else ts  # A pane's end is exclusive.
    bits = np.int64(0)
    if instrument.dirty != 0:
        bits |= DIRTY
    if crossed(book, slot):
        bits |= CROSSED
    if is_open(instrument, now):
        bits |= OPENED
    if now < ROOT(book.roots, instrument.root).pane_end - NS_PER_S:
        bits |= LATE
    pane.kind = kind
    pane.state = bits
    pane.root = instrument.root
    pane.slot = slot
    pane.instrument_id = instrument.instrument_id
    pane.ts_event = ts
    pane.sequence_last = instrument.last_sequence
    pane.ts_recv = instrument.last_ts_recv
    row = EVAL(book.out, book.out_rows)
    copy(row, pane)
    clear(pane, FAULTS_AT, FAULTS_BYTES)
    book.out_rows += 1
    return row


@kernel
def put_fault(book: Any, slot: np.int64, dirty: np.int64, ts: np.int64) -> None:
    """The instrument's book turned dirty (1 + kind of fault) or sound (0): a row at its place.

    Its time is the root's clock, which a record of a snapshot or an impossible one cannot tell;
    `ts` before there is any.
    """
    instrument = INSTRUMENT(book.instruments, slot)
    instrument.dirty = dirty
    clock = ROOT(book.roots, instrument.root).clock
    row = put_row(book, slot, np.int64(FAULT), clock if clock != 0 else ts)
    row.aggressor = dirty
    start_from(row, row)
    book.out_faults += 1


@kernel
def turn_dirty(book: Any, slot: np.int64, kind: np.int64, ts: np.int64) -> None:
    """The book is known or suspected to be wrong, if it was not already."""
    if INSTRUMENT(book.instruments, slot).dirty == 0:
        put_fault(book, slot, kind + 1, ts)


@kernel
def fault(book: Any, slot: np.int64, kind: np.int64, ts: np.int64, dirty: bool) -> None:
    """Count a fault; if `dirty`, the book is no longer to be trusted."""
    count_fault(book, slot, kind)
    if dirty:
        turn_dirty(book, slot, kind, ts)


@inlined
def start_from(row: Any, origin: Any) -> None:
    """The book before a row is the one that `origin` ends with."""
    row.bid_before = origin.bid
    row.ask_before = origin.ask
    row.bid_size_before = origin.bid_size
    row.ask_size_before = origin.ask_size


@inlined
def advance(book: Any, root: Any, ts: np.int64) -> None:
    """Move a root's clock to `ts` if it is behind; close its pane if `ts` lies beyond it."""
    if ts > root.clock:
        root.clock = ts
        if ts >= root.pane_end:
            _close_panes(book, root, ts)


@inlined
def activate(book: Any, instrument: Any, slot: np.int64) -> None:
    """Something happened in the instrument: its root's open pane will have a row for it."""
    if instrument.active == 0:
        root = ROOT(book.roots, instrument.root)
        instrument.active = 1
        instrument.next_active = root.first_active
        root.first_active = slot
        root.active += 1


@kernel
def _close_panes(book: Any, root: Any, ts: np.int64) -> None:
    """A row for each active instrument of the root, in the order of instrument ids."""
    count = root.active
    slot = root.first_active
    day = (root.pane_end - 1) // _DAY_NS
    for index in range(count):
        instrument = INSTRUMENT(book.instruments, slot)
        if FUTURE(book.futures, slot).outright != 0:
            _count_traded(book, root, slot, day)
        NUMBER(book.scratch, index).value = instrument.instrument_id << 24 | slot
        instrument.active = 0
        slot = instrument.next_active
    _sort(book.scratch, count)
    for index in range(count):
        slot = NUMBER(book.scratch, index).value & 0xFFFFFF
        row = put_row(book, slot, np.int64(PANE), root.pane_end)
        if FUTURE(book.futures, slot).outright != 0:
            row.state |= OUTRIGHT
        if slot == root.front:
            row.state |= FRONT
            put_depth(book, slot, book.out_rows - 1)
        pane = EVAL(book.panes, slot)
        clear(pane, SUMS_AT, SUMS_BYTES)
        start_from(pane, pane)
    root.first_active = -1
    root.active = 0
    root.pane_end = (ts // NS_PER_S + 1) * NS_PER_S


@kernel
def _count_traded(book: Any, root: Any, slot: np.int64, day: np.int64) -> None:
    """Add the closing pane of a future; it is the root's front if it has traded most."""
    pane = EVAL(book.panes, slot)
    traded = _halved(book, slot, day) + pane.buy + pane.sell
    FUTURE(book.futures, slot).traded = traded
    if traded == 0 or slot == root.front:
        return
    if root.front >= 0:
        front = _halved(book, root.front, day)
        if traded < front or (traded == front and _follows(book, slot, root.front)):
            return
    root.front = slot


@inlined
def _follows(book: Any, slot: np.int64, other: np.int64) -> bool:
    """Is the instrument behind the other in the order of ids?"""
    mine = INSTRUMENT(book.instruments, slot).instrument_id
    its = INSTRUMENT(book.instruments, other).instrument_id
    return mine > its or (mine == its and slot > other)


@inlined
def _halved(book: Any, slot: np.int64, day: np.int64) -> np.int64:
    """Contracts the future has traded, halved once per day that has passed."""
    future = FUTURE(book.futures, slot)
    future.traded >>= min(max(day - future.day, 0), 63)
    future.day = day
    return future.traded


@kernel
def _sort(values: np.int64, count: np.int64) -> None:
    """Heap sort of `count` numbers at an address, in place: no memory, no bad case."""
    for end in range(count // 2 - 1, -1, -1):
        _sift(values, end, count)
    for end in range(count - 1, 0, -1):
        first = NUMBER(values, 0).value
        NUMBER(values, 0).value = NUMBER(values, end).value
        NUMBER(values, end).value = first
        _sift(values, np.int64(0), end)


@kernel
def _sift(values: np.int64, parent: np.int64, count: np.int64) -> None:
    moved = NUMBER(values, parent).value
    while 2 * parent + 1 < count:
        child = 2 * parent + 1
        if child + 1 < count and NUMBER(values, child).value < NUMBER(values, child + 1).value:
            child += 1
        if moved >= NUMBER(values, child).value:
            break
        NUMBER(values, parent).value = NUMBER(values, child).value
        parent = child
    NUMBER(values, parent).value = moved

"""The book's columnar state: one tuple of arrays for all instruments of a shard.

Kernels change the arrays in place; growing replaces an array, in Python, between kernel calls.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import carray
from numpy.typing import NDArray

from operators import book_orders, idmap
from operators.book_levels import BLOCK_DTYPE, CLASSES, LEVEL_DTYPE
from operators.book_orders import ORDER_DTYPE
from operators.kernels import entry, pointer
from operators.model.evaluations import EVAL_DTYPE, FILL_DTYPE, OFI_LEVELS

INSTRUMENT_DTYPE: Final = np.dtype(
    [
        ("book", "i8"),  # number of its present book
        ("ts_event", "i8"),  # ns: of the open event
        ("ts_recv", "i8"),  # ns: latest of the open event
        ("last_trade", "i8"),  # ns: last trade outside an auction, 0 none since the last clear
        ("last_ts_recv", "i8"),
        ("orders", "i8"),
        ("unknown", "i8"),  # C and M of orders never added
        ("instrument_id", "u4"),
        ("root", "u4"),
        ("event", "i4"),  # open event's buffer, −1 none
        ("event_rows", "i4"),  # records of the open event
        ("sequence_first", "u4"),  # of the open event
        ("last_sequence", "u4"),
        ("next_active", "i4"),  # chain of the root's instruments with an open pane, −1 ends it
        ("active", "u1"),
        ("primed", "u1"),  # the book began with a clear or a snapshot
        ("snapshot", "u1"),  # inside a snapshot
        ("dirty", "u1"),  # 0 sound, else 1 + kind of fault
        ("halted", "u1"),  # the exchange says: not in continuous trading
        ("pad", "u1", (7,)),
    ]
)

ROOT_DTYPE: Final = np.dtype(
    [
        ("clock", "i8"),  # ns: running maximum of ts_event
        ("pane_end", "i8"),  # ns: end of the open pane, 0 before the first record
        ("first_active", "i4"),  # −1 none
        ("active", "i4"),  # instruments with an open pane
        ("feed", "i4"),
        ("pad", "i4"),
    ]
)

AGGRESSOR_DTYPE: Final = np.dtype(
    [
        ("order_id", "u8"),
        ("size", "i8"),
        ("filled", "i8"),
        ("hidden", "i8"),
        ("resting", "i8"),
        ("price_first", "i8"),
        ("price_last", "i8"),
        ("levels", "i4"),
        ("refills", "i4"),
        ("fill_first", "i4"),
        ("fill_stop", "i4"),
        ("sequence_first", "u4"),
        ("sequence_last", "u4"),
        ("kind", "u1"),
        ("side", "i1"),
        ("pad", "u1", (6,)),
    ]
)

EVENT_DTYPE: Final = np.dtype([("aggressors", "i4"), ("fills", "i4"), ("overrun", "i4"), ("next", "i4")])
"""Use of one event buffer; `next` chains the free ones."""

AGGRESSORS_MAX: Final = 256
"""Aggressors kept of one event; real events have held 8."""
FILLS_MAX: Final = 1024
"""Fills kept of one event; real events have held some 600 records in all."""

# Indices of Book.counts.
OUT: Final = 0
FILLS: Final = 1
ENTRIES: Final = 2  # table entries in use, unreachable ones included
NEXT_BOOK: Final = 3
FREE_EVENT: Final = 4  # head of the chain of free event buffers
EVENTS: Final = 5
TRADES: Final = 6
AGGRESSORS: Final = 7
SWEPT_2: Final = 8
SWEPT_3: Final = 9
STOPS: Final = 10
REFILLS: Final = 11
ICEBERGS: Final = 12
HIDDEN: Final = 13
TRADED: Final = 14
MODIFIED: Final = 15
ORPHAN_FILLS: Final = 16
LATE_ROWS: Final = 17
RECORDS: Final = 18
NOT_APPLIED: Final = 19
FAULT_ROWS: Final = 20  # of the output not yet handed on
COUNTS: Final = 21
COUNT_NAMES: Final = {
    "events": EVENTS,
    "trades": TRADES,
    "aggressors": AGGRESSORS,
    "swept_2": SWEPT_2,
    "swept_3_or_more": SWEPT_3,
    "stops": STOPS,
    "iceberg_refills": REFILLS,
    "iceberg_orders": ICEBERGS,
    "hidden_size": HIDDEN,
    "traded_size": TRADED,
    "modified_limits": MODIFIED,
    "orphan_fills": ORPHAN_FILLS,
    "late_rows": LATE_ROWS,
    "records": RECORDS,
    "not_applied": NOT_APPLIED,
}


class Book(NamedTuple):
    """Everything the kernels touch. Sides are rows 2·slot (bid) and 2·slot + 1 (ask)."""

    orders: NDArray[np.void]  # (2^k,) ORDER_DTYPE
    slot_of_book: NDArray[np.int64]  # (books,): −1 for books that were cleared
    arena: NDArray[np.void]  # (levels,) LEVEL_DTYPE
    blocks: NDArray[np.void]  # (2·slots,) BLOCK_DTYPE
    free: NDArray[np.int32]  # (CLASSES,)
    used: NDArray[np.int64]  # (1,): arena handed out
    top_key: NDArray[np.int64]  # (2·slots, OFI_LEVELS): at the last event's end, NO_KEY none
    top_size: NDArray[np.int64]  # (2·slots, OFI_LEVELS)
    touched: NDArray[np.int32]  # (2·slots, 2): depths changed in the open event, first and last
    instruments: NDArray[np.void]  # (slots,) INSTRUMENT_DTYPE
    panes: NDArray[np.void]  # (slots,) EVAL_DTYPE: sums of the open pane
    roots: NDArray[np.void]  # (roots,) ROOT_DTYPE
    ids: NDArray[np.int64]  # (2^k, 2): instrument id + 1, slot
    events: NDArray[np.void]  # (buffers,) EVENT_DTYPE
    aggressors: NDArray[np.void]  # (buffers, AGGRESSORS_MAX)
    fills: NDArray[np.void]  # (buffers, FILLS_MAX)
    out: NDArray[np.void]  # (rows,) EVAL_DTYPE
    out_fills: NDArray[np.void]  # (fills,) FILL_DTYPE
    scratch: NDArray[np.int64]  # (slots,): to sort the instruments of a closing pane
    counts: NDArray[np.int64]  # (COUNTS,)


@entry
def viewed(at: NDArray[np.int64]) -> Book:
    """The book behind a table of addresses (`addresses`), inside a kernel."""
    return Book(
        carray(pointer(at[0, 0]), (at[0, 1],), dtype=ORDER_DTYPE),
        carray(pointer(at[1, 0]), (at[1, 1],), dtype=np.int64),
        carray(pointer(at[2, 0]), (at[2, 1],), dtype=LEVEL_DTYPE),
        carray(pointer(at[3, 0]), (at[3, 1],), dtype=BLOCK_DTYPE),
        carray(pointer(at[4, 0]), (at[4, 1],), dtype=np.int32),
        carray(pointer(at[5, 0]), (at[5, 1],), dtype=np.int64),
        carray(pointer(at[6, 0]), (at[6, 1], OFI_LEVELS), dtype=np.int64),
        carray(pointer(at[7, 0]), (at[7, 1], OFI_LEVELS), dtype=np.int64),
        carray(pointer(at[8, 0]), (at[8, 1], 2), dtype=np.int32),
        carray(pointer(at[9, 0]), (at[9, 1],), dtype=INSTRUMENT_DTYPE),
        carray(pointer(at[10, 0]), (at[10, 1],), dtype=EVAL_DTYPE),
        carray(pointer(at[11, 0]), (at[11, 1],), dtype=ROOT_DTYPE),
        carray(pointer(at[12, 0]), (at[12, 1], 2), dtype=np.int64),
        carray(pointer(at[13, 0]), (at[13, 1],), dtype=EVENT_DTYPE),
        carray(pointer(at[14, 0]), (at[14, 1], AGGRESSORS_MAX), dtype=AGGRESSOR_DTYPE),
        carray(pointer(at[15, 0]), (at[15, 1], FILLS_MAX), dtype=FILL_DTYPE),
        carray(pointer(at[16, 0]), (at[16, 1],), dtype=EVAL_DTYPE),
        carray(pointer(at[17, 0]), (at[17, 1],), dtype=FILL_DTYPE),
        carray(pointer(at[18, 0]), (at[18, 1],), dtype=np.int64),
        carray(pointer(at[19, 0]), (at[19, 1],), dtype=np.int64),
    )


def addresses(book: Book) -> NDArray[np.int64]:
    """Shape (arrays, 2): address and length of each array of the book, valid while it lives."""
    return np.array([(array.ctypes.data, array.shape[0]) for array in book], np.int64)


NO_KEY: Final = -(2**63)
UNTOUCHED: Final = 2**30


def empty_book() -> Book:
    """A book without instruments."""
    return Book(
        orders=np.zeros(1024, ORDER_DTYPE),
        slot_of_book=np.full(64, -1, np.int64),
        arena=np.zeros(1024, LEVEL_DTYPE),
        blocks=_blocks(16),
        free=np.full(CLASSES, -1, np.int32),
        used=np.zeros(1, np.int64),
        top_key=np.full((16, OFI_LEVELS), NO_KEY, np.int64),
        top_size=np.zeros((16, OFI_LEVELS), np.int64),
        touched=np.full((16, 2), [UNTOUCHED, -1], np.int32),
        instruments=np.zeros(8, INSTRUMENT_DTYPE),
        panes=np.zeros(8, EVAL_DTYPE),
        roots=np.zeros(4, ROOT_DTYPE),
        ids=idmap.empty_map(),
        events=_event_chain(0, 2),
        aggressors=np.zeros((2, AGGRESSORS_MAX), AGGRESSOR_DTYPE),
        fills=np.zeros((2, FILLS_MAX), FILL_DTYPE),
        out=np.zeros(4096, EVAL_DTYPE),
        out_fills=np.zeros(8192, FILL_DTYPE),
        scratch=np.zeros(8, np.int64),
        counts=np.zeros(COUNTS, np.int64),
    )


def grow_orders(book: Book, rows: int) -> Book:
    """A table with room for `rows` more orders at most 60 % full; smaller where it can be.

    Unreachable entries leave and book numbers start again from the instruments' slots.
    """
    entries = book_orders.live(book.orders, book.slot_of_book)
    size = 1024
    while (entries.size + rows) * 2 > size:
        size *= 2
    slots = book.instruments.shape[0]
    table = np.zeros(size, ORDER_DTYPE)
    book_orders.rebuild(table, entries, book.slot_of_book)
    used = np.flatnonzero(book.instruments["instrument_id"] != 0)
    book.instruments["book"][used] = used
    slot_of_book = np.full(max(64, 2 * slots), -1, np.int64)
    slot_of_book[used] = used
    book.counts[ENTRIES] = entries.size
    book.counts[NEXT_BOOK] = slots
    return book._replace(orders=table, slot_of_book=slot_of_book)


def grow_levels(book: Book) -> Book:
    """Twice the arena."""
    arena = np.zeros(2 * book.arena.size, LEVEL_DTYPE)
    arena[: book.arena.size] = book.arena
    return book._replace(arena=arena)


def grow_events(book: Book) -> Book:
    """Twice the event buffers."""
    old = book.events.size
    book.counts[FREE_EVENT] = old
    return book._replace(
        events=np.concatenate([book.events, _event_chain(old, 2 * old)]),
        aggressors=_doubled(book.aggressors),
        fills=_doubled(book.fills),
    )


def grow_instruments(book: Book) -> Book:
    """Twice the slots."""
    slots = book.instruments.size
    return book._replace(
        blocks=np.concatenate([book.blocks, _blocks(2 * slots)]),
        top_key=np.concatenate([book.top_key, np.full((2 * slots, OFI_LEVELS), NO_KEY, np.int64)]),
        top_size=_doubled(book.top_size),
        touched=np.concatenate([book.touched, np.full((2 * slots, 2), [UNTOUCHED, -1], np.int32)]),
        instruments=_doubled(book.instruments),
        panes=_doubled(book.panes),
        scratch=_doubled(book.scratch),
    )


def grow_roots(book: Book) -> Book:
    """Twice the roots."""
    return book._replace(roots=_doubled(book.roots))


def _doubled(array: NDArray[np.void]) -> NDArray[np.void]:
    return np.concatenate([array, np.zeros_like(array)])


def _blocks(sides: int) -> NDArray[np.void]:
    blocks = np.zeros(sides, BLOCK_DTYPE)
    blocks["class_"] = -1
    return blocks


def _event_chain(first: int, stop: int) -> NDArray[np.void]:
    chain = np.zeros(stop - first, EVENT_DTYPE)
    chain["next"] = [*range(first + 1, stop), -1]
    return chain


def grow_books(book: Book) -> Book:
    """Room for more clears: twice the book numbers, or all of them given anew."""
    if 2 * book.slot_of_book.size > book_orders.BOOKS_MAX:
        return grow_orders(book, 0)
    return book._replace(
        slot_of_book=np.concatenate([book.slot_of_book, np.full_like(book.slot_of_book, -1)])
    )


def roomy_out(book: Book) -> Book:
    """Emptied output with room for a pane of every instrument and the largest event."""
    rows = book.instruments.size + AGGRESSORS_MAX + 64
    fills = 2 * FILLS_MAX
    if book.out.size < rows or book.out_fills.size < fills:
        return book._replace(out=np.zeros(2 * rows, EVAL_DTYPE), out_fills=np.zeros(4 * fills, FILL_DTYPE))
    return book


def with_instrument(book: Book, slot: int, instrument_id: int, root: int) -> Book:
    """A new instrument in `slot`, the first free one."""
    if slot == book.instruments.size:
        book = grow_instruments(book)
    if int(book.counts[NEXT_BOOK]) == book.slot_of_book.size:
        book = grow_books(book)
    number = int(book.counts[NEXT_BOOK])
    book.counts[NEXT_BOOK] = number + 1
    book.slot_of_book[number] = slot
    row = book.instruments[slot]
    row["instrument_id"], row["root"], row["book"] = instrument_id, root, number
    row["event"] = row["next_active"] = -1
    book = book._replace(ids=idmap.roomy(book.ids, slot + 1))
    idmap.insert(book.ids, instrument_id, slot)
    return book

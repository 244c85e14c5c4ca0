"""The book's columnar state: arrays for all instruments of a shard, and a head that holds them.

Kernels are handed the head's address and reach every array through it; they change arrays in
place. Growing replaces an array, in Python, between kernel calls.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators import book_orders, idmap
from operators.book_head import (
    AGGRESSOR_DTYPE,
    AGGRESSORS_MAX,
    BOOK_NUMBER_DTYPE,
    BOOKS_MAX,
    EVENT_DTYPE,
    FILLS_MAX,
    FLASH_DTYPE,
    FLASHES,
    FUTURE_DTYPE,
    HEAD_DTYPE,
    INSTRUMENT_DTYPE,
    LEVEL_DTYPE,
    NO_KEY,
    ORDER_DTYPE,
    OUT_DTYPE,
    OUTS,
    ROOT_DTYPE,
    SIDE_DTYPE,
    TOP_DTYPE,
    TRANCHE_DTYPE,
    TRANCHES,
    UNTOUCHED,
)
from operators.kernels import LINE_BYTES
from operators.model.evaluations import DEPTH_DTYPE, EVAL_DTYPE, FILL_DTYPE, OFI_LEVELS

Array = NDArray[Any]

_OUT_SPARE: Final = AGGRESSORS_MAX + 16
"""Rows one record can put out besides a pane of every instrument."""
_DEPTHS: Final = 1024
"""Front futures whose levels the output holds before it is handed on."""


class Book(NamedTuple):
    """Everything the kernels touch. Sides are rows 2·slot (bid) and 2·slot + 1 (ask)."""

    head: Array  # (1,) HEAD_DTYPE
    orders: Array  # (2^k,) ORDER_DTYPE
    slot_of_book: Array  # (books,) BOOK_NUMBER_DTYPE
    arena: Array  # (levels,) LEVEL_DTYPE
    sides: Array  # (2·slots,) SIDE_DTYPE
    tops: Array  # (2·slots, OFI_LEVELS) TOP_DTYPE: at the last event's end
    instruments: Array  # (slots,) INSTRUMENT_DTYPE
    panes: Array  # (slots,) EVAL_DTYPE: sums of the open pane
    roots: Array  # (roots,) ROOT_DTYPE
    ids: Array  # (2^k, 2): see `idmap`
    events: Array  # (buffers,) EVENT_DTYPE
    aggressors: Array  # (buffers, AGGRESSORS_MAX) AGGRESSOR_DTYPE
    fills: Array  # (buffers, FILLS_MAX) FILL_DTYPE
    out: Array  # (rows,) EVAL_DTYPE
    out_fills: Array  # (fills,) FILL_DTYPE
    out_depth: Array  # (levels,) DEPTH_DTYPE
    scratch: Array  # (slots,) int64: to sort the instruments of a closing pane
    futures: Array  # (slots,) FUTURE_DTYPE
    outs: Array  # (2·slots, OUTS) OUT_DTYPE
    tranches: Array  # (2·slots, TRANCHES) TRANCHE_DTYPE
    flashes: Array  # (2·slots, FLASHES) FLASH_DTYPE

    @property
    def address(self) -> int:
        """Address of the head, the same as long as the head lives."""
        return int(self.head.ctypes.data)

    def count(self, name: str) -> int:
        """A number of the head."""
        return int(self.head[name][0])


_ADDRESSED: Final = Book._fields[1:]


def empty_book(depth_levels: int = 0) -> Book:
    """A book without instruments that tells so many levels of each side of a front future."""
    head = np.zeros(1, HEAD_DTYPE)
    head["free"] = -1
    head["depth_levels"] = depth_levels
    return with_arrays(
        Book(
            head=head,
            orders=_lined(1024, ORDER_DTYPE),
            slot_of_book=book_numbers(64),
            arena=np.zeros(1024, LEVEL_DTYPE),
            sides=_sides(16),
            tops=_tops(16),
            instruments=_lined(8, INSTRUMENT_DTYPE),
            panes=np.zeros(8, EVAL_DTYPE),
            roots=_roots(4),
            ids=idmap.empty_map(),
            events=_event_chain(0, 2),
            aggressors=np.zeros((2, AGGRESSORS_MAX), AGGRESSOR_DTYPE),
            fills=np.zeros((2, FILLS_MAX), FILL_DTYPE),
            out=np.zeros(4096, EVAL_DTYPE),
            out_fills=np.zeros(8192, FILL_DTYPE),
            out_depth=np.zeros(_DEPTHS * 2 * depth_levels, DEPTH_DTYPE),
            scratch=np.zeros(8, np.int64),
            futures=np.zeros(8, FUTURE_DTYPE),
            outs=np.zeros((16, OUTS), OUT_DTYPE),
            tranches=np.zeros((16, TRANCHES), TRANCHE_DTYPE),
            flashes=np.zeros((16, FLASHES), FLASH_DTYPE),
        )
    )


def with_arrays(book: Book, **arrays: Array) -> Book:
    """The book with other arrays, and their addresses and lengths in its head."""
    book = book._replace(**arrays)
    head = book.head
    for name in _ADDRESSED:
        head["event_buffers" if name == "events" else name] = getattr(book, name).ctypes.data
    head["orders_mask"] = book.orders.size - 1
    head["books"] = book.slot_of_book.size
    head["arena_levels"] = book.arena.size
    head["ids_size"] = book.ids.shape[0]
    head["out_rows_max"] = book.out.size - book.instruments.size - _OUT_SPARE
    head["out_fills_rows_max"] = book.out_fills.size - FILLS_MAX
    # A record closes the panes of one root, which has one front future.
    head["out_depth_rows_max"] = book.out_depth.size - 2 * book.count("depth_levels")
    return book


def with_orders(book: Book, entries: Array, rows: int, size: int = 1024) -> Book:
    """The same orders in a new table, at most half full with `rows` more of them.

    Args:
        book: Its orders must be `entries`; unreachable ones leave.
        entries: Shape (n,), ORDER_DTYPE, owners by slot (`live_orders`).
        rows: Orders that may be added before the table is looked at again.
        size: Least size of the table, a power of two.
    """
    while (entries.size + rows) * 2 > size:
        size *= 2
    slots = book.count("slots")
    numbers = book_numbers(min(max(64, 2 * slots), BOOKS_MAX))
    numbers["slot"][:slots] = np.arange(slots)
    book.instruments["book"][:slots] = np.arange(slots)
    book.head["entries"] = entries.size
    book.head["next_book"] = slots
    book = with_arrays(book, orders=_lined(size, ORDER_DTYPE), slot_of_book=numbers)
    book_orders.rebuild(book.address, entries.ctypes.data, entries.size)
    return book


def live_orders(book: Book) -> Array:
    """The reachable orders in table order, a copy, owned by slots instead of book numbers."""
    words, slots = order_words(book)
    count, _ = book_orders.count_live(words, slots)
    entries = np.empty((count, words.shape[1]), np.int64)
    book_orders.take_live(words, slots, entries[:0, :-1], entries)
    return entries.view(ORDER_DTYPE).reshape(-1)


def order_words(book: Book) -> tuple[Array, Array]:
    """The order table as int64, (n, 4), and the slot of each book number."""
    slots = np.ascontiguousarray(book.slot_of_book["slot"])
    return book.orders.view(np.int64).reshape(-1, 4), slots


def grow_orders(book: Book, rows: int) -> Book:
    """Room for `rows` more orders; the table may turn out smaller."""
    return with_orders(book, live_orders(book), rows)


def grow_books(book: Book) -> Book:
    """Room for more clears: twice the book numbers, or all of them given anew."""
    old = book.slot_of_book
    if 2 * old.size > BOOKS_MAX:
        # The table has room for the rest of a batch, and must keep it.
        return with_orders(book, live_orders(book), 0, book.orders.size)
    return with_arrays(book, slot_of_book=np.concatenate([old, book_numbers(old.size)]))


def grow_levels(book: Book) -> Book:
    """Twice the arena."""
    arena = np.zeros(2 * book.arena.size, LEVEL_DTYPE)
    arena[: book.arena.size] = book.arena
    return with_arrays(book, arena=arena)


def grow_events(book: Book) -> Book:
    """Twice the event buffers; the new ones go before the free ones, if any."""
    old = book.events.size
    chain = _event_chain(old, 2 * old)
    chain["next"][-1] = book.count("free_event")
    book.head["free_event"] = old
    return with_arrays(
        book,
        events=np.concatenate([book.events, chain]),
        aggressors=_doubled(book.aggressors),
        fills=_doubled(book.fills),
    )


def grow_instruments(book: Book) -> Book:
    """Twice the slots."""
    slots = book.instruments.size
    return roomy_out(
        with_arrays(
            book,
            sides=_doubled(book.sides, _sides(4 * slots)),
            tops=np.concatenate([book.tops, _tops(2 * slots)]),
            instruments=_doubled(book.instruments, _lined(2 * slots, INSTRUMENT_DTYPE)),
            panes=_doubled(book.panes),
            scratch=_doubled(book.scratch),
            futures=_doubled(book.futures),
            outs=_doubled(book.outs),
            tranches=_doubled(book.tranches),
            flashes=_doubled(book.flashes),
        )
    )


def grow_roots(book: Book) -> Book:
    """Twice the roots."""
    return with_arrays(book, roots=np.concatenate([book.roots, _roots(book.roots.size)]))


def roomy_out(book: Book) -> Book:
    """The book with output for a pane of every instrument twice and the largest event.

    What the output holds stays.
    """
    rows = 2 * (book.instruments.size + _OUT_SPARE)
    if book.out.size >= rows:
        return book
    out = np.zeros(rows, EVAL_DTYPE)
    out[: book.out.size] = book.out
    return with_arrays(book, out=out)


def with_instrument(book: Book, key: int, instrument_id: int, root: int) -> Book:
    """A new instrument in the next slot."""
    slot = book.count("slots")
    if slot == book.instruments.size:
        book = grow_instruments(book)
    if book.count("next_book") == book.slot_of_book.size:
        book = grow_books(book)
    number = book.count("next_book")
    book.head["next_book"] = number + 1
    book.head["slots"] = slot + 1
    book.slot_of_book["slot"][number] = slot
    row = book.instruments[slot]
    row["instrument_id"], row["root"], row["book"] = instrument_id, root, number
    row["event"] = row["next_active"] = -1
    ids = idmap.roomy(book.ids, slot + 1)
    idmap.insert(ids, key, slot)
    return with_arrays(book, ids=ids)


def book_numbers(count: int) -> Array:
    """Book numbers that belong to no instrument."""
    return np.full(count, -1, np.int64).view(BOOK_NUMBER_DTYPE)


def _doubled(array: Array, wider: Array | None = None) -> Array:
    if wider is None:
        return np.concatenate([array, np.zeros_like(array)])
    wider[: array.size] = array
    return wider


def _lined(count: int, dtype: np.dtype[np.void]) -> Array:
    """Zeros from the start of a cache line on: none of an even share of one lies in two."""
    octets = np.zeros(count * dtype.itemsize + LINE_BYTES, np.uint8)
    first = -octets.ctypes.data % LINE_BYTES
    return octets[first : first + count * dtype.itemsize].view(dtype)


def _sides(count: int) -> Array:
    sides = _lined(count, SIDE_DTYPE)
    sides["class_"] = sides["touched_last"] = -1
    sides["touched_first"] = UNTOUCHED
    return sides


def _roots(count: int) -> Array:
    roots = np.zeros(count, ROOT_DTYPE)
    roots["first_active"] = roots["front"] = -1
    return roots


def _tops(count: int) -> Array:
    tops = np.zeros((count, OFI_LEVELS), TOP_DTYPE)
    tops["key"] = NO_KEY
    return tops


def _event_chain(first: int, stop: int) -> Array:
    chain = np.zeros(stop - first, EVENT_DTYPE)
    chain["next"] = [*range(first + 1, stop), -1]
    return chain

"""A book as plain copied arrays, and back.

Levels are not stored: they follow from the orders. The hash table is rebuilt on the way back,
where its layout may differ without any output differing.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators import book_orders, idmap
from operators.book_levels import change, reserve
from operators.book_orders import ASK_BIT, BOOK_SHIFT
from operators.book_state import (
    ENTRIES,
    FREE_EVENT,
    NEXT_BOOK,
    Book,
    empty_book,
    grow_events,
    grow_instruments,
    grow_levels,
    grow_orders,
    grow_roots,
)


def shrunk(book: Book) -> Book:
    """The book with a smaller order table where eight times less would do."""
    live = int(book.instruments["orders"].sum())
    if book.orders.size > 8 * (live + 1024) or int(book.counts[ENTRIES]) > 2 * live + 4096:
        return grow_orders(book, 1024)
    return book


def pack(book: Book, slots: int, roots: int) -> dict[str, Any]:
    """Copies of what is in use: orders (32 bytes each), instruments, panes, open events."""
    open_slots = np.flatnonzero(book.instruments["event"][:slots] >= 0)
    buffers = book.instruments["event"][open_slots]
    events = book.events[buffers]
    return {
        "orders": book_orders.live(book.orders, book.slot_of_book),
        "slot_of_book": book.slot_of_book[: int(book.counts[NEXT_BOOK])].copy(),
        "instruments": book.instruments[:slots].copy(),
        "panes": book.panes[:slots].copy(),
        "roots": book.roots[:roots].copy(),
        "top_key": book.top_key[: 2 * slots].copy(),
        "top_size": book.top_size[: 2 * slots].copy(),
        "touched": book.touched[: 2 * slots].copy(),
        "counts": book.counts.copy(),
        "open_slots": open_slots,
        "events": events.copy(),
        "aggressors": tuple(
            book.aggressors[b, : e["aggressors"]].copy() for b, e in zip(buffers, events, strict=True)
        ),
        "fills": tuple(book.fills[b, : e["fills"]].copy() for b, e in zip(buffers, events, strict=True)),
    }


def unpack(state: dict[str, Any]) -> Book:
    """The book that `pack` was given, up to the layout of its tables."""
    slots, roots = state["instruments"].size, state["roots"].size
    book = empty_book()
    while book.instruments.size < slots:
        book = grow_instruments(book)
    while book.roots.size < roots:
        book = grow_roots(book)
    while book.events.size < state["open_slots"].size:
        book = grow_events(book)
    for name in ("instruments", "panes", "roots", "top_key", "top_size", "touched"):
        getattr(book, name)[: state[name].shape[0]] = state[name]
    book.counts[:] = state["counts"]
    book.counts[FREE_EVENT] = 0
    book = book._replace(ids=idmap.roomy(book.ids, slots))
    for slot, instrument_id in enumerate(state["instruments"]["instrument_id"]):
        idmap.insert(book.ids, int(instrument_id), slot)
    book = _with_orders(book, state["orders"], state["slot_of_book"])
    _put_events(book, state)
    return book


def _with_orders(book: Book, orders: NDArray[np.void], slot_of_book: NDArray[np.int64]) -> Book:
    size = 1024
    while orders.size * 2 > size:
        size *= 2
    table = np.zeros(size, book.orders.dtype)
    book_orders.rebuild(table, orders, slot_of_book)
    slots = book.instruments.size
    used = np.flatnonzero(book.instruments["instrument_id"])
    books = np.full(max(64, 2 * slots), -1, np.int64)
    books[used] = used
    book.instruments["book"][used] = used
    book.counts[ENTRIES] = orders.size
    book.counts[NEXT_BOOK] = slots
    book = book._replace(orders=table, slot_of_book=books)
    start = 0
    while start < orders.size:
        start = _put_levels(book, orders, slot_of_book, start)
        if start < orders.size:
            book = grow_levels(book)
    return book


@njit(cache=True)
def _put_levels(
    book: Book, orders: NDArray[np.void], slot_of_book: NDArray[np.int64], start: np.int64
) -> np.int64:
    """Add `orders[start:]` to the levels; returns the first that found the arena full."""
    for index in range(start, orders.size):
        order = orders[index]
        ask = np.int64(order.owner & ASK_BIT)
        line = 2 * slot_of_book[order.owner >> BOOK_SHIFT] + ask
        block = book.blocks[line : line + 1]
        if not reserve(book.arena, block, book.free, book.used):
            return np.int64(index)
        key = -order.price if ask else order.price
        change(book.arena, block, key, np.int64(order.size), np.int64(1))
    return np.int64(orders.size)


def _put_events(book: Book, state: dict[str, Any]) -> None:
    for number, slot in enumerate(state["open_slots"]):
        buffer = int(book.counts[FREE_EVENT])
        book.counts[FREE_EVENT] = book.events["next"][buffer]
        book.instruments["event"][slot] = buffer
        book.events[buffer] = state["events"][number]
        book.aggressors[buffer, : state["aggressors"][number].size] = state["aggressors"][number]
        book.fills[buffer, : state["fills"][number].size] = state["fills"][number]

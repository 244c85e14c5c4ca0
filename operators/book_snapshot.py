"""A book as plain copied arrays, and back.

Levels are not stored: they follow from the orders. Tables are made anew on the way back, where
their layout may differ without any output differing.
"""

from typing import Any, Final

import numpy as np

from operators import idmap
from operators.book_head import COUNTERS, ORDER_DTYPE
from operators.book_levels import blocks_of
from operators.book_orders import ASK_BIT, BOOK_SHIFT, count_live, take_live
from operators.book_state import (
    Array,
    Book,
    empty_book,
    grow_events,
    grow_instruments,
    grow_orders,
    grow_roots,
    live_orders,
    order_words,
    with_arrays,
    with_orders,
)

_WORDS: Final = ORDER_DTYPE.itemsize // 8
assert str(ORDER_DTYPE.names).endswith("'filled', 'hidden')")
"""The last word: one that was neither filled nor refilled is stored without it."""
_SIDE_FIELDS: Final = ("touched_first", "touched_last", "echo_until", "flash_until", "large")
_PER_SIDE: Final = ("tops", "outs", "tranches", "flashes")


def shrunk(book: Book) -> Book:
    """The book with a smaller order table and arena where a fraction of them would do."""
    slots = book.count("slots")
    live = int(book.instruments["orders"][:slots].sum())
    if book.orders.size > 8 * (live + 1024) or book.count("entries") > 2 * live + 4096:
        book = grow_orders(book, 1024)
    levels = int(book.sides["levels"][: 2 * slots].sum())
    if book.arena.size > 16 * (levels + 1024):
        book = with_levels(book, live_orders(book))
    return book


def pack(book: Book, keys: Array) -> dict[str, Any]:
    """Copies of what is in use: orders (24 bytes each), instruments, panes, open events.

    Args:
        book: The book.
        keys: Shape (slots,), int64: key of each instrument in `ids`.
    """
    slots = book.count("slots")
    open_slots = np.flatnonzero(book.instruments["event"][:slots] >= 0)
    buffers = book.instruments["event"][open_slots]
    events = book.events[buffers]
    # Where in the tables something lies depends on how the input was cut: not part of the state.
    events["next"] = -1
    instruments = book.instruments[:slots].copy()
    instruments["book"] = np.arange(slots)
    instruments["event"] = -1
    return {
        "keys": keys.copy(),
        **_pack_orders(book),
        "instruments": instruments,
        "panes": book.panes[:slots].copy(),
        "futures": book.futures[:slots].copy(),
        "sides": {name: book.sides[name][: 2 * slots].copy() for name in _SIDE_FIELDS},
        **{name: getattr(book, name)[: 2 * slots].copy() for name in _PER_SIDE},
        "counts": tuple(book.count(name) for name in COUNTERS),
        "open_slots": open_slots,
        "events": events,
        "aggressors": tuple(
            book.aggressors[buffer, :count].copy()
            for buffer, count in zip(buffers, events["aggressors"], strict=True)
        ),
        "fills": tuple(
            book.fills[buffer, :count].copy()
            for buffer, count in zip(buffers, events["fills"], strict=True)
        ),
    }


def _pack_orders(book: Book) -> dict[str, Any]:
    """Orders without what few have, fills and hidden size, and those few whole; as bytes.

    An array of that size is copied once more on its way into the store.
    """
    words, slots = order_words(book)
    live, filled = count_live(words, slots)
    plain = np.empty((live - filled, _WORDS - 1), np.int64)
    others = np.empty((filled, _WORDS), np.int64)
    take_live(words, slots, plain, others)
    return {
        "orders": plain.tobytes(),
        "orders_filled": others.tobytes(),
    }


def _unpack_orders(state: dict[str, Any]) -> Array:
    plain = _words(state["orders"], _WORDS - 1)
    others = _words(state["orders_filled"], _WORDS)
    words = np.zeros((len(plain) + len(others), _WORDS), np.int64)
    words[: len(plain), :-1] = plain
    words[len(plain) :] = others
    return words.view(ORDER_DTYPE).reshape(-1)


def _words(data: bytes, width: int) -> Array:
    return np.frombuffer(data, np.int64).reshape(len(data) // (8 * width), width)


def unpack(state: dict[str, Any], roots: Array, depth_levels: int) -> Book:
    """The book that `pack` was given, up to the layout of its tables.

    Args:
        state: What `pack` returned.
        roots: Shape (roots,), ROOT_DTYPE.
        depth_levels: As `empty_book`.
    """
    slots = state["instruments"].size
    book = empty_book(depth_levels)
    while book.instruments.size < slots:
        book = grow_instruments(book)
    while book.roots.size < roots.size:
        book = grow_roots(book)
    while book.events.size < state["open_slots"].size:
        book = grow_events(book)
    book.roots[: roots.size] = roots
    book.instruments[:slots] = state["instruments"]
    book.panes[:slots] = state["panes"]
    book.futures[:slots] = state["futures"]
    for name in _PER_SIDE:
        getattr(book, name)[: 2 * slots] = state[name]
    for name in _SIDE_FIELDS:
        book.sides[name][: 2 * slots] = state["sides"][name]
    for name, count in zip(COUNTERS, state["counts"], strict=True):
        book.head[name] = count
    book.head["slots"] = slots
    ids = idmap.roomy(book.ids, slots)
    for slot, key in enumerate(state["keys"]):
        idmap.insert(ids, int(key), slot)
    orders = _unpack_orders(state)
    book = with_orders(with_arrays(book, ids=ids), orders, 0)
    book = with_levels(book, orders)
    _put_events(book, state)
    return book


def with_levels(book: Book, entries: Array) -> Book:
    """The book with levels made anew from its orders, which must be `entries`."""
    sides = book.sides
    for name, empty in (("first", 0), ("levels", 0), ("class_", -1)):
        sides[name] = empty
    book.head["free"] = -1
    asks = (entries["owner"] & ASK_BIT).astype(np.int64)
    lines = 2 * (entries["owner"] >> BOOK_SHIFT).astype(np.int64) + asks
    keys = np.where(asks == 1, -entries["price"], entries["price"])
    levels = blocks_of(lines, keys, entries["size"].astype(np.int64), sides)
    arena = np.zeros(max(1024, 2 * levels.size), levels.dtype)
    arena[: levels.size] = levels
    book.head["arena_used"] = levels.size
    return with_arrays(book, arena=arena)


def _put_events(book: Book, state: dict[str, Any]) -> None:
    for number, slot in enumerate(state["open_slots"]):
        buffer = book.count("free_event")
        assert buffer >= 0, "no buffer for an open event"
        book.head["free_event"] = book.events["next"][buffer]
        book.instruments["event"][slot] = buffer
        book.events[buffer] = state["events"][number]
        book.aggressors[buffer, : state["aggressors"][number].size] = state["aggressors"][number]
        book.fills[buffer, : state["fills"][number].size] = state["fills"][number]

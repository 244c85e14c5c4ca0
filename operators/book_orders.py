"""The order table: every resting order of a shard in one open-addressing hash table.

Linear probing with deletion by backward shift, so that the table never fills with tombstones.
An entry is 32 bytes, half a cache line. A book is cleared in O(1): each clear gives the
instrument a new book number, entries of old numbers are unreachable and leave when the table is
rebuilt. Order ids are unique within an instrument only, so the key is (order id, book number).
"""

from typing import Any, Final

import numpy as np

from operators.book_head import HEAD, ORDER
from operators.kernels import copy, entry, inlined

ASK_BIT: Final = 1
REFILL_ONE: Final = 2
BOOK_SHIFT: Final = 12
LOW_MASK: Final = (1 << BOOK_SHIFT) - 1
REFILL_MASK: Final = LOW_MASK - ASK_BIT
"""Bits of `owner` that count refills; they stay at their maximum of 2,047."""

_MIX_ID: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_BOOK: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_32: Final = np.uint64(32)


@inlined
def home(order_id: np.uint64, number: np.int64, mask: np.int64) -> np.int64:
    """Index at which the entry would stand alone: Fibonacci hashing of both keys."""
    mixed = (np.uint64(order_id) + np.uint64(number) * _MIX_BOOK) * _MIX_ID
    return np.int64(mixed >> _32) & mask


@inlined
def seek(book: Any, order_id: np.uint64, number: np.int64) -> np.int64:
    """Index of the order, or of the free entry (order id 0) where it belongs."""
    mask = book.orders_mask
    index = home(order_id, number, mask)
    while True:
        found = ORDER(book.orders, index)
        if found.order_id == 0 or (
            found.order_id == order_id and np.int64(found.owner >> BOOK_SHIFT) == number
        ):
            return index
        index = (index + 1) & mask


@inlined
def remove(book: Any, index: np.int64) -> None:
    """Free the entry and move later ones of its run back, so that every run stays unbroken."""
    mask = book.orders_mask
    hole = index
    probe = index
    while True:
        probe = (probe + 1) & mask
        order = ORDER(book.orders, probe)
        if order.order_id == 0:
            break
        own = home(order.order_id, np.int64(order.owner >> BOOK_SHIFT), mask)
        # The entry may move into the hole unless its home lies cyclically in (hole, probe].
        if ((probe - own) & mask) >= ((probe - hole) & mask):
            copy(ORDER(book.orders, hole), order)
            hole = probe
    ORDER(book.orders, hole).order_id = 0


@entry
def rebuild(head_at: int, entries_at: int, count: int) -> None:
    """Enter orders, owned by book numbers that are in force, into an empty table."""
    book = HEAD(head_at, 0)
    for index in range(count):
        order = ORDER(entries_at, index)
        place = seek(book, order.order_id, np.int64(order.owner >> BOOK_SHIFT))
        copy(ORDER(book.orders, place), order)


@entry
def count_live(words, slots):  # type: ignore[no-untyped-def]
    """How many orders are reachable, and how many of them were filled or refilled.

    Args:
        words: Shape (n, 4), int64: the table, in words.
        slots: Slot of each book number, −1 of those that were cleared.
    """
    live = filled = 0
    for i in range(words.shape[0]):
        if words[i, 0] != 0 and slots[_number(words[i])] >= 0:
            live += 1
            filled += words[i, 3] != 0
    return live, filled


@entry
def take_live(words, slots, plain, others):  # type: ignore[no-untyped-def]
    """Copy the reachable orders in table order, owned by slots instead of book numbers.

    Args:
        words: As above.
        slots: As above.
        plain: Shape (p, 3), int64: filled with orders that were neither filled nor refilled,
            without their last word, as long as there is room.
        others: Shape (m, 4), int64: filled with all others.
    """
    first = other = 0
    for i in range(words.shape[0]):
        if words[i, 0] == 0:
            continue
        slot = slots[_number(words[i])]
        if slot < 0:
            continue
        owner = words[i, 2] >> 32 & LOW_MASK | slot << BOOK_SHIFT
        size_owner = words[i, 2] & 0xFFFFFFFF | owner << 32
        if words[i, 3] == 0 and first < plain.shape[0]:
            out = plain[first]
            first += 1
        else:
            out = others[other]
            out[3] = words[i, 3]
            other += 1
        out[0], out[1], out[2] = words[i, 0], words[i, 1], size_owner


@inlined
def _number(word):  # type: ignore[no-untyped-def]
    """Book number of an order: of `owner`, the upper half of its third word."""
    return (word[2] >> 32 & 0xFFFFFFFF) >> BOOK_SHIFT

"""The order table: every resting order of a shard in one open-addressing hash table.

Linear probing with deletion by backward shift, so that the table never fills with tombstones.
An entry is 32 bytes, half a cache line. A book is cleared in O(1): each clear gives the
instrument a new book number, entries of old numbers are unreachable and leave when the table is
rebuilt. Order ids are unique within an instrument only, so the key is (order id, book number).
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators.kernels import inlined, kernel

ORDER_DTYPE: Final = np.dtype(
    [
        ("order_id", "u8"),  # 0: the entry is free
        ("price", "i8"),  # 1e-9
        ("size", "u4"),  # displayed contracts
        ("owner", "u4"),  # book number << 12 | refills << 2 | aggressing << 1 | side (1 = ask)
        ("filled", "u4"),  # contracts filled since the exchange last stated the order's size
        ("hidden", "u4"),  # contracts that were shown only by refills so far
    ]
)
assert ORDER_DTYPE.itemsize == 32

ASK_BIT: Final = 1
AGGRESSING_BIT: Final = 2
REFILL_ONE: Final = 4
REFILLS_MAX: Final = 1023
REFILL_MASK: Final = REFILLS_MAX << 2
BOOK_SHIFT: Final = 12
BOOKS_MAX: Final = 1 << 20

_MIX_ID: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_BOOK: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_32: Final = np.uint64(32)
_MISSING: Final = -1


@inlined
def home(order_id: np.uint64, book: np.int64, mask: np.int64) -> np.int64:
    """Index at which the entry would stand alone: Fibonacci hashing of both keys."""
    mixed = (np.uint64(order_id) + np.uint64(book) * _MIX_BOOK) * _MIX_ID
    return np.int64(mixed >> _32) & mask


@inlined
def find(orders: NDArray[np.void], order_id: np.uint64, book: np.int64) -> np.int64:
    """Index of the order, or −1."""
    mask = orders.size - 1
    index = home(order_id, book, mask)
    while True:
        found = orders[index].order_id
        if found == order_id and np.int64(orders[index].owner >> BOOK_SHIFT) == book:
            return index
        if found == 0:
            return _MISSING
        index = (index + 1) & mask


@inlined
def insert(orders: NDArray[np.void], order_id: np.uint64, book: np.int64) -> np.int64:
    """Index of a new entry with its keys set and all else zero; the key must be absent."""
    mask = orders.size - 1
    index = home(order_id, book, mask)
    while orders[index].order_id != 0:
        index = (index + 1) & mask
    entry = orders[index]
    entry.order_id = order_id
    entry.owner = np.uint32(book << BOOK_SHIFT)
    entry.filled = 0
    entry.hidden = 0
    return index


@inlined
def remove(orders: NDArray[np.void], index: np.int64) -> None:
    """Free the entry and move later ones of its run back, so that every run stays unbroken."""
    mask = orders.size - 1
    hole = index
    probe = index
    while True:
        probe = (probe + 1) & mask
        if orders[probe].order_id == 0:
            break
        own = home(orders[probe].order_id, np.int64(orders[probe].owner >> BOOK_SHIFT), mask)
        # The entry may move into the hole unless its home lies cyclically in (hole, probe].
        if ((probe - own) & mask) >= ((probe - hole) & mask):
            orders[hole] = orders[probe]
            hole = probe
    orders[hole].order_id = 0


@njit(cache=True)
def live(orders: NDArray[np.void], slot_of_book: NDArray[np.int64]) -> NDArray[np.void]:
    """The reachable orders, compact, in table order; `slot_of_book` is −1 for dead books."""
    count = 0
    for index in range(orders.size):
        if orders[index].order_id != 0 and slot_of_book[orders[index].owner >> BOOK_SHIFT] >= 0:
            count += 1
    out = np.empty(count, orders.dtype)
    count = 0
    for index in range(orders.size):
        if orders[index].order_id != 0 and slot_of_book[orders[index].owner >> BOOK_SHIFT] >= 0:
            out[count] = orders[index]
            count += 1
    return out


@kernel
def rebuild(
    table: NDArray[np.void], entries: NDArray[np.void], slot_of_book: NDArray[np.int64]
) -> None:
    """Fill an empty `table` with `entries`, whose book numbers become their instruments' slots."""
    low = np.uint32((1 << BOOK_SHIFT) - 1)
    for entry in entries:
        book = slot_of_book[entry.owner >> BOOK_SHIFT]
        index = insert(table, entry.order_id, book)
        table[index] = entry
        table[index].owner = np.uint32(book << BOOK_SHIFT) | (entry.owner & low)

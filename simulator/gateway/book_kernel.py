"""Resting orders of every instrument: a hash table that follows the market's records.

A loop over records, on purpose: each changes what the next one means. Open addressing with linear
probing (Knuth, The Art of Computer Programming 3, 6.4, algorithms L and R).
"""

import numpy as np
from numba import njit

from operators.model.records import ADD, CANCEL, CLEAR, MODIFY, RTYPE_MBO

ORDER_DTYPE = np.dtype(
    [
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("ts_event", "<i8"),
        ("priority", "<i8"),  # Rises with each order that goes to the end of its queue.
        ("instrument_id", "<u4"),
        ("size", "<u4"),  # 0: the place is free.
        ("sequence", "<u4"),
        ("side", "u1"),
    ]
)
"""One place of the table: 45 bytes."""


@njit(cache=True, nogil=True)
def _home(order_id, instrument_id, mask):
    mixed = (order_id ^ (np.uint64(instrument_id) << np.uint64(40))) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(24)) & mask


@njit(cache=True, nogil=True)
def _find(table, order_id, instrument_id):
    """Where an order is, or the free place where it would be."""
    mask = table.size - 1
    at = _home(order_id, instrument_id, mask)
    while table[at].size != 0 and (
        table[at].order_id != order_id or table[at].instrument_id != instrument_id
    ):
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)
def _remove(table, at):
    """Free a place, and move up what stands behind it for want of that place."""
    mask = table.size - 1
    hole = at
    table[hole].size = 0
    while True:
        at = (at + 1) & mask
        if table[at].size == 0:
            return
        home = _home(table[at].order_id, table[at].instrument_id, mask)
        if ((at - home) & mask) >= ((at - hole) & mask):
            table[hole] = table[at]
            table[at].size = 0
            hole = at


@njit(cache=True, nogil=True)
def _clear(table, instrument_id):
    """Remove all orders of an instrument; how many."""
    removed = 0
    at = 0
    while at < table.size:
        if table[at].size != 0 and table[at].instrument_id == instrument_id:
            # What moves up into the place is looked at again.
            _remove(table, at)
            removed += 1
        else:
            at += 1
    return removed


@njit(cache=True, nogil=True)
def rebuild(table, larger):
    """Put all orders of `table` into `larger`, which is free."""
    for k in range(table.size):
        if table[k].size != 0:
            larger[_find(larger, table[k].order_id, table[k].instrument_id)] = table[k]


@njit(cache=True, nogil=True)
def follow(words, table, count, priority):
    """Apply the records in `words`, as many as the table has room for.

    Args:
        words: whole records, (n,) uint32.
        table: ORDER_DTYPE, a power of two of places.
        count: orders in it.
        priority: of the newest order.

    Returns:
        Words read, orders and priority after them.
    """
    at = 0
    room = table.size // 2
    while at + 4 <= words.size:
        length = words[at] & 0xFF
        if at + length > words.size:
            break
        if (words[at] >> 8) & 0xFF == RTYPE_MBO:
            if count >= room:
                break
            instrument_id = words[at + 1]
            word = words[at + 9]
            action = (word >> 16) & 0xFF
            size = words[at + 8]
            if action == CLEAR:
                if count > 0:
                    count -= _clear(table, instrument_id)
            elif action in (ADD, MODIFY, CANCEL):
                order_id = np.uint64(words[at + 4]) | (np.uint64(words[at + 5]) << np.uint64(32))
                price = (np.int64(words[at + 7]) << 32) | np.int64(words[at + 6])
                place = _find(table, order_id, instrument_id)
                known = table[place].size != 0
                if action == CANCEL:
                    if known:
                        if table[place].size > size:
                            table[place].size -= size
                        else:
                            _remove(table, place)
                            count -= 1
                elif size > 0:
                    order = table[place]
                    if not known:
                        count += 1
                    if not known or action == ADD or order.price != price or order.size < size:
                        priority += 1
                        order.priority = priority
                    order.order_id = order_id
                    order.instrument_id = instrument_id
                    order.price = price
                    order.size = size
                    order.ts_event = (np.int64(words[at + 3]) << 32) | np.int64(words[at + 2])
                    order.sequence = words[at + 13]
                    order.side = (word >> 24) & 0xFF
        at += length
    return at, count, priority

"""The gateway's own book of every instrument, from which it makes snapshots.

Followed only when a snapshot is asked for: then it reads the market's log from where it was.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.model.records import (
    BID,
    F_BAD_TS_RECV,
    F_LAST,
    F_SNAPSHOT,
    MBO_BYTES,
    MBO_DTYPE,
    PRICE_UNDEF,
    RTYPE_MBO,
    MboBatch,
)
from simulator.gateway.book_kernel import ORDER_DTYPE, follow, rebuild
from simulator.gateway.log import Log

_READ_WORDS: Final = 1024 * 1024
_PLACES_FIRST: Final = 1 << 16


class Book:
    """State: 45 bytes per resting order and as much again for growth, and a place in the log."""

    def __init__(self) -> None:
        self._table = np.zeros(_PLACES_FIRST, ORDER_DTYPE)
        self._count = 0
        self._priority = 0
        self.position = 0
        """Offset in the log up to which records have been applied."""

    def __len__(self) -> int:
        return self._count

    def follow(self, log: Log, stop: int) -> None:
        """Apply what happened before `stop`."""
        while self.position < stop:
            words = log.read(self.position, min(_READ_WORDS, stop - self.position))
            at, self._count, self._priority = follow(
                words, self._table, self._count, self._priority
            )
            self.position += at
            if self._count >= self._table.size // 2:
                self.grow()
            elif not at:
                return

    def grow(self) -> None:
        """Make room for twice as many orders."""
        larger = np.zeros(self._table.size * 2, ORDER_DTYPE)
        rebuild(self._table, larger)
        self._table = larger

    def snapshot(self, instrument_ids: Iterable[int], ts_recv: int) -> MboBatch:
        """R and an A per order of each instrument, levels in priority order, bids from the best.

        The last row of each instrument has F_LAST. ts_event and sequence are the order's.
        """
        ids = np.unique(np.fromiter(instrument_ids, np.uint32))
        orders = self._table[self._table["size"] != 0]
        orders = orders[np.isin(orders["instrument_id"], ids)]
        bid = orders["side"] == BID
        outwards = np.where(bid, -orders["price"], orders["price"])
        keys = (orders["priority"], outwards, ~bid, orders["instrument_id"])
        orders = orders[np.lexsort(keys)]
        stops = (
            np.searchsorted(orders["instrument_id"], ids, side="right") + np.arange(ids.size) + 1
        )
        is_order = np.ones(orders.size + ids.size, np.bool_)
        is_order[np.concatenate(([0], stops[:-1]))[: ids.size]] = False
        return _rows(orders, ids, is_order, stops, ts_recv)


def _rows(
    orders: NDArray[np.void],
    ids: NDArray[np.uint32],
    is_order: NDArray[np.bool_],
    stops: NDArray[np.int64],
    ts_recv: int,
) -> MboBatch:
    rows = np.zeros(is_order.size, MBO_DTYPE)
    rows["length"], rows["rtype"], rows["publisher_id"] = MBO_BYTES // 4, RTYPE_MBO, 1
    rows["ts_event"] = rows["ts_recv"] = ts_recv
    rows["flags"] = F_SNAPSHOT | F_BAD_TS_RECV
    rows["flags"][stops - 1] |= F_LAST
    rows["action"], rows["side"], rows["price"] = b"R", b"N", PRICE_UNDEF
    rows["instrument_id"][~is_order] = ids
    for name in ("instrument_id", "ts_event", "order_id", "price", "size", "sequence"):
        rows[name][is_order] = orders[name]
    rows["action"][is_order] = b"A"
    rows["side"][is_order] = np.ascontiguousarray(orders["side"]).view("S1")
    return rows

"""The books at a moment as rows of a snapshot: what history has at 00:00 UTC of each day."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from operators.model.records import F_LAST, F_SNAPSHOT, MBO_DTYPE, PRICE_UNDEF, RTYPE_MBO, MboBatch

SNAPSHOT_FLAGS: Final = F_SNAPSHOT | 8


@dataclass(slots=True)
class _Order:
    """A resting order."""

    price: int
    size: int
    side: bytes
    ts_event: int
    sequence: int


_Book = dict[int, _Order]
"""Order id → order, oldest in priority first."""


def book_snapshot(rows: MboBatch, ts_ns: int) -> MboBatch:
    """For each instrument a clear and its resting orders, as they stand after `rows`.

    Orders stand from the best price on and in priority, bids first; all rows have ts_recv
    `ts_ns`, the last of an instrument closes the event. Plain Python: about 1 µs for a row.

    Args:
        rows: shape (n,), MBO_DTYPE, from a moment on at which every book was empty or told.
        ts_ns: ns since the epoch.
    """
    books: dict[int, _Book] = {}
    names = ("instrument_id", "action", "side", "order_id", "price", "size")
    columns = [rows[name].tolist() for name in (*names, "ts_event", "sequence")]
    for instrument_id, action, side, order_id, price, size, ts_event, sequence in zip(
        *columns, strict=True
    ):
        book = books.setdefault(instrument_id, {})
        order = _Order(price, size, side, ts_event, sequence)
        _apply(book, action, order_id, order)
    parts = [
        _rows_of(instrument_id, books[instrument_id], ts_ns) for instrument_id in sorted(books)
    ]
    told = np.concatenate([np.empty(0, MBO_DTYPE), *parts])
    told.flags.writeable = False
    return told


def _apply(book: _Book, action: bytes, order_id: int, order: _Order) -> None:
    known = book.get(order_id)
    if action == b"R":
        book.clear()
    elif action == b"A":
        book.pop(order_id, None)
        book[order_id] = order
    elif action == b"C" and known is not None:
        known.size -= order.size
        if known.size <= 0:
            del book[order_id]
    elif action == b"M":
        # A reduction keeps its place; any other change goes to the back.
        if known is None or known.price != order.price or known.size < order.size:
            book.pop(order_id, None)
            book[order_id] = order
        else:
            known.size = order.size


def _rows_of(instrument_id: int, book: _Book, ts_ns: int) -> MboBatch:
    def rank(entry: tuple[int, _Order]) -> tuple[bool, int]:
        order = entry[1]
        return order.side == b"A", order.price if order.side == b"A" else -order.price

    rows = np.zeros(1 + len(book), MBO_DTYPE)
    rows["length"], rows["rtype"], rows["publisher_id"] = 14, RTYPE_MBO, 1
    rows["instrument_id"], rows["ts_recv"], rows["ts_event"] = instrument_id, ts_ns, ts_ns
    rows["flags"] = SNAPSHOT_FLAGS
    rows["flags"][-1] |= F_LAST
    rows["action"], rows["action"][0] = b"A", b"R"
    rows["side"][0], rows["price"][0] = b"N", PRICE_UNDEF
    for row, (order_id, order) in zip(rows[1:], sorted(book.items(), key=rank), strict=True):
        row["order_id"], row["price"], row["size"] = order_id, order.price, order.size
        row["side"], row["ts_event"], row["sequence"] = order.side, order.ts_event, order.sequence
    return rows

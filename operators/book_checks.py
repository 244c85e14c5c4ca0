"""What every book of a shard holds, as history tells it at midnight: counts and digests."""

import numpy as np

from operators.book_orders import ASK_BIT, BOOK_SHIFT
from operators.book_state import Book, live_orders
from operators.model.book_check import BookCheck, order_hashes


def checks(book: Book) -> list[BookCheck]:
    """The check of each instrument, by slot. One pass over all orders."""
    orders = live_orders(book)
    slots = (orders["owner"] >> BOOK_SHIFT).astype(np.int64)
    is_ask = (orders["owner"] & ASK_BIT) == 1
    hashes = order_hashes(orders["order_id"], is_ask, orders["price"], orders["size"])
    count = book.count("slots")
    digests = np.zeros(count, np.uint64)
    np.add.at(digests, slots, hashes)
    sizes = np.bincount(slots, minlength=count)
    return [BookCheck(int(size), int(digest)) for size, digest in zip(sizes, digests, strict=True)]

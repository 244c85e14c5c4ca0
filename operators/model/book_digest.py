"""One number that stands for the resting orders of a book, whatever the order they are told in.

Two books with the same orders have the same digest; with other orders they have the same one by a
chance of about 1 in 2^64. Priority at a price is no part of it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_ORDER: Final = np.uint64(0x9E3779B97F4A7C15)
_PRICE: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_SIZE: Final = np.uint64(0x165667B19E3779F9)
_ASK: Final = np.uint64(0xD6E8FEB86659FD93)
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)
_33: Final = np.uint64(33)


def orders_digest(
    order_id: NDArray[np.uint64],
    is_ask: NDArray[np.bool_],
    price_e9: NDArray[np.int64],
    size: NDArray[np.uint32],
) -> int:
    """Sum of the orders' hashes modulo 2^64; 0 for an empty book.

    The digest of two disjoint parts of a book is the sum of theirs, modulo 2^64.

    Args:
        order_id: shape (n,), uint64, one entry for each resting order.
        is_ask: shape (n,).
        price_e9: shape (n,), int64, 1e-9 units.
        size: shape (n,), contracts.
    """
    mixed = order_id.astype(np.uint64) * _ORDER
    mixed ^= price_e9.astype(np.int64).view(np.uint64) * _PRICE
    mixed = (mixed ^ (mixed >> _33)) * _MIX
    mixed ^= size.astype(np.uint64) * _SIZE + is_ask.astype(np.uint64) * _ASK
    mixed = (mixed ^ (mixed >> _33)) * _MIX
    mixed ^= mixed >> _33
    return int(np.add.reduce(mixed, dtype=np.uint64)) if mixed.size else 0

"""Book checks: what history says a book holds at midnight, as a control in the stream.

History has at 00:00 UTC of each day the orders that rest then. A book that stood through the night
is compared with them instead of being replaced: a control `verify` carries, for one instrument,
their count and a digest that does not depend on the order they are told in. The digest of another
set of orders is the same by a chance of about 1 in 2^64. Priority at a price is no part of it.
"""

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.model.items import Control

VERIFY: Final = "verify"
_MASK: Final = 2**64 - 1
_ORDER: Final = np.uint64(0x9E3779B97F4A7C15)
_PRICE: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_SIZE: Final = np.uint64(0x165667B19E3779F9)
_ASK: Final = np.uint64(0xD6E8FEB86659FD93)
_MIX: Final = np.uint64(0xFF51AFD7ED558CCD)
_33: Final = np.uint64(33)


@dataclass(frozen=True, slots=True)
class BookCheck:
    """What one book holds; checks of disjoint parts of a book add up."""

    orders: int = 0
    """Resting orders."""
    digest: int = 0
    """`orders_digest` of them, 0…2^64 − 1."""

    def __add__(self, other: "BookCheck") -> "BookCheck":
        """The check of both parts."""
        return BookCheck(self.orders + other.orders, (self.digest + other.digest) & _MASK)


def verify_control(feed: str, ts_event: int, instrument_id: int, check: BookCheck) -> Control:
    """The control that says what the book of an instrument holds at its place in the stream."""
    value = {"instrument": instrument_id, "orders": check.orders, "digest": f"{check.digest:016x}"}
    return Control(feed, ts_event, VERIFY, json.dumps(value, separators=(",", ":")))


def verify_of(control: Control) -> tuple[int, BookCheck] | None:
    """Instrument and check of a `verify`; None for one that cannot be read."""
    try:
        value = json.loads(control.value)
        check = BookCheck(int(value["orders"]), int(value["digest"], 16))
        return int(value["instrument"]), check
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def orders_digest(
    order_id: NDArray[np.uint64],
    is_ask: NDArray[np.bool_],
    price_e9: NDArray[np.int64],
    size: NDArray[np.uint32],
) -> int:
    """Sum of the orders' hashes modulo 2^64; 0 for an empty book. Arguments as `order_hashes`."""
    return int(np.add.reduce(order_hashes(order_id, is_ask, price_e9, size), dtype=np.uint64))


def order_hashes(
    order_id: NDArray[np.uint64],
    is_ask: NDArray[np.bool_],
    price_e9: NDArray[np.int64],
    size: NDArray[np.uint32],
) -> NDArray[np.uint64]:
    """A hash of each order, shape (n,), uint64, in which every field counts.

    Args:
        order_id: shape (n,), uint64.
        is_ask: shape (n,).
        price_e9: shape (n,), int64, 1e-9 units.
        size: shape (n,), contracts.
    """
    mixed = order_id.astype(np.uint64) * _ORDER
    mixed ^= price_e9.astype(np.int64).view(np.uint64) * _PRICE
    mixed = (mixed ^ (mixed >> _33)) * _MIX
    mixed ^= size.astype(np.uint64) * _SIZE + is_ask.astype(np.uint64) * _ASK
    mixed = (mixed ^ (mixed >> _33)) * _MIX
    return mixed ^ (mixed >> _33)

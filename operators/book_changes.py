"""What A, C and M do to orders and levels, and what of it happens near the touch."""

from typing import Any

import numpy as np

from operators.book_echo import came, went
from operators.book_event import settle_fill
from operators.book_head import EVAL, INSTRUMENT, ORDER, SIDE
from operators.book_levels import change
from operators.book_orders import ASK_BIT, BOOK_SHIFT, remove, seek
from operators.book_panes import fault
from operators.kernels import inlined, kernel
from operators.model.evaluations import FAULT_NAMES, NEAR_LEVELS, OFI_LEVELS
from operators.model.records import ASK

_UNKNOWN_ORDER = np.int64(FAULT_NAMES.index("unknown_order"))
_KNOWN_ADDED = np.int64(FAULT_NAMES.index("known_order_added"))
_CANCEL_TOO_LARGE = np.int64(FAULT_NAMES.index("cancel_too_large"))


@inlined
def _key(ask: np.int64, price: np.int64) -> np.int64:
    return np.int64(-price if ask else price)


@kernel
def _level(
    book: Any, slot: np.int64, ask: np.int64, key: np.int64, size: np.int64, count: np.int64
) -> np.int64:
    """Change a level, remember how deep the event reached, return the depth."""
    side = SIDE(book.sides, 2 * slot + ask)
    packed: np.int64 = change(book, side, key, size, count)
    depth = np.int64(packed >> 1)
    if depth < OFI_LEVELS:
        side.touched_first = min(side.touched_first, depth)
        side.touched_last = max(side.touched_last, OFI_LEVELS - 1 if packed & 1 else depth)
    return depth


@inlined
def _near(book: Any, slot: np.int64, ask: np.int64, depth: np.int64, size: np.int64) -> None:
    """Count displayed size that came (positive) or was withdrawn (negative) near the touch."""
    if depth < NEAR_LEVELS:
        pane = EVAL(book.panes, slot)
        if ask:
            if size > 0:
                pane.add_ask += size
            else:
                pane.cancel_ask -= size
        elif size > 0:
            pane.add_bid += size
        else:
            pane.cancel_bid -= size


@inlined
def add_order(book: Any, slot: np.int64, row: Any, live: bool) -> None:
    """An A row; `live` unless of a snapshot, whose orders come from no one now."""
    number = INSTRUMENT(book.instruments, slot).book
    place = seek(book, row.order_id, number)
    if ORDER(book.orders, place).order_id != 0:
        if live:
            fault(book, slot, _KNOWN_ADDED, row.ts_event, np.bool_(False))
        _take(book, slot, place)
        place = seek(book, row.order_id, number)
    _put(book, slot, place, row, live)


@kernel
def _put(book: Any, slot: np.int64, place: np.int64, row: Any, live: bool) -> None:
    """A new order in the free entry where it belongs."""
    instrument = INSTRUMENT(book.instruments, slot)
    ask = np.int64(row.side == ASK)
    order = ORDER(book.orders, place)
    order.order_id = row.order_id
    order.price = row.price
    order.size = row.size
    order.owner = np.uint32(instrument.book << BOOK_SHIFT | ask)
    order.filled = 0
    order.hidden = 0
    book.entries += 1
    instrument.orders += 1
    size = np.int64(row.size)
    depth = _level(book, slot, ask, _key(ask, row.price), size, np.int64(1))
    if live:
        _near(book, slot, ask, depth, size)
        if depth < NEAR_LEVELS:
            came(book, 2 * slot + ask, order, row.ts_event)


@inlined
def _flash(
    book: Any, slot: np.int64, ask: np.int64, order: Any, size: np.int64, ts: np.int64
) -> None:
    """Count withdrawn contracts of an order that was large and did not stay."""
    if went(book, 2 * slot + ask, order, ts):
        pane = EVAL(book.panes, slot)
        if ask:
            pane.flash_ask += size
        else:
            pane.flash_bid += size


@kernel
def _take(book: Any, slot: np.int64, place: np.int64) -> np.int64:
    """Remove an order from table and level; returns the depth its level had."""
    order = ORDER(book.orders, place)
    ask = np.int64(order.owner & ASK_BIT)
    depth: np.int64 = _level(
        book, slot, ask, _key(ask, order.price), -np.int64(order.size), np.int64(-1)
    )
    remove(book, place)
    book.entries -= 1
    INSTRUMENT(book.instruments, slot).orders -= 1
    return depth


@kernel
def _unknown(book: Any, slot: np.int64, ts: np.int64) -> None:
    INSTRUMENT(book.instruments, slot).unknown += 1
    fault(book, slot, _UNKNOWN_ORDER, ts, np.bool_(True))


@inlined
def cancel_order(book: Any, slot: np.int64, row: Any, live: bool) -> None:
    """A C row: `size` contracts of the order go, by its owner or after a fill."""
    instrument = INSTRUMENT(book.instruments, slot)
    place = seek(book, row.order_id, instrument.book)
    order = ORDER(book.orders, place)
    if order.order_id == 0:
        _unknown(book, slot, row.ts_event)
        return
    ask = np.int64(order.owner & ASK_BIT)
    shown = np.int64(order.size)
    size = np.int64(row.size)
    filled = order.filled > 0
    if size > shown:
        if not filled:
            fault(book, slot, _CANCEL_TOO_LARGE, row.ts_event, np.bool_(True))
        size = shown
    if filled:
        settle_fill(book, slot, order, shown - size, row.ts_event)
    elif live:
        _flash(book, slot, ask, order, size, row.ts_event)
    if size == shown:
        depth = _take(book, slot, place)
    else:
        order.size = shown - size
        depth = _level(book, slot, ask, _key(ask, order.price), -size, np.int64(0))
    if live and not filled:
        _near(book, slot, ask, depth, -size)


@inlined
def modify_order(book: Any, slot: np.int64, row: Any, live: bool) -> None:
    """An M row: price and size of the order from now on; an unknown one is added, and counted."""
    instrument = INSTRUMENT(book.instruments, slot)
    place = seek(book, row.order_id, instrument.book)
    order = ORDER(book.orders, place)
    if order.order_id == 0:
        _unknown(book, slot, row.ts_event)
        _put(book, slot, place, row, live)
        return
    size = np.int64(row.size)
    shown = np.int64(order.size)
    count = live and order.filled == 0
    if order.filled > 0:
        settle_fill(book, slot, order, size, row.ts_event)
    old_ask = np.int64(order.owner & ASK_BIT)
    ask = np.int64(row.side == ASK)
    if order.price == row.price and old_ask == ask:
        depth = _level(book, slot, ask, _key(ask, row.price), size - shown, np.int64(0))
        shown -= size
        if count:
            _near(book, slot, ask, depth, -shown)
    else:
        if count:
            _flash(book, slot, old_ask, order, shown, row.ts_event)
        depth = _level(book, slot, old_ask, _key(old_ask, order.price), -shown, np.int64(-1))
        if count:
            _near(book, slot, old_ask, depth, -shown)
        depth = _level(book, slot, ask, _key(ask, row.price), size, np.int64(1))
        if count:
            _near(book, slot, ask, depth, size)
        order.price = row.price
        order.owner = order.owner & np.uint32(0xFFFFFFFE) | np.uint32(ask)
    order.size = size

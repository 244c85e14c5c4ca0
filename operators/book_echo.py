"""What orders do after one another: the same again after a fill, and large ones that do not stay.

Two facts that no single record tells, at a few comparisons per record and in bounded memory:

- An order *follows* another if it came near the touch at most `ECHO_NS` after that one was filled
  to its last contract, on its side and of the size that it had shown in all: what a synthetic
  iceberg does between two tranches, at its price or where the touch went. Single contracts are
  left out: they follow each other everywhere.
- A *flash* is an order near the touch, larger than 95 % of those that come there on its side, that
  is withdrawn or moved at most `FLASH_NS` later without a single fill.

Per side the last `OUTS` filled orders, `TRANCHES` orders that follow one and `FLASHES` large ones
are remembered, the oldest forgotten first.
"""

from typing import Any, Final

import numpy as np

from operators.book_head import FLASH, FLASHES, OUT, OUTS, SIDE, TRANCHE, TRANCHES
from operators.kernels import inlined, kernel

ECHO_NS: Final = 300_000_000
FLASH_NS: Final = 2_000_000_000
SIZE_MIN: Final = 2
"""Least size of an order that can follow another."""
LARGE_MIN: Final = 10
"""Least size of a flash, contracts."""
LARGE_ONE: Final = 64
"""`large` of a side is in units of one contract in so many."""
_LARGE_ODDS: Final = 19
"""Of 20 orders, so many are smaller than the 95 % quantile."""
_LARGE_RATE: Final = 9
"""The quantile moves by a 512th of itself for an order below it."""


@inlined
def came(book: Any, line: np.int64, order: Any, ts: np.int64) -> None:
    """An order was added near the touch of a side: does it follow another, is it large?"""
    side = SIDE(book.sides, line)
    if ts <= side.echo_until and order.size >= SIZE_MIN:
        _follow(book, line, order, ts)
    bound = side.large
    step = max(bound >> _LARGE_RATE, 1)
    if LARGE_ONE * np.int64(order.size) <= bound:
        side.large = bound - step
    else:
        side.large = bound + _LARGE_ODDS * step
        if order.size >= LARGE_MIN:
            _remember_large(book, line, order.order_id, ts)


@inlined
def went(book: Any, line: np.int64, order: Any, ts: np.int64) -> bool:
    """Was the order that is withdrawn or moved now a flash?"""
    if ts > SIDE(book.sides, line).flash_until or order.hidden != 0:
        return False
    return _is_flash(book, line, order.order_id, ts)  # type: ignore[no-any-return]


@kernel
def _follow(book: Any, line: np.int64, order: Any, ts: np.int64) -> None:
    """Take the latest filled order that this one may follow, if there is one."""
    latest = np.int64(-1)
    latest_ts = np.int64(0)
    for index in range(line * OUTS, line * OUTS + OUTS):
        out = OUT(book.outs, index)
        if out.order_id == 0 or out.size != np.int64(order.size):
            continue
        if 0 <= ts - out.ts <= ECHO_NS and (latest < 0 or out.ts >= latest_ts):
            latest = np.int64(index)
            latest_ts = out.ts
    if latest < 0:
        return
    out = OUT(book.outs, latest)
    oldest = line * TRANCHES
    for index in range(oldest + 1, line * TRANCHES + TRANCHES):
        if TRANCHE(book.tranches, index).ts < TRANCHE(book.tranches, oldest).ts:
            oldest = np.int64(index)
    tranche = TRANCHE(book.tranches, oldest)
    tranche.order_id = order.order_id
    tranche.follows = out.order_id
    tranche.ts = ts
    # One order follows another, not two.
    out.order_id = 0
    out.ts = 0


@kernel
def filled_out(book: Any, line: np.int64, order: Any, whole: np.int64, ts: np.int64) -> np.uint64:
    """An order's last contract was filled; returns the order that it had followed, or 0."""
    if whole < SIZE_MIN:
        return np.uint64(0)
    side = SIDE(book.sides, line)
    side.echo_until = max(side.echo_until, ts + ECHO_NS)
    oldest = line * OUTS
    for index in range(oldest + 1, line * OUTS + OUTS):
        if OUT(book.outs, index).ts < OUT(book.outs, oldest).ts:
            oldest = np.int64(index)
    out = OUT(book.outs, oldest)
    out.size = whole
    out.ts = ts
    out.order_id = order.order_id
    for index in range(line * TRANCHES, line * TRANCHES + TRANCHES):
        tranche = TRANCHE(book.tranches, index)
        if tranche.order_id == order.order_id:
            follows = tranche.follows
            tranche.order_id = 0
            tranche.follows = 0
            tranche.ts = 0
            return np.uint64(follows)
    return np.uint64(0)


@kernel
def _remember_large(book: Any, line: np.int64, order_id: np.uint64, ts: np.int64) -> None:
    side = SIDE(book.sides, line)
    side.flash_until = max(side.flash_until, ts + FLASH_NS)
    oldest = line * FLASHES
    for index in range(oldest + 1, line * FLASHES + FLASHES):
        if FLASH(book.flashes, index).ts < FLASH(book.flashes, oldest).ts:
            oldest = np.int64(index)
    flash = FLASH(book.flashes, oldest)
    flash.order_id = order_id
    flash.ts = ts


@kernel
def _is_flash(book: Any, line: np.int64, order_id: np.uint64, ts: np.int64) -> bool:
    for index in range(line * FLASHES, line * FLASHES + FLASHES):
        flash = FLASH(book.flashes, index)
        if flash.order_id == order_id:
            young = 0 <= ts - flash.ts <= FLASH_NS
            flash.order_id = 0
            flash.ts = 0
            return young
    return False


@kernel
def forget(book: Any, line: np.int64) -> None:
    """The side's book was cleared: what was remembered concerns nobody. `large` stays."""
    side = SIDE(book.sides, line)
    side.echo_until = 0
    side.flash_until = 0
    for index in range(line * OUTS, line * OUTS + OUTS):
        OUT(book.outs, index).order_id = 0
        OUT(book.outs, index).ts = 0
    for index in range(line * TRANCHES, line * TRANCHES + TRANCHES):
        TRANCHE(book.tranches, index).order_id = 0
        TRANCHE(book.tranches, index).ts = 0
    for index in range(line * FLASHES, line * FLASHES + FLASHES):
        FLASH(book.flashes, index).order_id = 0
        FLASH(book.flashes, index).ts = 0

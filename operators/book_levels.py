"""Price levels: per instrument and side one sorted block in a shared arena, best level last.

Most changes happen near the touch, so a block that ends with the best level is searched from its
end and shifted little, whatever the depth of the book and wherever prices lie. Keys are prices
for bids and negated prices for asks: for both sides a larger key is better.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from operators.book_head import DEPTH, FREE_AT, LEVEL, LEVEL_DTYPE, NUMBER, SIDE
from operators.kernels import copy, inlined, kernel, move

Rest = tuple[int, int, int]
"""What rests at one price: the price (1e-9), contracts, orders."""
LEVELS_MIN: Final = 4
_LINEAR_STEPS: Final = 12
_ABOVE_ALL: Final = 2**63 - 1
"""Higher than any price."""


@inlined
def locate(book: Any, first: np.int64, levels: np.int64, key: np.int64) -> np.int64:
    """Place of the first level whose key is ≥ `key`: a few steps from the best, then halving."""
    high = levels
    steps = 0
    while high > 0 and LEVEL(book.arena, first + high - 1).key >= key:
        high -= 1
        steps += 1
        if steps == _LINEAR_STEPS:
            low = np.int64(0)
            while low < high:
                middle = (low + high) >> 1
                if LEVEL(book.arena, first + middle).key < key:
                    low = middle + 1
                else:
                    high = middle
            return low
    return high


@inlined
def has_room(side: Any) -> bool:
    """Is there room for one more level?"""
    return side.class_ >= 0 and side.levels < LEVELS_MIN << side.class_


@kernel
def widen(book: Any, head_at: np.int64, side: Any) -> bool:
    """Move a side into a block twice as large; False if the arena must grow first.

    A freed block holds the next one of its class in its first key. `arena_used` is the part of
    the arena ever handed out.
    """
    wider = side.class_ + 1
    head = NUMBER(head_at + FREE_AT, wider)
    first = head.value
    if first >= 0:
        head.value = LEVEL(book.arena, first).key
    else:
        first = book.arena_used
        if first + (LEVELS_MIN << wider) > book.arena_levels:
            return False
        book.arena_used = first + (LEVELS_MIN << wider)
    move(LEVEL(book.arena, first), LEVEL(book.arena, side.first), side.levels)
    release(book, head_at, side)
    side.first = first
    side.class_ = wider
    return True


@kernel
def release(book: Any, head_at: np.int64, side: Any) -> None:
    """Give a side's block back; its level count stays."""
    if side.class_ >= 0:
        head = NUMBER(head_at + FREE_AT, side.class_)
        LEVEL(book.arena, side.first).key = head.value
        head.value = side.first
        side.class_ = -1


@inlined
def change(book: Any, side: Any, key: np.int64, size: np.int64, count: np.int64) -> np.int64:
    """Add `size` contracts and `count` orders (either may be negative) at `key`.

    A new level needs room (`has_room`); a level without orders leaves. Returns the depth of the
    level from the best (0), shifted left by one, plus 1 if a level came or went.
    """
    first = side.first
    levels = side.levels
    place = locate(book, first, levels, key)
    level = LEVEL(book.arena, first + place)
    if place < levels and level.key == key:
        level.size += size
        level.count += count
        depth = levels - 1 - place
        if level.count > 0:
            return depth << 1
        _shift(book, first + place, first + place + 1, depth)
        side.levels = levels - 1
        return (depth << 1) | 1
    _shift(book, first + place + 1, first + place, levels - place)
    level.key = key
    level.size = size
    level.count = count
    side.levels = levels + 1
    return ((levels - place) << 1) | 1


@inlined
def _shift(book: Any, to: np.int64, origin: np.int64, count: np.int64) -> None:
    """Move `count` levels by one; few of them without a call."""
    if count == 0:
        return
    if count == 1:
        copy(LEVEL(book.arena, to), LEVEL(book.arena, origin))
    else:
        move(LEVEL(book.arena, to), LEVEL(book.arena, origin), count)


@kernel
def put_depth(book: Any, slot: np.int64, row: np.int64) -> None:
    """Append the first `depth_levels` prices of both sides, upwards; equal prices are one."""
    bids = SIDE(book.sides, 2 * slot)
    asks = SIDE(book.sides, 2 * slot + 1)
    bid = max(bids.levels - book.depth_levels, 0)
    ask = asks.levels - 1
    ask_stop = max(asks.levels - book.depth_levels, 0)
    while bid < bids.levels or ask >= ask_stop:
        price = np.int64(_ABOVE_ALL)
        if bid < bids.levels:
            price = LEVEL(book.arena, bids.first + bid).key
        if ask >= ask_stop:
            price = min(price, -LEVEL(book.arena, asks.first + ask).key)
        depth = DEPTH(book.out_depth, book.out_depth_rows)
        depth.row = row
        depth.price = price
        depth.bid_size = 0
        depth.ask_size = 0
        if bid < bids.levels and LEVEL(book.arena, bids.first + bid).key == price:
            depth.bid_size = LEVEL(book.arena, bids.first + bid).size
            bid += 1
        if ask >= ask_stop and LEVEL(book.arena, asks.first + ask).key == -price:
            depth.ask_size = LEVEL(book.arena, asks.first + ask).size
            ask -= 1
        book.out_depth_rows += 1


def best_of(side: Any, arena: NDArray[Any], levels: int) -> list[Rest]:
    """Levels of a side from the best on, at most so many; its prices with their sign as a key."""
    stop = int(side["first"] + side["levels"])
    found = arena[max(int(side["first"]), stop - levels) : stop][::-1]
    columns = (found[name].tolist() for name in ("key", "size", "count"))
    return list(zip(*columns, strict=True))


def blocks_of(
    lines: NDArray[np.int64], keys: NDArray[np.int64], sizes: NDArray[np.int64], sides: NDArray[Any]
) -> NDArray[Any]:
    """An arena with the levels of these orders, in blocks entered into `sides`.

    Args:
        lines: Shape (orders,), int64: row of `sides` each order belongs to.
        keys: Shape (orders,), int64: signed prices.
        sizes: Shape (orders,), int64: contracts.
        sides: Shape (n,), SIDE_DTYPE, without blocks; written.
    """
    order = np.lexsort((keys, lines))
    lines, keys = lines[order], keys[order]
    starts = np.flatnonzero(np.diff(lines, prepend=-1) | (np.diff(keys, prepend=0) != 0))
    levels = np.empty(starts.size, LEVEL_DTYPE)
    levels["key"] = keys[starts]
    levels["count"] = np.diff(starts, append=keys.size)
    if starts.size:
        levels["size"] = np.add.reduceat(sizes[order], starts)
    found, firsts, counts = np.unique(lines[starts], return_index=True, return_counts=True)
    classes = np.ceil(np.log2(np.maximum(counts, LEVELS_MIN) / LEVELS_MIN)).astype(np.int64)
    capacities = LEVELS_MIN << classes
    places = np.cumsum(capacities) - capacities
    sides["first"][found], sides["levels"][found] = places, counts
    sides["class_"][found] = classes
    arena = np.zeros(int(capacities.sum()), LEVEL_DTYPE)
    into = np.repeat(places - firsts, counts) + np.arange(starts.size)
    arena.view(np.int64).reshape(-1, 3)[into] = levels.view(np.int64).reshape(-1, 3)
    return arena

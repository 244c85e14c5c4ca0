"""Price levels: per instrument and side one sorted block in a shared arena, best level last.

Most changes happen near the touch, so a block that ends with the best level is searched from its
end and shifted little, whatever the depth of the book and wherever prices lie. Keys are prices
for bids and negated prices for asks: for both sides a larger key is better.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.kernels import inlined

LEVEL_DTYPE: Final = np.dtype([("key", "i8"), ("size", "i8"), ("count", "i8")])
"""One price level: signed key (1e-9), contracts, orders."""

BLOCK_DTYPE: Final = np.dtype([("first", "i4"), ("levels", "i4"), ("class_", "i4"), ("pad", "i4")])
"""Where a side's levels are: arena index, levels in use, size class (capacity 4 << class_)."""

CLASSES: Final = 26
LEVELS_MIN: Final = 4
_LINEAR_STEPS: Final = 12


@inlined
def capacity(class_: np.int64) -> np.int64:
    """Levels that fit into a block of the class; class −1 is no block."""
    return np.int64(0) if class_ < 0 else np.int64(LEVELS_MIN) << class_


@inlined
def locate(arena: NDArray[np.void], first: np.int64, levels: np.int64, key: np.int64) -> np.int64:
    """Place of the first level whose key is ≥ `key`, 0…levels: a few steps from the best, then halving."""
    high = levels
    steps = 0
    while high > 0 and arena[first + high - 1].key >= key:
        high -= 1
        steps += 1
        if steps == _LINEAR_STEPS:
            low = np.int64(0)
            while low < high:
                middle = (low + high) >> 1
                if arena[first + middle].key < key:
                    low = middle + 1
                else:
                    high = middle
            return low
    return high


@inlined
def reserve(
    arena: NDArray[np.void], block: NDArray[np.void], free: NDArray[np.int32], used: NDArray[np.int64]
) -> bool:
    """Make room for one more level in `block[0]`; False if the arena must grow first.

    `free[class_]` heads a chain of freed blocks whose next link stands in their first key.
    `used[0]` is the part of the arena ever handed out.
    """
    class_ = np.int64(block[0].class_)
    levels = np.int64(block[0].levels)
    if levels < capacity(class_):
        return True
    wider = class_ + 1
    first = np.int64(free[wider])
    if first >= 0:
        free[wider] = np.int32(arena[first].key)
    else:
        first = used[0]
        if first + capacity(wider) > arena.size:
            return False
        used[0] = first + capacity(wider)
    old = np.int64(block[0].first)
    for index in range(levels):
        arena[first + index] = arena[old + index]
    release(arena, block, free)
    block[0].first = first
    block[0].class_ = wider
    return True


@inlined
def release(arena: NDArray[np.void], block: NDArray[np.void], free: NDArray[np.int32]) -> None:
    """Give a block's room back; its level count stays."""
    class_ = np.int64(block[0].class_)
    if class_ >= 0:
        arena[block[0].first].key = free[class_]
        free[class_] = block[0].first
        block[0].class_ = -1


@inlined
def change(
    arena: NDArray[np.void],
    block: NDArray[np.void],
    key: np.int64,
    size: np.int64,
    count: np.int64,
) -> np.int64:
    """Add `size` contracts and `count` orders (either may be negative) at `key`.

    A new level needs room (`reserve`); a level without orders leaves. Returns the depth of the
    level from the best (0), shifted left by one, plus 1 if a level came or went.
    """
    first = np.int64(block[0].first)
    levels = np.int64(block[0].levels)
    place = locate(arena, first, levels, key)
    if place < levels and arena[first + place].key == key:
        arena[first + place].size += size
        arena[first + place].count += count
        depth = levels - 1 - place
        if arena[first + place].count > 0:
            return depth << 1
        for index in range(first + place, first + levels - 1):
            arena[index] = arena[index + 1]
        block[0].levels = levels - 1
        return (depth << 1) | 1
    for index in range(first + levels, first + place, -1):
        arena[index] = arena[index - 1]
    arena[first + place].key = key
    arena[first + place].size = size
    arena[first + place].count = count
    block[0].levels = levels + 1
    return ((levels - place) << 1) | 1

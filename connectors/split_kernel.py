"""Kernels that send records to shards: look each instrument up, then copy rows side by side.

Records are seen as 7 little-endian 64-bit words; the instrument id is the upper half of the
first. The table is open addressing with linear probing; a shard of -1 marks a free slot.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

WORDS: Final = 7
"""64-bit words of a market-by-order record."""

_MULTIPLIER: Final = 2654435769  # 2**32 / golden ratio: Knuth's multiplicative hash.


@njit(cache=True)
def slot_of(instrument_id: int, ids: NDArray[np.uint32], shards: NDArray[np.int16]) -> int:
    """Slot that holds `instrument_id`, or the free slot where it belongs.

    Args:
        instrument_id: 0 to 2**32 - 1.
        ids: shape (slots,), uint32; slots is a power of two and some are free.
        shards: shape (slots,), int16.
    """
    mask = ids.size - 1
    mixed = (instrument_id * _MULTIPLIER) & 0xFFFFFFFF
    slot = (mixed ^ (mixed >> 15)) & mask
    while shards[slot] >= 0 and ids[slot] != instrument_id:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True)
def put(instrument_id: int, shard: int, ids: NDArray[np.uint32], shards: NDArray[np.int16]) -> None:
    """Enter or replace the shard of an instrument. The table must have a free slot."""
    slot = slot_of(instrument_id, ids, shards)
    ids[slot] = instrument_id
    shards[slot] = shard


@njit(cache=True)
def route(
    words: NDArray[np.uint64],
    start: int,
    ids: NDArray[np.uint32],
    shards: NDArray[np.int16],
    routes: NDArray[np.int16],
    counts: NDArray[np.int64],
) -> int:
    """Shard of each row from `start` on; the row where an unknown instrument stopped it.

    Args:
        words: shape (rows, 7), uint64.
        start: first row to look at.
        ids: the table, see `slot_of`.
        shards: the table, see `slot_of`.
        routes: shape (at least rows,), int16, written.
        counts: shape (number of shards,), int64, increased by the rows of each.
    """
    last_id = -1
    last_shard = 0
    for row in range(start, words.shape[0]):
        instrument_id = int(words[row, 0] >> 32)
        if instrument_id != last_id:
            shard = shards[slot_of(instrument_id, ids, shards)]
            if shard < 0:
                return row
            last_id = instrument_id
            last_shard = shard
        routes[row] = last_shard
        counts[last_shard] += 1
    return int(words.shape[0])


@njit(cache=True)
def scatter(
    words: NDArray[np.uint64],
    routes: NDArray[np.int16],
    starts: NDArray[np.int64],
    out: NDArray[np.uint64],
) -> None:
    """Copy rows to where their shard's rows begin in `out`, keeping their order.

    Args:
        words: shape (rows, 7), uint64.
        routes: shape (at least rows,), int16: shard of each row.
        starts: shape (number of shards,), int64: next row of each shard; used up.
        out: shape (rows, 7), uint64, written.
    """
    for row in range(words.shape[0]):
        shard = routes[row]
        target = starts[shard]
        starts[shard] = target + 1
        for word in range(WORDS):
            out[target, word] = words[row, word]

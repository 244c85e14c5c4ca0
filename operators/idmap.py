"""A map from instrument ids to dense slots that numba kernels can read.

An array of shape (2^k, 2), int64: (id + 1, slot), (0, 0) where free; linear probing.
"""

import numpy as np
from numpy.typing import NDArray

from operators.kernels import inlined


def empty_map() -> NDArray[np.int64]:
    """A map without entries."""
    return np.zeros((64, 2), np.int64)


@inlined
def find(table: NDArray[np.int64], key: np.int64) -> np.int64:
    """Slot of `key` (0 ≤ key < 2^62), or −1."""
    mask = table.shape[0] - 1
    index = ((key * 0x9E3779B1) >> 7) & mask
    while table[index, 0] != 0:
        if table[index, 0] == key + 1:
            return table[index, 1]
        index = (index + 1) & mask
    return np.int64(-1)


@inlined
def insert(table: NDArray[np.int64], key: np.int64, slot: np.int64) -> None:
    """Enter an absent key; the table must have room (`roomy`)."""
    mask = table.shape[0] - 1
    index = ((key * 0x9E3779B1) >> 7) & mask
    while table[index, 0] != 0:
        index = (index + 1) & mask
    table[index, 0] = key + 1
    table[index, 1] = slot


def roomy(table: NDArray[np.int64], entries: int) -> NDArray[np.int64]:
    """The map, or one twice as large with the same entries if `entries` would fill over half."""
    if 2 * entries <= table.shape[0]:
        return table
    wider = np.zeros((2 * table.shape[0], 2), np.int64)
    for key, slot in table[table[:, 0] != 0]:
        insert(wider, key - 1, slot)
    return roomy(wider, entries)

"""Walks the records of a tape by their lengths: where the last whole one ends."""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.databento.messages import RTYPES
from connectors.databento.wire import RECORD_BYTES_MIN

_TS_EVENT_AT: Final = 8

SIZES: Final = np.zeros(256, np.uint16)
"""Record type → its size in bytes in DBN version 3, which a tape has; 0: no such type."""
for _rtype, (_name, _sizes) in RTYPES.items():
    SIZES[_rtype] = _sizes[-1]
SIZES.flags.writeable = False


@njit(cache=True, nogil=True)
def walk(octets: NDArray[np.uint8], sizes: NDArray[np.uint16]) -> tuple[int, int, int]:
    """One past the last whole record, how many there are before it, and where the last begins.

    Stops in front of the first bytes that are no record of a known type and its size, or whose
    record is not all there.
    """
    position = records = last = 0
    while position + 2 <= octets.size:
        size = int(sizes[octets[position + 1]])
        if size == 0 or octets[position] * 4 != size or position + size > octets.size:
            break
        last = position
        position += size
        records += 1
    return position, records, last


@njit(cache=True, nogil=True)
def rare_places(
    octets: NDArray[np.uint8], sizes: NDArray[np.uint16], wanted: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Where records of the wanted types begin, (count,); `octets` holds whole records only."""
    places = np.empty(octets.size // RECORD_BYTES_MIN, np.int64)
    count = position = 0
    while position < octets.size:
        if wanted[octets[position + 1]]:
            places[count] = position
            count += 1
        position += int(sizes[octets[position + 1]])
    return places[:count]


def whole_bytes(data: bytes | bytearray | memoryview) -> tuple[int, int]:
    """Bytes of whole records at the start of `data`, which begins with one; and their number."""
    octets = np.frombuffer(data, np.uint8)
    end, records, _ = walk(octets, SIZES)
    return int(end), int(records)


def ts_event_of(data: bytes | bytearray | memoryview) -> int:
    """Time of the first record of `data`, ns since the epoch."""
    return int.from_bytes(data[_TS_EVENT_AT : _TS_EVENT_AT + 8], "little")

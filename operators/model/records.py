"""The market-by-order record as a numpy dtype, and the feed's own words.

Layout and meanings follow Databento's DBN `mbo` schema, which is the same in DBN v1, v2 and v3.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MBO_DTYPE: Final = np.dtype(
    [
        ("length", "u1"),  # record length in 4-byte words: 14
        ("rtype", "u1"),  # 160
        ("publisher_id", "<u2"),  # GLBX.MDP3 is 1
        ("instrument_id", "<u4"),
        ("ts_event", "<u8"),  # ns since the epoch: the matching engine's time
        ("order_id", "<u8"),  # 0 where undefined
        ("price", "<i8"),  # 1e-9 units; PRICE_UNDEF where undefined
        ("size", "<u4"),  # contracts
        ("flags", "u1"),  # bit set, see F_*
        ("channel_id", "u1"),
        ("action", "S1"),  # A C M R T F N
        ("side", "S1"),  # A ask, B bid, N none
        ("ts_recv", "<u8"),  # ns since the epoch: the capture server's time
        ("ts_in_delta", "<i4"),  # ns between the exchange's sending and ts_recv
        ("sequence", "<u4"),  # packet number of the whole channel
    ]
)
"""One record of 56 bytes, little-endian, packed."""

MBO_DTYPE_TS_OUT: Final = np.dtype([*MBO_DTYPE.descr, ("ts_out", "<u8")])
"""The same with the gateway's send time: 64 bytes."""

MBO_BYTES: Final = 56
assert MBO_DTYPE.itemsize == MBO_BYTES
assert MBO_DTYPE_TS_OUT.itemsize == MBO_BYTES + 8

MboBatch = NDArray[np.void]
"""Rows of MBO_DTYPE, shape (rows,), read-only: whoever allocates freezes."""

RTYPE_MBO: Final = 160
RTYPE_STATUS: Final = 18
RTYPE_DEFINITION: Final = 19
RTYPE_ERROR: Final = 21
RTYPE_SYMBOL_MAPPING: Final = 22
RTYPE_SYSTEM: Final = 23
RTYPE_STATISTICS: Final = 24

PRICE_SCALE: Final = 1_000_000_000
"""Price units per point: prices are integers in 1e-9."""
PRICE_UNDEF: Final = 2**63 - 1
TS_UNDEF: Final = 2**64 - 1
SIZE_UNDEF: Final = 2**32 - 1

NS_PER_S: Final = 1_000_000_000

F_LAST: Final = 0x80
"""Last record of an event of its instrument: only now may the book be looked at."""
F_TOB: Final = 0x40
F_SNAPSHOT: Final = 0x20
F_MBP: Final = 0x10
F_BAD_TS_RECV: Final = 0x08
F_MAYBE_BAD_BOOK: Final = 0x04
F_PUBLISHER_SPECIFIC: Final = 0x02

ADD: Final = ord("A")
CANCEL: Final = ord("C")
MODIFY: Final = ord("M")
CLEAR: Final = ord("R")
TRADE: Final = ord("T")
FILL: Final = ord("F")
NONE: Final = ord("N")

ASK: Final = ord("A")
BID: Final = ord("B")
NO_SIDE: Final = ord("N")


def event_stops(batch: MboBatch) -> NDArray[np.intp]:
    """One past the last row of each event, shape (events,), intp.

    Asserts that the batch ends where an event ends.
    """
    stops = np.flatnonzero(batch["flags"] & F_LAST) + 1
    assert batch.size == 0 or (stops.size and stops[-1] == batch.size), "batch ends inside an event"
    return stops

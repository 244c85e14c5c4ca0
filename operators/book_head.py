"""The layout of the book's state, as kernels see it: records, and a head that says where they are.

Everything that is touched with every record is a 64-bit integer, so that kernels neither widen nor
narrow.
"""

from typing import Final

import numpy as np

from operators.kernels import records
from operators.model.evaluations import DEPTH_DTYPE, EVAL_DTYPE, FAULTS, FILL_DTYPE, OFI_LEVELS
from operators.model.records import MBO_DTYPE

NO_KEY: Final = -(2**63)
"""Key of a level that is not there: worse than any."""
UNTOUCHED: Final = 2**30
"""First depth touched where none was."""
AGGRESSORS_MAX: Final = 256
"""Aggressors kept of one event; real events have held 8."""
FILLS_MAX: Final = 1024
"""Fills kept of one event; real events have held some 600 records in all."""
CLASSES: Final = 26
"""Size classes of blocks of levels: capacity 4 << class."""
BOOKS_MAX: Final = 1 << 20
"""Book numbers that fit into `owner`."""

ROW_DTYPE: Final = np.dtype(
    [
        ("length", "u1"),
        ("rtype", "u1"),
        ("publisher_id", "u2"),
        ("instrument_id", "u4"),
        ("ts_event", "i8"),
        ("order_id", "u8"),
        ("price", "i8"),
        ("size", "u4"),
        ("flags", "u1"),
        ("channel_id", "u1"),
        ("action", "u1"),
        ("side", "u1"),
        ("ts_recv", "i8"),
        ("ts_in_delta", "i4"),
        ("sequence", "u4"),
    ]
)
"""MBO_DTYPE with action and side as numbers and times signed, as the kernel compares them."""
assert ROW_DTYPE.names == MBO_DTYPE.names
assert ROW_DTYPE.itemsize == MBO_DTYPE.itemsize

ORDER_DTYPE: Final = np.dtype(
    [
        ("order_id", "u8"),  # 0: the entry is free
        ("price", "i8"),  # 1e-9
        ("size", "u4"),  # displayed contracts
        ("owner", "u4"),  # book number << 12 | refills << 1 | side (1 = ask)
        ("filled", "u4"),  # contracts filled since the exchange last stated the order's size
        # Contracts that were shown only by refills so far; before the first refill, those filled up
        # to when the exchange last stated the order's size.
        ("hidden", "u4"),
    ]
)
assert ORDER_DTYPE.itemsize == 32

BOOK_NUMBER_DTYPE: Final = np.dtype([("slot", "i8")])
"""Whose book a number is: −1 for books that were cleared."""

LEVEL_DTYPE: Final = np.dtype([("key", "i8"), ("size", "i8"), ("count", "i8")])
"""One price level: signed key (1e-9), contracts, orders."""

SIDE_DTYPE: Final = np.dtype(
    [
        ("first", "i8"),  # arena index of the side's block
        ("levels", "i8"),  # in use
        ("class_", "i8"),  # size class of the block, −1 none
        ("touched_first", "i8"),  # depths changed in the open event
        ("touched_last", "i8"),
        ("echo_until", "i8"),  # ns: an order that comes later follows none
        ("flash_until", "i8"),  # ns: one that goes later is no flash
        ("large", "i8"),  # 95 % quantile of orders that come near the touch, 1/64 contracts
    ]
)
assert SIDE_DTYPE.itemsize == 64

OUTS: Final = 8
TRANCHES: Final = 8
FLASHES: Final = 8
"""So many of each are remembered per side; see `book_echo`."""

OUT_DTYPE: Final = np.dtype([("size", "i8"), ("ts", "i8"), ("order_id", "u8")])
"""An order that was filled to its last contract, of `size` in all; order id 0 none."""

TRANCHE_DTYPE: Final = np.dtype([("order_id", "u8"), ("follows", "u8"), ("ts", "i8")])
"""A resting order and the filled one that it follows, with its time of arrival; id 0 none."""

FLASH_DTYPE: Final = np.dtype([("order_id", "u8"), ("ts", "i8")])
"""A large order that came near the touch then; order id 0 none."""

TOP_DTYPE: Final = np.dtype([("key", "i8"), ("size", "i8")])
"""One of levels 1–10 at the last event's end; key NO_KEY where there is none."""

INSTRUMENT_DTYPE: Final = np.dtype(
    [
        ("instrument_id", "i8"),
        ("book", "i8"),  # number of its present book
        ("root", "i8"),
        ("event", "i8"),  # open event's buffer, −1 none
        ("event_rows", "i8"),  # records of the open event
        ("event_ts", "i8"),  # ns: of its first record
        ("in_snapshot", "i8"),
        ("active", "i8"),  # has an open pane
        ("next_active", "i8"),  # chain of the root's instruments with an open pane, −1 ends it
        ("dirty", "i8"),  # 0 sound, else 1 + kind of fault
        ("halted", "i8"),  # the exchange says: not in continuous trading
        ("last_trade", "i8"),  # ns: last trade outside an auction, 0 none since the last clear
        ("last_sequence", "i8"),
        ("last_ts_recv", "i8"),
        ("orders", "i8"),
        ("unknown", "i8"),  # C and M of orders never added
    ]
)

FUTURE_DTYPE: Final = np.dtype(
    [
        ("outright", "i8"),  # 1: an outright future, which may become its root's front
        ("traded", "i8"),  # contracts, halved at each midnight UTC
        ("day", "i8"),  # since the epoch: up to where it is halved
    ]
)
"""What the choice of a front future looks at, apart from what every record touches."""

ROOT_DTYPE: Final = np.dtype(
    [
        ("clock", "i8"),  # ns: running maximum of ts_event
        ("pane_end", "i8"),  # ns: end of the open pane, 0 before the first record
        ("first_active", "i8"),  # −1 none
        ("active", "i8"),  # instruments with an open pane
        ("feed", "i8"),
        ("front", "i8"),  # slot of the front future, −1 none
    ]
)

AGGRESSOR_DTYPE: Final = np.dtype(
    [
        ("order_id", "u8"),
        ("kind", "i8"),
        ("side", "i8"),
        ("size", "i8"),
        ("filled", "i8"),
        ("hidden", "i8"),
        ("refills", "i8"),
        ("levels", "i8"),
        ("price_first", "i8"),
        ("price_last", "i8"),
        ("sequence", "i8"),
        ("fill_first", "i8"),
        ("fill_stop", "i8"),
    ]
)

EVENT_DTYPE: Final = np.dtype(
    [
        ("aggressors", "i8"),
        ("fills", "i8"),
        ("stray", "i8"),  # contracts filled before any trade
        ("overrun", "i8"),  # trades and fills beyond the bounds
        ("next", "i8"),  # chain of the free buffers
    ]
)
"""Use of one event buffer."""

COUNTERS: Final = (
    "events",
    "trades",
    "aggressors_seen",
    "swept_2",
    "swept_3_or_more",
    "stops",
    "iceberg_refills",
    "iceberg_orders",
    "hidden_size",
    "traded_size",
    "modified_limits",
    "orphan_fills",
    "late_rows",
    "records",
    "not_applied",
)
"""Totals since the book began."""

_ARRAYS = (
    *("orders", "slot_of_book", "arena", "sides", "tops", "instruments", "panes", "roots"),
    *("ids", "event_buffers", "aggressors", "fills", "out", "out_fills", "out_depth", "scratch"),
    *("futures", "outs", "tranches", "flashes"),
)

HEAD_DTYPE: Final = np.dtype(
    [
        *((name, "i8") for name in _ARRAYS),  # addresses
        ("orders_mask", "i8"),  # length of the table less one
        ("entries", "i8"),  # table entries in use, unreachable ones included
        ("books", "i8"),
        ("next_book", "i8"),
        ("slots", "i8"),  # instruments
        ("arena_levels", "i8"),
        ("arena_used", "i8"),  # part of the arena ever handed out
        ("ids_size", "i8"),
        ("free_event", "i8"),  # head of the chain of free event buffers, −1 none
        ("out_rows", "i8"),
        ("out_rows_max", "i8"),  # so many leave room for what one record can put out
        ("out_fills_rows", "i8"),
        ("out_fills_rows_max", "i8"),
        ("out_depth_rows", "i8"),
        ("out_depth_rows_max", "i8"),
        ("depth_levels", "i8"),  # prices of a side that go out with a front future's pane
        ("out_faults", "i8"),  # FAULT rows among out_rows
        ("next_row", "i8"),  # where the kernel stopped
        *((name, "i8") for name in COUNTERS),
        ("free", "i8", (CLASSES,)),  # heads of the chains of freed blocks of levels, −1 none
    ]
)

HEAD = records(HEAD_DTYPE)
ROW = records(ROW_DTYPE)
FAULT_BITS = records(np.dtype([("bits", "u2")]))
ORDER = records(ORDER_DTYPE)
BOOK_NUMBER = records(BOOK_NUMBER_DTYPE)
LEVEL = records(LEVEL_DTYPE)
SIDE = records(SIDE_DTYPE)
TOP = records(TOP_DTYPE)
INSTRUMENT = records(INSTRUMENT_DTYPE)
ROOT = records(ROOT_DTYPE)
AGGRESSOR = records(AGGRESSOR_DTYPE)
EVENT = records(EVENT_DTYPE)
FILL = records(FILL_DTYPE)
DEPTH = records(DEPTH_DTYPE)
FUTURE = records(FUTURE_DTYPE)
OUT = records(OUT_DTYPE)
TRANCHE = records(TRANCHE_DTYPE)
FLASH = records(FLASH_DTYPE)
EVAL = records(EVAL_DTYPE)
NUMBER = records(np.dtype([("value", "i8")]))
SMALL_NUMBER = records(np.dtype([("value", "u4")]))


def _place(name: str) -> int:
    fields = EVAL_DTYPE.fields
    assert fields is not None
    return int(fields[name][1])


SUMS_AT: Final = _place("buy")
SUMS_BYTES: Final = _place("faults") - SUMS_AT
"""The sums of a pane lie side by side, `ofi` and `records` included."""
OFI_AT: Final = _place("ofi")
FAULTS_AT: Final = _place("faults")
FAULTS_BYTES: Final = 4 * FAULTS
FREE_AT: Final = HEAD_DTYPE.fields["free"][1] if HEAD_DTYPE.fields else 0
EVAL_BYTES: Final = EVAL_DTYPE.itemsize
assert OFI_AT + 8 * OFI_LEVELS + 8 == FAULTS_AT, "records follows ofi, then faults"

"""Evaluation rows: the points, defined by the data alone, at which the market is judged.

There are two: the end of an execution event (one row per aggressor order) and the close of a
one-second pane (one row per instrument in which something happened). A third kind of row carries
a change of a book's integrity at its place.
"""

from typing import Final

import numpy as np

from operators.model import controls

EXECUTION: Final = 1
PANE: Final = 2
FAULT: Final = 3

# Kinds of aggressor.
NEW: Final = 1
MODIFIED_LIMIT: Final = 2
STOP: Final = 3
IMPLIED: Final = 4
AUCTION: Final = 5
AGGRESSOR_NAMES: Final = ("", "new", "modified_limit", "stop", "implied", "auction")

OFI_LEVELS: Final = 10
"""Book levels whose order-flow imbalance is kept, from the touch outwards."""
NEAR_LEVELS: Final = 3
"""Adds and cancels on the first so many levels of a side count as near the touch."""

# Bits of row.state.
DIRTY: Final = 1
"""The book is known or suspected to be wrong, until a clear or snapshot."""
CROSSED: Final = 2
"""Bid at or above ask at the end of the event."""
LATE: Final = 4
"""The row joined a pane later than its own time."""
OPENED: Final = 8
"""In continuous trading, as far as the stream shows: before this event, an execution outside an
auction is at most ten minutes old, and neither a clear nor a halt has followed it."""
FRONT: Final = 16
"""On a pane row: the instrument is its root's front future. That is the outright future with the
most contracts bought and sold by aggressors so far, halved at each midnight UTC, so that a roll
shows within a day or two; of equals the one with the lower id; none before a future has traded.
What is an outright future its definition says, else its symbol, such as ESH4."""
OUTRIGHT: Final = 32
"""On a pane row: the instrument is an outright future, as above."""

# Bits noted per record by `validate`.
WIRE_SEQUENCE: Final = 1
"""Sequence went down for this instrument."""
WIRE_TIME: Final = 2
"""ts_recv went down, or ts_event fell behind a closed event, for this instrument."""
WIRE_RECV: Final = 4
"""ts_recv before ts_event by more than the tolerance."""
WIRE_FIELD: Final = 8
"""An impossible field: the record is not applied."""
WIRE_LATENCY: Final = 16
"""ts_recv after ts_event by more than the limit."""
WIRE_BAD_BOOK: Final = 32
"""The feed says the channel had an unrecoverable gap (F_MAYBE_BAD_BOOK)."""
WIRE_NAMES: Final = ("sequence", "time", "recv_before_event", "field", "latency", "maybe_bad_book")

FAULT_NAMES: Final = (
    *WIRE_NAMES,
    "unknown_order",
    "known_order_added",
    "cancel_too_large",
    "crossed",
    "trade_fill_mismatch",
    "event_overrun",
)
"""Kinds of fault, in the order of row.faults: wire faults first, then the book's own."""
FAULTS: Final = len(FAULT_NAMES)

DIRTY_NAMES: Final = (*FAULT_NAMES, *controls.REASONS, controls.UNKNOWN_REASON)
"""Why a book is not to be trusted: a fault of its own, or the source has said that data is missing.
The latter are not counted in row.faults."""

EVAL_DTYPE: Final = np.dtype(
    [
        ("kind", "u1"),
        ("side", "i1"),  # aggressor: +1 bought, −1 sold, 0 unknown
        ("aggressor", "u1"),  # kind of aggressor; on FAULT rows 1 + DIRTY_NAMES, 0 sound again
        ("state", "u1"),  # bits of DIRTY, CROSSED, LATE, OPENED, FRONT
        ("root", "u4"),  # index into Evaluations.roots
        ("slot", "u4"),  # the instrument's place in columnar state of the shard
        ("instrument_id", "u4"),
        ("sequence_first", "u4"),
        ("sequence_last", "u4"),
        ("ts_event", "i8"),  # ns: of the event; for a pane, its end
        ("ts_recv", "i8"),  # ns: latest of the rows behind this one
        # Execution: one aggressor order.
        ("order_id", "u8"),
        ("size", "i8"),  # contracts it took
        ("hidden", "i8"),  # of these, contracts that were not displayed before
        ("resting", "i8"),  # contracts of it that rest after the event
        ("levels", "i4"),  # prices traded, one after another
        ("refills", "i4"),  # native iceberg refills in its fills
        ("fill_first", "i4"),
        ("fill_stop", "i4"),  # exclusive
        ("price_first", "i8"),  # 1e-9
        ("price_last", "i8"),
        # Book before the event (or at the pane's start), then at this point; 1e-9, 0 none.
        ("bid_before", "i8"),
        ("ask_before", "i8"),
        ("bid_size_before", "i8"),
        ("ask_size_before", "i8"),
        ("bid", "i8"),
        ("ask", "i8"),
        ("bid_size", "i8"),
        ("ask_size", "i8"),
        # Sums over the open pane up to and including this row, contracts unless said otherwise.
        ("buy", "i8"),
        ("sell", "i8"),
        ("buy_count", "i8"),  # aggressor orders
        ("sell_count", "i8"),
        ("stop_buy", "i8"),
        ("stop_sell", "i8"),
        ("sweep_buy", "i8"),  # of aggressors over ≥ 2 levels
        ("sweep_sell", "i8"),
        ("hidden_bid", "i8"),  # hidden contracts executed of resting bids
        ("hidden_ask", "i8"),
        ("add_bid", "i8"),  # near the touch
        ("add_ask", "i8"),
        ("cancel_bid", "i8"),
        ("cancel_ask", "i8"),
        ("flash_bid", "i8"),  # of large orders near the touch, withdrawn unfilled within 2 s
        ("flash_ask", "i8"),
        ("ofi", "i8", (OFI_LEVELS,)),  # Cont, Kukanov, Stoikov's e_n per level
        ("records", "i8"),  # records
        ("faults", "u4", (FAULTS,)),  # since the instrument's previous row
    ]
)
"""One evaluation row. Prices are 1e-9 integers, sizes contracts."""

FILL_DTYPE: Final = np.dtype(
    [
        ("order_id", "u8"),  # of the resting order
        ("price", "i8"),
        ("size", "i8"),
        ("hidden", "i8"),  # contracts shown anew after this fill (refill), or filled beyond shown
        ("hidden_total", "i8"),  # of the order so far
        ("refills", "i4"),  # of the order so far
        ("whole", "i8"),  # all it had shown, on the fill that took its last; 0 else and of icebergs
        ("follows", "u8"),  # on that fill: the order it had followed, see `book_echo`; 0 none
        ("side", "i1"),  # of the resting order: +1 bid, −1 ask
    ]
)
"""One passive fill of an execution."""

DEPTH_DTYPE: Final = np.dtype(
    [
        ("row", "i8"),  # index of the pane row it belongs to
        ("price", "i8"),  # 1e-9
        ("bid_size", "i8"),  # contracts that rest there, 0 none
        ("ask_size", "i8"),
    ]
)
"""One price of a front future's book at the close of a pane, as the last record left it: of an
event under way what has come so far, unlike bid and ask of the row."""

WINDOWS_S: Final = (5, 30, 60, 300, 900)
"""Rolling windows in seconds of event time, each ending with the open pane."""

WINDOW_SUMS: Final = (
    "buy",
    "sell",
    "buy_count",
    "sell_count",
    "stop_buy",
    "stop_sell",
    "sweep_buy",
    "sweep_sell",
    "hidden_bid",
    "hidden_ask",
    "add_bid",
    "add_ask",
    "cancel_bid",
    "cancel_ask",
    "flash_bid",
    "flash_ask",
    "ofi_1",
    "ofi_10",
)
"""Sums kept over each window; ofi_1 is level 1, ofi_10 the sum of levels 1–10."""

JUDGED: Final = (
    "pressure_5",
    "pressure_30",
    "pressure_60",
    "pressure_300",
    "ofi_30",
    "ofi_300",
    "absorption_60",
    "volume_60",
    "stops_5",
    "cancel_60",
    "flash_5",
    "size",
    "hidden",
)
"""Metrics compared with what is normal at this time of day, in the order of z and tail_p.

pressure_W: ln((buy + a)/(sell + a)) over W seconds; ofi_W: order-flow imbalance of levels 1–10;
absorption_60: net aggressor contracts per tick they moved the mid, positive where bids held;
volume_60, stops_5, cancel_60: contracts traded, traded by elected stops, cancelled near the touch;
flash_5: contracts of large orders withdrawn unfilled within 2 s, of the side with more of them.
These stand on pane rows; `size` and `hidden` of the aggressor order stand on execution rows.
"""

JUDGED_SIGNED: Final = 7
"""The first so many of JUDGED have a sign: + where flow pushes up. The others are at least 0."""

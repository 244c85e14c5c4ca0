"""The simulated exchange's memory: structured arrays that the kernels work on.

Prices inside the exchange are indices into an instrument's window of ticks; the window's first
index stands for `price_first_e9`. Sides are 0 (bid, buy) and 1 (ask, sell). Slots are indices into
`orders`; −1 is none.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators.model.records import MBO_DTYPE, RTYPE_MBO

Kernel = Callable[..., Any]


def kernel(function: Kernel) -> Kernel:
    """Compile a function that Python calls. No kernel allocates: none counts references."""
    compiled: Kernel = njit(cache=True, _nrt=False, error_model="numpy")(function)
    return compiled


def part(function: Kernel) -> Kernel:
    """Compile a part of kernels, for them alone: without a Python entry it compiles far faster."""
    compiled: Kernel = njit(
        cache=True,
        _nrt=False,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(function)
    return compiled


BID: Final = 0
ASK: Final = 1
NOBODY: Final = 2

OPEN: Final = 0
FILLED: Final = 1
FRESH: Final = 2

BACKGROUND: Final = 0
MAKERS: Final = 2
"""Market makers of an instrument; their orders have owners −1, −2."""

FRONT: Final = 0
BACK: Final = 1
SPREAD: Final = 2
OPTION: Final = 3
"""What an instrument is to the crowd: its root's front month, a later one, a calendar spread."""

STOPS_MAX: Final = 32
"""Stop orders that wait per instrument and side; the furthest makes room."""
EVENT_ROWS_MAX: Final = 8192
"""Records one event may have, with room to spare."""
BATCH_ROWS: Final = 65_536
"""Records after which a kernel call hands over."""
TRADES_MAX: Final = 64
"""Elected stops in one event, at most."""

ROW_DTYPE: Final = np.dtype(
    [
        (name, "u1" if name in ("action", "side") else MBO_DTYPE[name].str)
        for name in MBO_DTYPE.names or ()
    ]
)
"""MBO_DTYPE with action and side as numbers: the form a kernel can write."""
assert ROW_DTYPE.itemsize == MBO_DTYPE.itemsize

ORDER_DTYPE: Final = np.dtype(
    [
        ("order_id", "u8"),
        ("event", "i8"),  # the event that touched it last
        ("round", "i8"),  # the trade whose fill row is `fill_row`
        ("instrument", "i4"),
        ("price", "i4"),  # index
        ("size", "i4"),  # displayed now
        ("shown", "i4"),  # displayed by the records written so far
        ("shown_price", "i4"),
        ("hidden", "i4"),
        ("peak", "i4"),  # displayed at most; 0: all of it
        ("previous", "i4"),
        ("next", "i4"),
        ("owner", "i4"),  # BACKGROUND, −1 − number of a maker, or 1 + index of a metaorder
        ("fill_row", "i4"),
        ("side", "i1"),
        ("state", "i1"),
    ],
    align=True,
)

LEVEL_DTYPE: Final = np.dtype([("head", "i4"), ("tail", "i4"), ("size", "i4"), ("count", "i4")])

INSTRUMENT_DTYPE: Final = np.dtype(
    [
        ("price_first_e9", "i8"),
        ("tick_e9", "i8"),
        ("level_first", "i8"),
        ("ts_event", "i8"),
        ("second", "i8"),  # the latest in which it was active
        ("active_seconds", "i8"),
        ("instrument_id", "u4"),
        ("channel", "i4"),
        ("width", "i4"),
        ("low", "i4"),  # lowest index at which orders are accepted
        ("high", "i4"),
        ("bid", "i4"),  # best index; −1 is none
        ("ask", "i4"),  # best index; `width` is none
        ("last", "i4"),  # last traded index
        ("anchor", "i4"),  # index at which it started
        ("bids", "i4"),  # resting orders
        ("asks", "i4"),
        ("reach", "i4"),  # ticks from the touch within which the crowd rests its orders
        ("target", "i4"),  # resting orders the flow keeps
        ("stops", "i4", (2,)),
        ("stop_nearest", "i4", (2,)),
        ("maker", "i4", (MAKERS, 2)),  # the market makers' quotes
        ("inventory", "i8"),  # contracts the makers have bought, net
        ("volume", "i8"),  # contracts traded
        ("fair", "f8"),  # index at which the crowd sees its value, impact apart
        ("flow", "f8"),  # contracts institutions bought, net, fading
        ("flow_ts", "i8"),  # moment `flow` was faded to
        ("signs", "u8"),  # sides of the crowd's aggressors, the last one lowest; 1: buy
        ("bias", "f8"),  # −1…1: extra tendency of aggressors to buy
        ("kind", "i4"),  # FRONT, BACK, SPREAD or OPTION
        ("front", "i4"),  # the instrument whose price moves this one: underlying, or front month
        ("knee", "i4"),  # index above which a step is larger
        ("knee_e9", "i8"),  # by so much
        ("call", "i4"),  # of an option: 1 call, 0 put
        ("strike", "f8"),  # points
        ("expiry_ns", "i8"),
        ("small_e9", "i8"),  # the small step of its tick table
        ("index_first", "i8"),  # steps of that table below its price window
        (
            "vol",
            "f8",
        ),  # a year's, of an option; of a future: its options' factor, 1 at first
        ("hedge", "f8"),  # of a front month: contracts the options' makers have to buy
        ("hedged", "i8"),  # of an option: the makers' inventory that `hedge` knows of
        ("latest", "i4"),  # slot of the crowd's newest order, −1 is none
        ("gone_price", "i4"),  # of the crowd's order that was filled out last
        ("gone_size", "i4"),
        ("gone_side", "i4"),
        ("gone_ts", "i8"),
    ],
    align=True,
)

CHANNEL_DTYPE: Final = np.dtype(
    [
        ("order_id", "u8"),
        ("recv", "i8"),
        ("sequence", "i8"),
        ("delta", "i4"),
        ("events", "i4"),  # in the packet so far
        ("channel_id", "u1"),
    ],
    align=True,
)

STOP_DTYPE: Final = np.dtype(
    [("order_id", "u8"), ("trigger", "i4"), ("size", "i4"), ("owner", "i4")], align=True
)

CLOCK_DTYPE: Final = np.dtype(
    [
        ("random", "u8"),
        ("ts", "i8"),  # of the open event
        ("ts_next", "i8"),  # of the next event of the flow
        ("recv", "i8"),  # of the last packet, any channel
        ("event", "i8"),
        ("event_first", "i8"),  # events of the opening
        ("round", "i8"),
        ("rows", "i8"),  # in the buffer
        ("row_first", "i8"),  # of the open event
        ("records", "i8"),  # handed over before the buffer
        ("second", "i8"),
        ("free", "i8"),  # free slots
        ("touched", "i8"),
        ("elected", "i8"),
        ("instrument", "i8"),  # of the last event
        ("rows_target", "i8"),  # records after which the flow ends
        ("due", "i8"),  # when the next metaorder acts
        ("metas_first", "i8"),  # those before are done
        ("metas_stop", "i8"),  # those from here on have not begun
        ("hedge_ts", "i8"),  # when options' makers trade their future next; FOREVER: they need not
        ("hedger", "i8"),  # that future
        ("gap_ns", "f8"),  # mean time between events now
        ("regime", "f8"),  # activity now, 1 is usual
        ("wave", "f8"),  # its slow wave, standard normal
        ("ripple", "f8"),  # its fast wave
        ("news", "f8"),  # how fresh the last news is, 1…0
        ("news_second", "i8"),  # of the next news
        ("child", "i8"),  # whether the event follows at once upon another
        ("packet_sequence", "u4"),
        ("packet_delta", "i4"),
        ("packet_recv", "i8"),
    ],
    align=True,
)


LIMIT: Final = 1
CANCELLATION: Final = 2
MODIFICATION: Final = 3
NOTHING: Final = 0

ENTRY_DTYPE: Final = np.dtype(
    [
        ("ts", "i8"),
        ("order_id", "u8"),  # told by the exchange: of the order entered
        ("kind", "i4"),  # LIMIT, CANCELLATION, MODIFICATION or NOTHING
        ("instrument", "i4"),
        ("side", "i4"),
        ("price", "i4"),  # limit, index
        ("size", "i4"),  # displayed
        ("hidden", "i4"),
        ("slot", "i4"),  # the order cancelled or modified; told by the exchange for LIMIT
        ("owner", "i4"),
        ("rests", "i4"),  # 0: what is not taken at once is dropped
        ("taken", "i4"),  # told by the exchange: size executed at once
    ],
    align=True,
)
"""One message to the exchange."""

METAORDER_DTYPE: Final = np.dtype(
    [
        ("ts_begin", "i8"),  # when it first acts; the rows of a table are in this order
        ("ts_first", "i8"),  # of its first order or election
        ("ts_last", "i8"),
        ("ts_next", "i8"),  # when it acts next; FOREVER once it is done
        ("ts_end", "i8"),  # when it gives up at the latest
        ("period_ns", "i8"),
        ("delay_ns", "i8"),  # until it reloads, or how long a flash stands
        ("kind", "i4"),
        ("group", "i4"),  # the legs of one behaviour share it
        ("instrument", "i4"),
        ("side", "i4"),
        ("direction", "i4"),  # of the whole behaviour: 1 up, −1 down, 0 neither
        ("difficulty", "i4"),
        ("size", "i4"),  # wanted
        ("done", "i4"),  # executed in earlier orders
        ("booked", "i4"),  # executed and counted in the instrument's `flow`
        ("slice", "i4"),  # size of one order, or displayed size
        ("levels", "i4"),
        ("acts", "i4"),
        ("slot", "i4"),  # its resting order, −1 is none
        ("placed", "i4"),  # size of that order when placed
        ("position", "i4"),  # of a hedger: bought less sold
        ("volume", "i8"),  # of the instrument when it acted last
        ("carry", "f8"),  # contracts it is behind by less than one
        ("informed", "f8"),  # 0…1: how far its executions move the value
        ("share", "f8"),  # of the volume; of a hedger: contracts per tick
        ("jitter", "f8"),  # 0: like a clock; 1: at random moments
        ("vary", "f8"),  # 0: all sizes alike
        ("passive", "f8"),  # share of its orders that rest first
        ("curve", "f8"),  # −1…1: early more than late
        ("start", "f8"),  # mid when it began, index
        ("ids", "i4"),  # used of `order_ids`
        ("order_ids", "u8", (256,)),
    ],
    align=True,
)
FOREVER: Final = 2**62


class Market(NamedTuple):
    """The whole exchange. Every array is written by the kernels."""

    clock: NDArray[np.void]
    channels: NDArray[np.void]
    instruments: NDArray[np.void]
    levels: NDArray[np.void]
    orders: NDArray[np.void]
    free: NDArray[np.int32]
    stops: NDArray[np.void]
    touched: NDArray[np.int32]
    entry: NDArray[np.void]
    rows: NDArray[np.void]


def new_market(
    instruments: NDArray[np.void], channels: NDArray[np.void], orders_max: int, seed: int
) -> Market:
    """An empty exchange for `instruments` (INSTRUMENT_DTYPE), with room for `orders_max` orders.

    `level_first`, best prices and market-maker slots are filled in.
    """
    widths = instruments["width"].astype(np.int64)
    instruments["level_first"] = 2 * (np.cumsum(widths) - widths)
    instruments["bid"] = -1
    instruments["ask"] = instruments["width"]
    instruments["maker"] = instruments["latest"] = -1
    instruments["knee"][instruments["knee_e9"] == 0] = np.iinfo(np.int32).max
    instruments["vol"][instruments["vol"] == 0.0] = 1.0
    instruments["fair"] = instruments["anchor"] + 0.5
    instruments["stop_nearest"][:, BID] = np.iinfo(np.int32).max
    instruments["stop_nearest"][:, ASK] = -1
    instruments["second"] = -1
    levels = np.zeros(2 * int(widths.sum()), LEVEL_DTYPE)
    levels["head"] = levels["tail"] = -1
    rows = np.zeros(BATCH_ROWS + 2 * EVENT_ROWS_MAX, ROW_DTYPE)
    rows["length"], rows["rtype"], rows["publisher_id"] = MBO_DTYPE.itemsize // 4, RTYPE_MBO, 1
    clock = np.zeros(1, CLOCK_DTYPE)
    clock["random"] = (seed * 0x9E3779B97F4A7C15 + 0x1D872B41) % 2**64
    clock["free"] = orders_max
    clock["hedge_ts"] = FOREVER
    return Market(
        clock=clock,
        channels=channels,
        instruments=instruments,
        levels=levels,
        orders=np.zeros(orders_max, ORDER_DTYPE),
        free=np.arange(orders_max - 1, -1, -1, dtype=np.int32),
        stops=np.zeros((len(instruments), 2, STOPS_MAX), STOP_DTYPE),
        touched=np.zeros(EVENT_ROWS_MAX, np.int32),
        entry=np.zeros(1, ENTRY_DTYPE),
        rows=rows,
    )

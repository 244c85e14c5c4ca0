"""Columns of the option flow: what is kept of each instrument, expiry, root and trade.

Links are places + 1, 0 none, so that a new entry is all zeros.
"""

from typing import Final

import numpy as np

# Kinds of instrument.
UNKNOWN: Final = 0
"""Not looked up yet."""
PLAIN: Final = 1
"""No option: a future or a calendar spread."""
OPTION: Final = 2
"""A call or put whose strike and expiry are known."""
BARE: Final = 3
"""A call or put, but no definition says which."""
COMBINED: Final = 4
"""A spread of options, listed as one."""
FUTURE: Final = 5
"""A plain one that options of the shard are written on."""

OPTION_DTYPE: Final = np.dtype(
    [
        ("instrument_id", "i8"),
        ("call", "i8"),  # +1 call, −1 put
        ("strike_e9", "i8"),
        ("tenor", "i8"),  # place + 1
        ("other", "i8"),  # slot + 1 of the put (call) of the same strike
        ("next_option", "i8"),  # slot + 1 of the next option of the tenor
        ("next_live", "i8"),  # slot + 1 of the next one with trades in the window
        ("live", "i8"),
        # Quote at its newest row, 1e-9.
        ("mid2", "i8"),  # bid + ask
        ("ts_quote", "i8"),
        ("quoted", "i8"),  # 1: both sides, not crossed or locked, on a sound book
        # Greeks of one contract at the second in which they were last needed.
        ("second", "i8"),
        ("volatility", "f8"),
        ("gamma", "f8"),  # per point
        ("delta_e6", "i8"),
        ("vega_e6", "i8"),  # points per percentage point
        # Sums over the window.
        ("orders_bought", "i8"),
        ("orders_sold", "i8"),
        ("bought", "i8"),  # contracts
        ("sold", "i8"),
        ("flow_e6", "i8"),  # delta, signed by the aggressor
        ("premium_e9", "i8"),  # points · contracts, signed by the aggressor
        # What is usual: as in a tenor, of net contracts, over the time its tenor was watched.
        ("mark_ns", "i8"),  # `watched_ns` up to which it is kept
        ("held", "f8"),
        ("mean", "f8"),
        ("square", "f8"),
        ("weight", "f8"),
    ]
)
"""One instrument, by slot. Of futures only the quote is used, of other plain ones nothing."""

TENOR_DTYPE: Final = np.dtype(
    [
        ("expiry_ns", "i8"),
        ("root", "i8"),
        ("underlying_id", "i8"),  # 0 unknown
        ("future", "i8"),  # slot + 1
        ("first_option", "i8"),  # slot + 1
        ("options", "i8"),
        ("first_live", "i8"),
        ("next_touched", "i8"),  # place + 1 of the next tenor that traded in the open second
        ("touched", "i8"),
        ("clock", "i8"),  # ns: running maximum over its trades
        ("head", "i8"),  # trade + 1: the oldest in the window
        ("tail", "i8"),
        # Forward by parity, at the second in which it was last needed.
        ("parity_second", "i8"),
        ("parity2_e9", "i8"),  # twice, 0 none
        # Sums over the window.
        ("orders", "i8"),
        ("lots", "i8"),
        ("unjudged", "i8"),  # of these, contracts without Greeks
        ("quality_e6", "i8"),  # quality · contracts
        ("flow_e6", "i8"),  # delta
        ("gross_e6", "i8"),  # without signs
        ("vega_e6", "i8"),
        ("vega_gross_e6", "i8"),
        # What is usual: time means of the sums and their squares, while the window had trades.
        ("ts_mark", "i8"),
        ("watched_ns", "i8"),
        ("held_flow", "f8"),
        ("held_vega", "f8"),
        ("mean_flow", "f8"),
        ("mean_vega", "f8"),
        ("square_flow", "f8"),
        ("square_vega", "f8"),
        ("weight", "f8"),
        # Mean squares of one order.
        ("orders_seen", "i8"),
        ("order_size", "f8"),
        ("order_flow", "f8"),
        ("order_vega", "f8"),
    ]
)
"""One tenor: the options of a root, feed and future that expire together."""

ROOT_DTYPE: Final = np.dtype([("touched", "i8"), ("ts_judged", "i8")])

TRADE_DTYPE: Final = np.dtype(
    [
        ("next", "i8"),
        ("previous", "i8"),
        ("slot", "i8"),
        ("ts", "i8"),
        ("side", "i8"),
        ("size", "i8"),
        ("judged", "i8"),
        ("flow_e6", "i8"),
        ("vega_e6", "i8"),
        ("premium_e9", "i8"),
        ("quality_e6", "i8"),
        ("order_id", "u8"),
        ("sequence_first", "i8"),
        ("sequence_last", "i8"),
    ]
)

COUNTS: Final = (
    "trades",
    "judged",
    "unsound",
    "no_side",
    "no_definition",
    "combined",
    "expired",
    "one_sided",
    "crossed",
    "wide",
    "no_forward",
    "stale_forward",
    "intrinsic",
    "forgotten",
    "by_parity",
    "solved",
    "seconds",
)
"""Trades of options, and why one had no Greeks: reasons are disjoint. `by_parity` judged by a
forward from put–call parity, `solved` volatilities found, `seconds` of a tenor that were judged."""

(
    TRADES, JUDGED, UNSOUND, NO_SIDE, NO_DEFINITION, IN_COMBINED, EXPIRED, ONE_SIDED, CROSSED, WIDE,
    NO_FORWARD, STALE_FORWARD, INTRINSIC, FORGOTTEN, BY_PARITY, SOLVED, SECONDS,
) = range(len(COUNTS))  # fmt: skip

FREE: Final = len(COUNTS)
"""First trade + 1 of the free list."""
USED: Final = FREE + 1
"""Trades ever taken from the pool."""
NUMBERS: Final = USED + 1

ORDERS_TOLD: Final = 20

SECOND_DTYPE: Final = np.dtype(
    [
        ("row", "i8"),  # pane row at which the second of the tenor is judged
        ("tenor", "i8"),
        ("ts", "i8"),
        ("ts_first", "i8"),  # oldest trade in the window
        ("sequence_first", "i8"),  # of the orders told
        ("sequence_last", "i8"),
        ("forward2_e9", "i8"),  # twice; 0 none
        ("by_parity", "i8"),
        ("orders", "i8"),
        ("lots", "i8"),
        ("quality", "f8"),  # of the data, times the share of contracts that have Greeks
        ("flow", "f8"),  # delta, contracts of the future
        ("gross", "f8"),
        ("vega", "f8"),  # points per percentage point
        ("vega_gross", "f8"),
        ("flow_z", "f8"),  # beyond the mean, in standard deviations; 0 while there are none
        ("vega_z", "f8"),
        ("watched_s", "f8"),
        ("strike_first", "i8"),
        ("strike_stop", "i8"),
        ("told", "i8"),  # orders told, the latest first
        ("order_ids", "u8", (ORDERS_TOLD,)),
        ("order_slots", "i8", (ORDERS_TOLD,)),
        ("order_views", "i8", (ORDERS_TOLD,)),  # +1 for a rise of the future, −1 for a fall
    ]
)
"""A second in which a tenor traded, with the window that ends with it."""

STRIKE_DTYPE: Final = np.dtype(
    [
        ("slot", "i8"),
        ("instrument_id", "i8"),
        ("call", "i8"),
        ("strike_e9", "i8"),
        ("orders_bought", "i8"),
        ("orders_sold", "i8"),
        ("bought", "i8"),
        ("sold", "i8"),
        ("flow", "f8"),  # delta, contracts of the future
        ("premium", "f8"),  # points · contracts
        ("z", "f8"),  # of net contracts, as those of the second
        ("volatility", "f8"),  # 0 none
    ]
)
"""An option with trades in the window of a second's tenor."""

"""Outcome kernel: the newest quote of each instrument, and the rows at which something is due."""

from typing import Any, Final

import numpy as np

from operators.kernels import entry, inlined
from operators.model.evaluations import CROSSED, DIRTY, FAULT

NEVER: Final = 2**63 - 1

# Why a quote is no mid.
USABLE: Final = 0
NONE: Final = 1
"""There has been no row, or a side of the book is empty."""
CROSSED_BOOK: Final = 2
DIRTY_BOOK: Final = 3
"""Data is missing or wrong, or was and no row of the sound book has come yet."""
REASONS: Final = ("", "no_quote", "crossed", "gap")
"""By these."""

QUOTE_DTYPE: Final = np.dtype(
    [
        ("ts_event", "i8"),  # ns, of the row
        ("bid", "i8"),  # 1e-9
        ("ask", "i8"),
        ("due", "i8"),  # ns: first instant at which a mid of the instrument is wanted
        ("root", "u4"),
        ("instrument_id", "u4"),
        ("why", "u1"),
        ("known", "u1"),  # there has been a row
    ]
)
"""The newest quote of an instrument, by its slot."""


@entry
def scan(rows, start, quotes, due_root):  # type: ignore[no-untyped-def]
    """First row from `start` on at which something is due, the quotes of all before it taken.

    At that row, which is not taken yet, the clock of its root has reached `due_root`, or a mid of
    its instrument is wanted. `rows.size` if there is none.
    """
    for i in range(start, rows.shape[0]):
        row = rows[i]
        if row.ts_event >= due_root[row.root] or row.ts_event >= quotes[row.slot].due:
            return i
        _take(row, quotes)
    return rows.shape[0]


@entry
def take(rows, index, quotes):  # type: ignore[no-untyped-def]
    """Take the quote of one row."""
    _take(rows[index], quotes)


@inlined
def _take(row: Any, quotes: Any) -> None:
    quote = quotes[row.slot]
    quote.ts_event = row.ts_event
    quote.bid = row.bid
    quote.ask = row.ask
    quote.root = row.root
    quote.instrument_id = row.instrument_id
    quote.known = 1
    if row.kind == FAULT or (row.state & DIRTY) != 0:
        quote.why = DIRTY_BOOK
    elif row.bid_size <= 0 or row.ask_size <= 0:
        quote.why = NONE
    elif (row.state & CROSSED) != 0:
        quote.why = CROSSED_BOOK
    else:
        quote.why = USABLE

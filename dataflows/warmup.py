"""What a process does before its first record, so that the first is as fast as the others."""

import gc
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from config.calendar import load_calendar
from config.settings import Settings
from connectors.roots import RootTable
from dataflows.edges import roots_of
from operators.analyze import Analyze
from operators.baseline import Baseline
from operators.book import Book
from operators.detect import Detect
from operators.model.records import F_LAST, MBO_BYTES, MBO_DTYPE, NS_PER_S, RTYPE_MBO, MboBatch
from operators.model.streams import Flowing
from operators.outcome import Outcome
from operators.pressure import Pressure
from operators.validate import Validate

_START_NS: Final = 1_775_484_000_000_000_000
"""Monday 2026-04-06, 09:00 in Chicago: the exchange is open."""
_LEVELS: Final = 3
_SIZE: Final = 100
_TICK_E9: Final = 250_000_000
_SECONDS: Final = 3

_Line = tuple[int, bytes, bytes, int, int]
"""Second, action, side, price in ticks, order id."""


def warm_up(settings: Settings) -> None:
    """Send a made-up market through the steps, then keep the collector off all that is loaded.

    Kernels are loaded, or compiled, at their first call: otherwise with the first trades of the
    day. What is loaded by then never becomes garbage, and a collector that looks through it again
    and again makes signals wait. A second call in a process does nothing.
    """
    if gc.get_freeze_count() == 0:
        through(settings)
        gc.collect()
        gc.freeze()


def through(settings: Settings) -> list[Flowing]:
    """What comes out of the steps for the made-up market."""
    table = RootTable(settings.source.feed, roots_of(settings))
    items: list[Flowing] = [item for _, item in table.on_rows(market())]
    for operator in _operators(settings):
        items = operator.on_items(items)
    return items


def market() -> MboBatch:
    """An opening, some seconds of changes, and an aggressor over several levels in each."""
    lines = list(_lines())
    rows = np.zeros(len(lines), MBO_DTYPE)
    rows["length"], rows["rtype"] = MBO_BYTES // 4, RTYPE_MBO
    rows["publisher_id"], rows["instrument_id"] = 1, 1
    for index, (second, action, side, price, order_id) in enumerate(lines):
        row = rows[index]
        row["ts_event"] = _START_NS + second * NS_PER_S + index
        row["ts_recv"] = row["ts_event"] + 1_000
        row["sequence"] = index + 1
        row["action"], row["side"], row["order_id"] = action, side, order_id
        row["price"], row["size"] = price * _TICK_E9, _SIZE
    trades = np.isin(rows["action"], (b"T", b"F"))
    rows["flags"] = np.where(trades, 0, F_LAST)
    rows.flags.writeable = False
    return rows


def _lines() -> Iterable[_Line]:
    yield 0, b"R", b"N", 0, 0
    for second in range(_SECONDS):
        first = 100 * second + 1
        for level in range(_LEVELS):
            yield second, b"A", b"A", 101 + level, first + level
            yield second, b"A", b"B", 100 - level, first + 10 + level
        yield second, b"M", b"B", 99, first + 10
        for level in range(_LEVELS):
            yield second, b"T", b"B", 101 + level, first + 50
            yield second, b"F", b"A", 101 + level, first + level
        for level in range(_LEVELS):
            yield second, b"C", b"A", 101 + level, first + level


def _operators(settings: Settings) -> Iterable[Any]:
    yield Validate(settings.validate)
    yield Book(settings.book)
    yield Pressure(settings.pressure)
    yield Baseline(replace(settings.baseline, calendar=load_calendar()))
    yield Detect(settings.detect)
    yield Analyze(settings.analyze)
    yield Outcome(settings.outcome)

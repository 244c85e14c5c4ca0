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
from operators.model.items import Definition
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

_FUTURE: Final = 1
_OPTION: Final = 2
_BELOW: Final = 90
"""Ticks by which the option's prices, of a call at the money, are lower than the future's."""

_DAYS_LEFT: Final = 400
_IDS: Final = 1_000
"""Order ids of an instrument."""

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
    items = made_up(settings)
    for operator in operators_of(settings):
        items = operator.on_items(items)
    return items


def made_up(settings: Settings) -> list[Flowing]:
    """The market as the source would hand it on: an option's definition, then all records."""
    table = RootTable(settings.source.feed, roots_of(settings))
    return [_listed(settings.source.feed), *(item for _, item in table.on_rows(market()))]


def market() -> MboBatch:
    """An opening, some seconds of changes, and an aggressor over several levels in each.

    The same happens in a future and, a little later each time, in an option on it.
    """
    lines = [(*line, which) for line in _lines() for which in (_FUTURE, _OPTION)]
    lines.sort(key=lambda line: (line[0], line[-1]))
    rows = np.zeros(len(lines), MBO_DTYPE)
    rows["length"], rows["rtype"] = MBO_BYTES // 4, RTYPE_MBO
    rows["publisher_id"] = 1
    for index, (second, action, side, price, order_id, which) in enumerate(lines):
        row = rows[index]
        row["ts_event"] = _START_NS + second * NS_PER_S + index
        row["ts_recv"] = row["ts_event"] + 1_000
        row["sequence"] = index + 1
        row["instrument_id"], row["order_id"] = which, _IDS * which + order_id
        row["action"], row["side"], row["size"] = action, side, _SIZE
        row["price"] = (price - _BELOW if which == _OPTION else price) * _TICK_E9
    trades = np.isin(rows["action"], (b"T", b"F"))
    rows["flags"] = np.where(trades, 0, F_LAST)
    rows.flags.writeable = False
    return rows


def _listed(feed: str) -> Definition:
    """The option."""
    return Definition(
        feed=feed,
        instrument_id=_OPTION,
        ts_event=_START_NS,
        symbol="WARM C100",
        instrument_class="C",
        asset="WARM",
        tick_e9=_TICK_E9,
        tick_rule=None,
        point_value_e9=NS_PER_S,
        currency="USD",
        expiration_ns=_START_NS + _DAYS_LEFT * 86_400 * NS_PER_S,
        strike_price_e9=100 * _TICK_E9,
        underlying="WARM",
        underlying_id=_FUTURE,
    )


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


def operators_of(settings: Settings) -> Iterable[Any]:
    """New operators, in the order of the steps."""
    yield Validate(settings.validate)
    yield Book(settings.book)
    yield Pressure(settings.pressure)
    yield Baseline(replace(settings.baseline, calendar=load_calendar()))
    yield Detect(settings.detect)
    yield Analyze(settings.analyze)
    yield Outcome(settings.outcome)

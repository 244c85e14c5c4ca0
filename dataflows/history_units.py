"""Units of a baseline build that are days of the vendor's history."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from config.settings import Settings
from connectors.databento.history import HistoryFeed
from connectors.databento.history_plan import HistorySymbols, windows
from connectors.databento.live_config import FeedConfig, subscriptions
from connectors.dbn_file import Hooks
from dataflows.baseline_build import Source, Unit
from dataflows.edges import roots_of
from dataflows.history_source import HistorySource
from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S

SCHEMAS: Final = ("definition", "status", "mbo")
"""What a baseline depends on: statistics change nothing in it, and cost."""


def symbols_of(
    settings: Settings, feed: str | None = None, symbols: tuple[str, ...] = ()
) -> HistorySymbols:
    """What is asked for: the symbols given, else those of the live feed, the only one or `feed`.

    Raises:
        ConfigError: There is no such feed, or it cannot be told which, or a symbol is none.
    """
    feeds = settings.live.feeds
    name = feed or (next(iter(feeds)) if len(feeds) == 1 else "")
    if name in feeds:
        config = feeds[name]
    elif symbols:
        config, name = FeedConfig(symbols=symbols), name or settings.source.feed
    else:
        known = ", ".join(feeds) or "none"
        raise ConfigError(
            f"--feed: expected a feed of the settings (live.feeds: {known}), found {name or 'none'}"
            "; name one, or give --symbols"
        )
    try:
        asked = replace(config, symbols=symbols or config.symbols, schemas=SCHEMAS)
        found: dict[str, tuple[str, ...]] = {
            each.stype_in: each.symbols
            for each in subscriptions(asked, start_ns=None, snapshot=False, now_ns=0)
        }
        return HistorySymbols(name, asked.dataset, found, SCHEMAS)
    except ValueError as error:
        raise ConfigError(f"--symbols: {error}") from error


def history_units(
    settings: Settings,
    symbols: HistorySymbols,
    days: list[tuple[int, int]],
    *,
    clock_ns: Callable[[], int] = time.time_ns,
) -> list[Unit]:
    """A unit for each UTC day, [start, stop) ns; the first one fills the books."""
    return [
        _unit(settings, symbols, span, is_first=number == 0, clock_ns=clock_ns)
        for number, span in enumerate(days)
    ]


def _unit(
    settings: Settings,
    symbols: HistorySymbols,
    span: tuple[int, int],
    *,
    is_first: bool,
    clock_ns: Callable[[], int],
) -> Unit:
    start_ns, stop_ns = span
    day = datetime.fromtimestamp(start_ns // NS_PER_S, UTC).date().isoformat()
    config = settings.history
    total = len(list(windows(symbols, *span, round(config.window_s * NS_PER_S))))

    def opened(hooks: Hooks) -> Source:
        def feed() -> HistoryFeed:
            return HistoryFeed(
                config, symbols, start_ns, stop_ns,
                key=settings.live.key, prime=is_first, clock_ns=clock_ns,
            )  # fmt: skip

        return HistorySource(symbols.feed, feed, roots_of(settings), hooks, total)

    def begin(before: dict[str, Any] | None) -> dict[str, Any] | None:
        return before

    asked = ",".join(name for names in symbols.symbols.values() for name in names)
    return Unit(day, f"{day} to {stop_ns} of {asked}", opened, begin, is_whole_only=True)

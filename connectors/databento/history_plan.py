"""What history is asked for: how far it reaches, in which pieces. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from connectors.databento.history_config import HistoryConfig
from operators.model.records import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S
SYMBOLS_MAX: Final = 2_000
"""Symbols of one request."""
SCHEMAS: Final = ("definition", "status", "statistics", "mbo")
"""In the order in which records of one moment stand: what an instrument is goes first."""


@dataclass(frozen=True, slots=True)
class HistorySymbols:
    """What one feed is subscribed to."""

    feed: str
    """Name of the feed, which the items carry."""
    dataset: str
    symbols: Mapping[str, tuple[str, ...]]
    """Symbol type (`raw_symbol`, `parent`, `continuous`, `instrument_id`) → symbols; the symbol
    `ALL_SYMBOLS` is all of them."""
    schemas: tuple[str, ...] = SCHEMAS

    def __post_init__(self) -> None:
        unknown = [schema for schema in self.schemas if schema not in SCHEMAS]
        if unknown or not self.schemas:
            raise ValueError(f"schemas must be of {', '.join(SCHEMAS)}, was {self.schemas}")
        if not any(self.symbols.values()):
            raise ValueError("symbols must name at least 1 symbol, was empty")


@dataclass(frozen=True, slots=True)
class Request:
    """Symbols that are asked for at once."""

    stype: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that is downloaded at once: [start, stop) of ts_recv."""

    start_ns: int
    stop_ns: int
    schemas: tuple[str, ...]


def covered(config: HistoryConfig, newest_ns: int, now_ns: int) -> tuple[int, int] | None:
    """From where to where history can fill: [newest, now − licence delay).

    Args:
        config: see there.
        newest_ns: where the feed stands, ns of ts_event. Records that were received later than
            this are brought, so the newest come twice and are dropped by position.
        now_ns: ns since the epoch.

    Returns:
        None where nothing is old enough: only live can bring what is missing.
    """
    stop_ns = now_ns - round(config.delay_s * NS_PER_S)
    return (newest_ns, stop_ns) if newest_ns < stop_ns else None


def requests(symbols: HistorySymbols) -> list[Request]:
    """The symbols in requests of a bearable size, in a fixed order."""
    return [
        Request(stype, names[at : at + SYMBOLS_MAX])
        for stype, names in symbols.symbols.items()
        for at in range(0, len(names), SYMBOLS_MAX)
    ]


def windows(symbols: HistorySymbols, from_ns: int, to_ns: int, window_ns: int) -> Iterator[Window]:
    """The range in pieces that begin at multiples of their length, and at every midnight.

    Ahead of them stand the day's definitions up to `from_ns`: an instrument's may be hours older
    than its next record.
    """
    if from_ns >= to_ns:
        return
    schemas = tuple(schema for schema in SCHEMAS if schema in symbols.schemas)
    midnight_ns = from_ns // DAY_NS * DAY_NS
    if "definition" in schemas and midnight_ns < from_ns:
        yield Window(midnight_ns, from_ns, ("definition",))
    start_ns = from_ns
    while start_ns < to_ns:
        day_ns = start_ns // DAY_NS * DAY_NS
        whole_ns = (start_ns - day_ns) // window_ns * window_ns + window_ns
        stop_ns = min(to_ns, day_ns + min(whole_ns, DAY_NS))
        yield Window(start_ns, stop_ns, schemas)
        start_ns = stop_ns

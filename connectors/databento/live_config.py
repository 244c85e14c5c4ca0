"""Settings of live feeds: what is subscribed to, where, and how hard a lost one is won back."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from operators.model.records import NS_PER_S

ALL_SYMBOLS: Final = "ALL_SYMBOLS"
SCHEMAS_LIVE: Final = ("mbo", "definition", "statistics", "status")
"""What the connector understands; the other schemas would be billed and passed over."""
REPLAYED_WEEKLY: Final = ("mbo", "definition")
"""Schemas whose replay reaches back to the start of the week; that of others, a day."""
SType = Literal["raw_symbol", "parent", "continuous", "instrument_id"]

_ORDER: Final = ("definition", "status", "statistics", "mbo")
_DAY_NS: Final = 23 * 3600 * NS_PER_S
"""What is surely still kept of schemas that are kept for a day."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_PARENT: Final = re.compile(r"[A-Z0-9]+\.(FUT|OPT|SPOT)")
_CONTINUOUS: Final = re.compile(r"[A-Z0-9]+\.[cnv]\.\d+")
_CONNECTS_MAX: Final = 5
_PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig:
    """One named feed: one connection, one partition of the dataflow."""

    symbols: tuple[str, ...] = ()
    """At least 1: raw (`ESZ6`), parent (`ES.FUT`, `ES.OPT`), continuous (`ES.c.0`), instrument
    ids, or ALL_SYMBOLS alone."""
    stype_in: Literal["auto", "raw_symbol", "parent", "continuous", "instrument_id"] = "auto"
    """What the symbols are; `auto` tells each by its form."""
    schemas: tuple[str, ...] = SCHEMAS_LIVE
    """`mbo`, and any of `definition`, `statistics`, `status`."""
    dataset: str = "GLBX.MDP3"
    """Databento's code of the dataset."""
    host: str = ""
    """Gateway; empty: the dataset's own at Databento."""
    port: int = 13_000
    """1…65,535."""
    compression: Literal["none", "zstd"] = "none"
    """Of the connection: zstd takes a quarter of the bytes and costs some of a core."""
    ts_out: bool = True
    """Ask for the gateway's send time of each record: 8 bytes more each, and the lag behind it."""
    heartbeat_interval_s: int = 10
    """The gateway speaks at least so often, 5…1,800 s."""
    silence_margin_s: float = 3.0
    """A connection silent for the interval and so much longer is dead, more than 0 s."""
    first_start: Literal["snapshot", "replay"] = "snapshot"
    """Without a tape: begin with the books as they stand (a few MB), or replay the week so far,
    which Databento bills by the byte like live data (up to tens of GB for all of a product)."""
    grace_ms: int = 1_000
    """Ticks trail the feed's time by so much, 0…60,000 ms."""
    connect_timeout_s: float = 10.0
    """More than 0 s."""
    auth_timeout_s: float = 15.0
    """From connection to the answer to the key, more than 0 s."""
    backoff_least_ms: int = 1_000
    """Pause before every attempt after a loss, at least 0 ms: Databento asks for a second."""
    backoff_first_ms: int = 500
    """Bound of what chance adds to the first pause, at least 1 ms; it doubles at each failure."""
    backoff_most_ms: int = 30_000
    """Bound of what chance adds at last, at least `backoff_first_ms`."""
    attempts_max: int = 6
    """Failures in a row after which the feed is DEGRADED, at least 1."""
    degraded_retry_s: float = 60.0
    """Pause between attempts while DEGRADED, more than 0 s."""
    resume_margin_s: float = 5.0
    """A replay starts so long before the newest record, more than 0 s: instruments may have come
    in another order."""
    resume_reach_s: float = 3_600.0
    """Longest time before the newest record that a replay starts for the sake of instruments
    that were quiet, at least `resume_margin_s`."""
    subscriptions_per_s: int = 3
    """Subscription requests in any second, at least 1; Databento delays those above its limit."""
    queue_rows_max: int = 1_000_000
    """Records received and not yet taken, at least 1,000; then the socket is not read."""
    queue_bytes_max: int = 67_108_864
    """Bytes received and not yet taken, at least 65,536; then the socket is not read."""
    rows_per_epoch_max: int = 5_000_000
    """Records given out between two snapshots, at least 1,000."""
    budget_bytes_per_day: int = 0
    """Uncompressed bytes a day (UTC) that may be received and billed; 0: no limit."""
    budget_warning_ratio: float = 0.8
    """Share of the budget from which the status warns, above 0 and at most 1."""
    lag_ms_max: int = 1_000
    """Receive or processing lag above which the feed is late, at least 1 ms."""
    skew_ms_max: int = 2_000
    """Difference of this machine's clock and the gateway's that is told, at least 1 ms."""

    def __post_init__(self) -> None:
        for name, low, high in _BOUNDS:
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} must be from {low:,} to {high:,}, was {value}")
        for name in _ABOVE_ZERO:
            if not 0 < (value := getattr(self, name)) < float("inf"):
                raise ValueError(f"{name} must be more than 0, was {value}")
        self._check_symbols()
        for schema in self.schemas:
            if schema not in SCHEMAS_LIVE:
                known = ", ".join(SCHEMAS_LIVE)
                raise ValueError(f"schemas must be among {known}, was {schema}")
        if "mbo" not in self.schemas:
            raise ValueError("schemas must hold mbo")
        if self.backoff_most_ms < self.backoff_first_ms:
            raise ValueError(f"backoff_most_ms must be at least {self.backoff_first_ms}")
        if self.resume_reach_s < self.resume_margin_s:
            raise ValueError(f"resume_reach_s must be at least {self.resume_margin_s}")
        if self.budget_warning_ratio > 1:
            raise ValueError(f"budget_warning_ratio must be at most 1: {self.budget_warning_ratio}")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the gateway."""
        own = f"{self.dataset.lower().replace('.', '-')}.lsg.databento.com"
        return self.host or own, self.port

    @property
    def silence_s(self) -> float:
        """Seconds without a byte after which a connection is dead."""
        return self.heartbeat_interval_s + self.silence_margin_s

    def _check_symbols(self) -> None:
        if not self.symbols:
            raise ValueError("symbols must name at least one, was empty")
        if ALL_SYMBOLS in self.symbols and len(self.symbols) > 1:
            raise ValueError(f"symbols must be {ALL_SYMBOLS} alone, had {len(self.symbols)}")
        for symbol in self.symbols:
            # They travel in one line, joined by commas.
            if not symbol.isascii() or not symbol.isprintable() or set(symbol) & set(",|=\n"):
                raise ValueError(f"symbols must be printable without , | =, was {symbol!r}")
            if self.stype_in == "instrument_id" and not symbol.isdigit():
                raise ValueError(f"symbols must be numbers by stype_in, was {symbol!r}")


_BOUNDS: Final = (
    ("port", 1, _PORT_MAX),
    ("heartbeat_interval_s", 5, 1_800),
    ("grace_ms", 0, 60_000),
    ("backoff_least_ms", 0, 3_600_000),
    ("backoff_first_ms", 1, 3_600_000),
    ("backoff_most_ms", 1, 3_600_000),
    ("attempts_max", 1, 1_000_000),
    ("subscriptions_per_s", 1, 1_000),
    ("queue_rows_max", 1_000, 2**40),
    ("queue_bytes_max", 65_536, 2**40),
    ("rows_per_epoch_max", 1_000, 2**40),
    ("budget_bytes_per_day", 0, 2**60),
    ("lag_ms_max", 1, 2**40),
    ("skew_ms_max", 1, 2**40),
)
_ABOVE_ZERO: Final = (
    *("silence_margin_s", "connect_timeout_s", "auth_timeout_s"),
    *("degraded_retry_s", "resume_margin_s", "resume_reach_s"),
    "budget_warning_ratio",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """All live feeds of a process, and the key they share."""

    key: str = field(default="", repr=False)
    """Databento's API key, by environment alone (IFD_LIVE__KEY or DATABENTO_API_KEY)."""
    feeds: dict[str, FeedConfig] = field(default_factory=dict)
    """Name of a feed → what it is; the name is published. Empty: files are read instead."""
    connects_per_s_max: int = 4
    """New connections of this process in any second, 1…5, Databento's limit for an address."""
    calibration_file: str = ""
    """Table of p_move that `ifd calibrate --outcomes` writes: every feed takes it up at a tick, as
    a control record on its tape, whenever it has changed; empty: none."""
    recalibrate: bool = True
    """Whether `ifd live` writes that file itself: after each session, from the topic of outcomes,
    what is better than the table in force."""

    def __post_init__(self) -> None:
        for name in self.feeds:
            if not _NAME.fullmatch(name):
                form = "1 to 32 lower-case letters, digits, - and _"
                raise ValueError(f"feeds must have names of {form}, was {name!r}")
        if not 1 <= self.connects_per_s_max <= _CONNECTS_MAX:
            bounds = f"from 1 to {_CONNECTS_MAX}"
            raise ValueError(f"connects_per_s_max must be {bounds}, was {self.connects_per_s_max}")
        if self.key and not (self.key.isascii() and self.key.isprintable() and " " not in self.key):
            raise ValueError("key must be visible ASCII characters without spaces")


@dataclass(frozen=True, slots=True)
class Subscription:
    """One request, before it is cut into lines."""

    schema: str
    stype_in: SType
    symbols: tuple[str, ...]
    start_ns: int | None = None
    """Replay from this ts_event on; 0 is all there is; None is from now on."""
    snapshot: bool = False


def stype_of(symbol: str) -> SType:
    """What a symbol is, by its form."""
    if symbol.isdigit():
        return "instrument_id"
    if _PARENT.fullmatch(symbol):
        return "parent"
    return "continuous" if is_continuous(symbol) else "raw_symbol"


def is_continuous(symbol: str) -> bool:
    """Whether a symbol stands for one contract after another, as ES.c.0 does."""
    return _CONTINUOUS.fullmatch(symbol) is not None


def subscriptions(
    config: FeedConfig, *, start_ns: int | None, snapshot: bool, now_ns: int
) -> tuple[Subscription, ...]:
    """What to ask for at the start of a session, in the order it is asked.

    Args:
        config: Of the feed.
        start_ns: Replay from this ts_event on; 0 for all there is, None for none.
        snapshot: Begin with the books as they stand, and with all there is of the other schemas:
            what the instruments are, and how they stand; not together with `start_ns`.
        now_ns: Wall time: schemas that are kept for a day are replayed from their beginning
            where `start_ns` lies before it.
    """
    assert start_ns is None or not snapshot, "a snapshot has no start"
    groups: dict[SType, list[str]] = {}
    for symbol in config.symbols:
        stype: SType = stype_of(symbol) if config.stype_in == "auto" else config.stype_in
        groups.setdefault(stype, []).append(symbol)
    found = []
    # What an instrument is comes before what happens to it.
    for schema in (name for name in _ORDER if name in config.schemas):
        is_old = start_ns is not None and now_ns - start_ns > _DAY_NS
        start = 0 if is_old and schema not in REPLAYED_WEEKLY else start_ns
        if snapshot and schema != "mbo":
            start = 0
        for stype, symbols in groups.items():
            books = snapshot and schema == "mbo"
            found.append(Subscription(schema, stype, tuple(symbols), start, books))
    return tuple(found)

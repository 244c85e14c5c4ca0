"""A simulated exchange with its crowd and institutions, run for a stretch of one trading day."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from operators.model.errors import ConfigError
from operators.model.records import MBO_DTYPE, NS_PER_S, MboBatch
from simulator.agents import (
    CONTRACTS_PER_AGGRESSOR,
    CONTRACTS_PER_RECORD,
    DISTANCE_QUANTILES,
    IMPACT,
    NEW_SIDES,
    RESTING_SIZE_QUANTILES,
    SIGN_LAG_WEIGHTS,
    SIZE_QUANTILES,
    alias_table,
    day_activity,
    lag_table,
    quantile_table,
)
from simulator.agents_kernel import Flow, populate
from simulator.auction_kernel import auction, gather
from simulator.behaviours import DIFFICULTIES, INSTITUTIONAL, KINDS, LOOK_ALIKES
from simulator.exchange import listed_market
from simulator.exchange_records import clear, write_snapshot
from simulator.exchange_state import (
    BATCH_ROWS,
    FOREVER,
    ROW_DTYPE,
    Market,
)
from simulator.institutions import Label, Plan, first_due, labels, schedule
from simulator.instruments import FUTURES_PER_ROOT, InstrumentSpec, products, universe
from simulator.regimes import REGIMES, RegimeName
from simulator.simulation_kernel import run

CHICAGO: Final = ZoneInfo("America/Chicago")
GATHER_NS: Final = 30 * NS_PER_S
"""Time before the start in which orders gather for the auction."""
GATHER_ORDERS: Final = 50
"""Orders one instrument gathers before the next has its turn."""
REACH_MIN: Final = 12
ORDERS_PER_LEVEL: Final = 6
"""Resting orders at a price, on average: decides how far a book of a given size reaches."""
RESTING_MIN: Final = 12
"""Orders the flow keeps in the quietest book."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationConfig:
    """What is simulated. The same config gives the same bytes."""

    seed: int = 1
    start_ns: int = 1_775_482_200_000_000_000
    """First moment: by default Monday 2026-04-06, 08:30 in Chicago."""
    duration_s: float | None = 600.0
    """Seconds of market time; None: until `records` are there."""
    records: int | None = None
    """Live records after which the tape ends (with its event); None: no such end."""
    roots: int | tuple[str, ...] = ("ES", "NQ", "CL", "GC")
    """Names of roots, or how many."""
    instruments: int = 8
    """Instruments over all roots."""
    options: int = 0
    """Options over all roots; then every root has its two months and their spread, and
    `instruments` does not count."""
    activity_skew: float = 1.0
    """0: all instruments equally active; 1: front months far ahead of the rest."""
    records_per_s: float = 400.0
    """Live records a second of all instruments, on average over the tape."""
    resting_orders: int = 4_000
    """Resting orders over all books that the flow keeps."""
    opening: Literal["snapshot", "auction", "empty"] = "snapshot"
    """How books start: filled, told by R and snapshot rows; by an R each, half a minute in which
    orders gather, and an auction; or empty, told by an R each."""
    regime: RegimeName = "normal"
    """Kind of market: calm, normal, volatile, or news (normal but for bursts)."""
    wave_sigma: float | None = None
    """Strength of the waves of activity, 0: none; None: the regime's."""
    institutions: bool = False
    """Whether institutions are at work."""
    look_alikes: bool = False
    """Whether some only look like them: hedging, rolls, quote churn, flashes, even flow."""
    kinds: tuple[str, ...] | None = None
    """Only these kinds of behaviour; None: all of institutions and look-alikes, as chosen."""
    difficulty: Literal["easy", "medium", "hard", "mixed"] = "mixed"
    """How much of the volume the behaviours take, and how cleverly they hide."""
    institutions_per_hour: float = 60.0
    """Pauses between the behaviours of a root last an hour divided by this, on average."""
    listed_ns: int | None = None
    """When the instruments were listed, which decides the contract months; None: at the start."""

    def __post_init__(self) -> None:
        bounds = (("seed", 0), ("instruments", 1), ("options", 0), ("resting_orders", 0))
        for name, bound in bounds:
            if (value := getattr(self, name)) < bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        for name in ("duration_s", "records", "records_per_s", "institutions_per_hour"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name} must be above 0, was {value}")
        if self.duration_s is None and self.records is None:
            raise ValueError("duration_s or records must be given, both were None")
        if not 0 <= self.activity_skew <= 1:
            raise ValueError(f"activity_skew must be in 0…1, was {self.activity_skew}")
        if self.difficulty not in (*DIFFICULTIES, "mixed"):
            raise ValueError(
                f"difficulty must be easy, medium, hard or mixed, was {self.difficulty!r}"
            )
        for kind in self.kinds or ():
            if kind not in KINDS:
                raise ValueError(f"kinds must be of {', '.join(KINDS)}, was {kind!r}")
            needs = "institutions" if kind in INSTITUTIONAL else "look_alikes"
            if not getattr(self, needs):
                raise ValueError(f"kinds has {kind!r}, which needs {needs}")
        if self.regime not in REGIMES:
            raise ValueError(f"regime must be one of {', '.join(REGIMES)}, was {self.regime!r}")
        if self.opening not in ("snapshot", "auction", "empty"):
            raise ValueError(f"opening must be snapshot, auction or empty, was {self.opening!r}")
        if not 0 < self.start_ns < 2**62:
            raise ValueError(f"start_ns must be a time in ns since the epoch, was {self.start_ns}")

    @property
    def stop_ns(self) -> int:
        """First moment after the tape."""
        if self.duration_s is None:
            return FOREVER
        return self.start_ns + round(self.duration_s * NS_PER_S)


class Simulation:
    """One run of the exchange. State: as much as its instruments and resting orders need."""

    def __init__(self, config: SimulationConfig) -> None:
        """Lists the instruments and fills their books.

        Raises:
            ConfigError: Unknown roots, kinds that nothing listed allows, or a start at which the
                exchange is closed.
        """
        self.config = config
        listed_ns = config.start_ns if config.listed_ns is None else config.listed_ns
        count = config.instruments
        if config.options:
            count = FUTURES_PER_ROOT * len(products(config.roots)) + config.options
        self.specs = universe(
            config.roots, count, listed_ns, config.activity_skew, priced_ns=config.start_ns
        )
        offset_ns = _offset_ns(config.start_ns)
        self.flow = _flow(config, self.specs, offset_ns)
        self._metaorders = schedule(self.specs, _plan(config, self.flow, self.specs))
        if config.kinds and not self._metaorders.size:
            raise ConfigError(
                f"kinds: no root lists what {', '.join(config.kinds)} would trade: options, or a"
                " second month"
            )
        self.market = _market(config, self.specs)
        clock = self.market.clock
        clock["ts"] = config.start_ns - GATHER_NS
        clock["recv"] = config.start_ns - GATHER_NS
        clock["ts_next"] = config.start_ns + NS_PER_S // 1000
        clock["second"] = config.start_ns // NS_PER_S - 1
        clock["rows_target"] = config.records or FOREVER
        clock["due"] = first_due(self._metaorders)
        if config.opening == "snapshot":
            for i in range(len(self.specs)):
                populate(self.market, self.flow, i)

    @property
    def resting_orders(self) -> int:
        """Orders in all books now."""
        listed = self.market.instruments
        return int(listed["bids"].sum() + listed["asks"].sum())

    @property
    def active_instrument_seconds(self) -> int:
        """Pairs of instrument and second so far that hold at least one live event."""
        return int(self.market.instruments["active_seconds"].sum())

    @property
    def events(self) -> int:
        """Live events so far."""
        clock = self.market.clock[0]
        return int(clock["event"] - clock["event_first"])

    def opening_rows(self) -> Iterator[MboBatch]:
        """Each instrument's R and what fills its book; once, ahead of the live rows."""
        rows = self._snapshots() if self.config.opening == "snapshot" else self._gathering()
        waiting: list[NDArray[np.void]] = []
        for part in rows:
            waiting.append(part)
            if sum(map(len, waiting)) >= BATCH_ROWS:
                yield _freeze(np.concatenate(waiting))
                waiting = []
        if waiting:
            yield _freeze(np.concatenate(waiting))

    def _snapshots(self) -> Iterator[NDArray[np.void]]:
        for i, listed in enumerate(self.market.instruments):
            out = np.zeros(1 + int(listed["bids"]) + int(listed["asks"]), ROW_DTYPE)
            write_snapshot(self.market, i, self.config.start_ns, out)
            yield out

    def _gathering(self) -> Iterator[NDArray[np.void]]:
        """R of each instrument; for an auction also the orders before it, and the auction."""
        market, start_ns = self.market, self.config.start_ns
        listed = range(len(self.specs))
        first_ns = start_ns - GATHER_NS
        for i in listed:
            clear(market, i, first_ns)
            yield self._written()
        if self.config.opening == "auction":
            most = int(market.instruments["target"].max())
            for k in range(0, most, GATHER_ORDERS):
                for i in listed:
                    count = min(GATHER_ORDERS, int(market.instruments["target"][i]) - k)
                    gather(market, self.flow, i, count, first_ns + GATHER_NS * k // most)
                    yield self._written()
            for i in listed:
                auction(market, i, start_ns, self._metaorders)
                yield self._written()
        # Activity counts from here.
        market.clock["event_first"] = market.clock["event"]
        market.instruments["active_seconds"] = 0

    def _written(self) -> NDArray[np.void]:
        rows = self.market.rows[: self.market.clock["rows"][0]].copy()
        self.market.clock["rows"] = 0
        return rows

    def live_rows(self, until_ns: int) -> Iterator[MboBatch]:
        """The market's next records, up to `until_ns` (exclusive) or the config's end."""
        until_ns = min(until_ns, self.config.stop_ns)
        while n := run(self.market, self.flow, self._metaorders, until_ns):
            yield _freeze(self.market.rows[:n].copy())

    def is_over(self, ts: int) -> bool:
        """Whether nothing more comes at or after `ts`."""
        clock = self.market.clock[0]
        done = clock["records"] + clock["rows"] >= clock["rows_target"]
        return bool(done) or ts >= self.config.stop_ns

    def stream(self, tick_ns: int | None = None) -> Iterator[MboBatch | int]:
        """The whole run: the opening, then `live_stream`."""
        yield from self.opening_rows()
        yield from self.live_stream(tick_ns)

    def live_stream(self, tick_ns: int | None = None) -> Iterator[MboBatch | int]:
        """Live records, and between them the ticks, as their times.

        A tick at t stands behind every record with ts_event < t, and before the others.
        """
        ts = self.config.start_ns
        while not self.is_over(ts):
            ts = self.config.stop_ns if tick_ns is None else (ts // tick_ns + 1) * tick_ns
            yield from self.live_rows(ts)
            if tick_ns is not None and not self.is_over(ts):
                yield ts

    def labels(self) -> list[Label]:
        """What institutions and look-alikes have done so far."""
        return labels(self._metaorders, self.market.orders, self.specs, self.config.regime)


def session(config: SimulationConfig, number: int) -> SimulationConfig:
    """The same wall-clock slice on the `number`-th trading day after the config's own (0).

    Every session has a seed of its own and the instruments of the first.
    """
    first = datetime.fromtimestamp(config.start_ns // NS_PER_S, UTC).astimezone(CHICAGO)
    day = first
    while number_left := number - _trading_days(first, day):
        day += timedelta(days=number_left)
    start_ns = int(day.timestamp()) * NS_PER_S + config.start_ns % NS_PER_S
    listed_ns = config.start_ns if config.listed_ns is None else config.listed_ns
    seed = random.Random(f"{config.seed} {number}").getrandbits(48) if number else config.seed
    return replace(config, start_ns=start_ns, listed_ns=listed_ns, seed=seed)


def sessions(config: SimulationConfig, days: int) -> Iterator[SimulationConfig]:
    """`days` consecutive trading days, Saturdays and Sundays left out: see `session`."""
    return (session(config, number) for number in range(days))


def _trading_days(first: datetime, day: datetime) -> int:
    """Mondays to Fridays in (first, day]."""
    span = (day.date() - first.date()).days
    return sum((first.weekday() + ahead) % 7 < 5 for ahead in range(1, span + 1))


def _freeze(rows: NDArray[np.void]) -> MboBatch:
    batch = rows.view(MBO_DTYPE)
    batch.flags.writeable = False
    return batch


def _offset_ns(start_ns: int) -> int:
    """Chicago's offset from UTC at `start_ns`.

    Raises:
        ConfigError: The exchange is closed for the weekend then.
    """
    local = datetime.fromtimestamp(start_ns // NS_PER_S, UTC).astimezone(CHICAGO)
    week_minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    if 4 * 1440 + 16 * 60 <= week_minute < 6 * 1440 + 17 * 60:
        raise ConfigError(
            f"start: {local:%A %Y-%m-%d %H:%M} in Chicago is in the exchange's weekend,"
            " expected Sunday 17:00 to Friday 16:00"
        )
    offset = local.utcoffset()
    assert offset is not None
    return round(offset.total_seconds()) * NS_PER_S


def _flow(config: SimulationConfig, specs: Sequence[InstrumentSpec], offset_ns: int) -> Flow:
    ratio, alias = alias_table(np.array([spec.weight for spec in specs]))
    neighbours = np.arange(len(specs), dtype=np.int32)
    for k in range(1, len(specs)):
        if specs[k].root == specs[k - 1].root:
            neighbours[k] = k - 1
            neighbours[k - 1] = k if neighbours[k - 1] == k - 1 else neighbours[k - 1]
    day = day_activity()
    first = (config.start_ns + offset_ns) // (60 * NS_PER_S)
    minutes = int((config.duration_s or 3600) // 60) + 1
    mean = day[(first + np.arange(minutes)) % day.size].mean()
    if mean <= 0:
        raise ConfigError("start: the exchange is in its maintenance break, 16:00 to 17:00 Chicago")
    return Flow(
        sizes=quantile_table(SIZE_QUANTILES),
        resting_sizes=quantile_table(RESTING_SIZE_QUANTILES),
        distances=quantile_table(DISTANCE_QUANTILES),
        sign_lags=lag_table(SIGN_LAG_WEIGHTS),
        alias_ratio=ratio,
        alias=alias,
        neighbours=neighbours,
        day=day / mean,
        offset_ns=offset_ns,
        **_moods(config),
    )


def _plan(config: SimulationConfig, flow: Flow, specs: Sequence[InstrumentSpec]) -> Plan:
    """The behaviours wanted, sized for the volume that is expected."""
    names = (*INSTITUTIONAL,) * config.institutions + (*LOOK_ALIKES,) * config.look_alikes
    if config.kinds is not None:
        names = tuple(kind for kind in config.kinds if kind in names)
    weights = np.array([spec.weight for spec in specs])
    return Plan(
        kinds=names,
        difficulty=config.difficulty,
        start_ns=config.start_ns,
        stop_ns=min(config.stop_ns, config.start_ns + 24 * 3600 * NS_PER_S),
        per_hour=config.institutions_per_hour,
        seed=config.seed,
        volumes_per_s=CONTRACTS_PER_RECORD * flow.records_per_s * weights / weights.sum(),
        activity=flow.day,
        offset_ns=flow.offset_ns,
    )


def _moods(config: SimulationConfig) -> dict[str, Any]:
    """What the crowd takes from the regime."""
    regime = REGIMES[config.regime]
    sigma = regime.wave_sigma if config.wave_sigma is None else config.wave_sigma
    # Per aggressor: both parts of the value's steps, and the contracts that go with them.
    step = (regime.noise_ticks**2 + NEW_SIDES * regime.response_ticks**2) ** 0.5
    return {
        "records_per_s": float(config.records_per_s * regime.activity),
        "wave_sigma": sigma,
        "ripple_sigma": 2.0 * sigma,
        "news_per_s": regime.news_per_hour / 3600,
        "noise": regime.noise_ticks,
        "response": regime.response_ticks,
        "impact": IMPACT * step / CONTRACTS_PER_AGGRESSOR**0.5,
        "touch_size": regime.touch_size,
        "caution": regime.caution_ticks,
    }


def _market(config: SimulationConfig, specs: Sequence[InstrumentSpec]) -> Market:
    shares = np.array([spec.weight for spec in specs]) ** 0.35
    wanted = np.maximum(config.resting_orders * shares / shares.sum(), RESTING_MIN)
    targets = wanted.astype(np.int64)
    # What rounding down has left over goes to the first ones.
    targets[: max(0, config.resting_orders - int(targets.sum()))] += 1
    orders_max = int(targets.sum() * 1.15) + 8 * len(specs) + 20_000
    market = listed_market(specs, targets, orders_max, config.seed)
    x = market.instruments
    room = np.minimum(x["anchor"] - x["low"], x["high"] - x["anchor"]) - 1
    reach = np.maximum(REACH_MIN, targets // (2 * ORDERS_PER_LEVEL))
    x["reach"] = np.maximum(1, np.minimum(room, reach))
    return market

"""Writes a simulated market as a DBN file: what Databento's live client would have captured."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import zstandard
from databento_dbn import (
    UNDEF_PRICE,
    InstrumentClass,
    InstrumentDefMsg,
    SecurityUpdateAction,
    StatusAction,
    StatusMsg,
    SystemCode,
    SystemMsg,
    TriState,
)

from connectors.databento.messages import TICK_TEXT, mapping_record
from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S
from simulator.gateway.records import header
from simulator.institutions import Label
from simulator.instruments import InstrumentSpec
from simulator.simulation import Simulation, SimulationConfig

DATASET: Final = "GLBX.MDP3"
PUBLISHER: Final = 1
ZSTD_LEVEL: Final = 1
SUFFIXES: Final = (".dbn", ".dbn.zst")
PROGRESS_ROWS: Final = 20_000
"""Records between two reports of progress."""
MULTIPLIER_UNDEF: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeForm:
    """What stands on the tape beside the market-by-order records."""

    definitions: bool = True
    """A SymbolMappingMsg and an InstrumentDefMsg per instrument, ahead of all records."""
    status: bool = False
    """A StatusMsg per instrument: trading."""
    ticks: bool = False
    """A SystemMsg "ifd tick" for each second of market time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeSummary:
    """What a tape holds."""

    path: Path
    file_bytes: int
    instruments: int
    records: int
    """Market-by-order records, those of the opening included."""
    opening_records: int
    events: int
    """Live events."""
    resting_orders_first: int
    resting_orders_last: int
    active_instrument_seconds: int
    """Pairs of instrument and second with at least one live event."""
    ts_first: int
    """Of the first live record, ns; 0 if there is none."""
    ts_last: int
    labels: tuple[Label, ...]

    @property
    def records_per_active_instrument_second(self) -> float:
        """Live records an instrument has in a second in which it has any."""
        return (self.records - self.opening_records) / max(1, self.active_instrument_seconds)


@dataclass(frozen=True, slots=True)
class TapeProgress:
    """How far the writing is."""

    records: int
    """Live records so far."""
    ratio: float
    """Share of the tape that is done, 0…1."""


def write_tape(
    config: SimulationConfig,
    path: Path,
    form: TapeForm | None = None,
    on_progress: Callable[[TapeProgress], None] | None = None,
) -> TapeSummary:
    """Simulate `config` into the DBN v3 file `path`, compressed if its name ends in `.dbn.zst`.

    The file has its name only once it is whole. Memory does not grow with the tape's length.

    Raises:
        ConfigError: The name has another suffix, the file cannot be written, or the config names
            what is not there.
    """
    form = form or TapeForm()
    simulation = Simulation(config)
    with _whole_file(path) as out:
        out.write(metadata_bytes(config.start_ns))
        for record in reference_records(simulation.specs, config.start_ns, form):
            out.write(record)
        first = simulation.resting_orders
        counts = _write_rows(simulation, out, form, on_progress)
    opening, live, ts_first, ts_last = counts
    return TapeSummary(
        path=path,
        file_bytes=path.stat().st_size,
        instruments=len(simulation.specs),
        records=opening + live,
        opening_records=opening,
        events=simulation.events,
        resting_orders_first=first,
        resting_orders_last=simulation.resting_orders,
        active_instrument_seconds=simulation.active_instrument_seconds,
        ts_first=ts_first,
        ts_last=ts_last,
        labels=tuple(simulation.labels()),
    )


def _write_rows(
    simulation: Simulation,
    out: BinaryIO,
    form: TapeForm,
    on_progress: Callable[[TapeProgress], None] | None,
) -> tuple[int, int, int, int]:
    """Opening and live records written, first and last live ts_event."""
    opening = live = ts_first = ts_last = told = 0
    for batch in simulation.opening_rows():
        out.write(batch.tobytes())
        opening += len(batch)
    for item in simulation.live_stream(NS_PER_S if form.ticks else None):
        if isinstance(item, int):
            out.write(tick_bytes(item))
            continue
        out.write(item.tobytes())
        live += len(item)
        ts_first = ts_first or int(item["ts_event"][0])
        ts_last = int(item["ts_event"][-1])
        if on_progress is not None and (live - told >= PROGRESS_ROWS or told == 0):
            told = live
            on_progress(TapeProgress(live, _ratio(simulation.config, live, ts_last)))
    return opening, live, ts_first, ts_last


def _ratio(config: SimulationConfig, live: int, ts: int) -> float:
    by_records = live / config.records if config.records else 0.0
    by_time = 0.0
    if config.duration_s:
        by_time = (ts - config.start_ns) / (config.duration_s * NS_PER_S)
    return min(1.0, max(by_records, by_time))


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """`path` for writing; it appears, or replaces what was there, when all is written."""
    if not path.name.endswith(SUFFIXES):
        raise ConfigError(f"out: expected a name ending in .dbn or .dbn.zst, found {path.name!r}")
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as file:
            if path.name.endswith(".zst"):
                with zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(file) as out:
                    yield out
            else:
                buffered = io.BufferedWriter(file, 1 << 20)
                yield buffered
                buffered.flush()
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"out: {path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def metadata_bytes(start_ns: int) -> bytes:
    """Header of a captured live session: several schemas, no symbols, no end."""
    return header(DATASET, start_ns, ts_out=False)


def tick_bytes(ts: int) -> bytes:
    """A SystemMsg "ifd tick" at `ts`."""
    return bytes(SystemMsg(ts, TICK_TEXT, code=SystemCode.from_int(0)))


def reference_records(
    specs: list[InstrumentSpec], ts: int, form: TapeForm | None = None
) -> Iterator[bytes]:
    """Mapping, definition and status of every instrument, as `form` wants them."""
    form = form or TapeForm()
    for spec in specs:
        if form.definitions:
            yield mapping_record(spec.instrument_id, ts, spec.symbol, spec.symbol)
            yield bytes(definition(spec, ts))
    for spec in specs if form.status else ():
        yield bytes(
            StatusMsg(
                publisher_id=PUBLISHER,
                instrument_id=spec.instrument_id,
                ts_event=ts,
                ts_recv=ts,
                action=StatusAction.from_int(7),
                is_trading=TriState("Y"),
                is_quoting=TriState("Y"),
            )
        )


def definition(spec: InstrumentSpec, ts: int) -> InstrumentDefMsg:
    """The instrument's definition; an option's tick stands in its tick rule, as on CME."""
    option = spec.instrument_class in ("C", "P")
    spread = spec.instrument_class == "S"
    return InstrumentDefMsg(
        publisher_id=PUBLISHER,
        instrument_id=spec.instrument_id,
        ts_event=ts,
        ts_recv=ts,
        min_price_increment=UNDEF_PRICE if option else spec.tick_e9,
        display_factor=NS_PER_S // 100,
        raw_symbol=spec.symbol,
        asset=spec.root,
        security_type="OOF" if option else "FUT",
        instrument_class=InstrumentClass(spec.instrument_class),
        security_update_action=SecurityUpdateAction("A"),
        expiration=spec.expiration_ns,
        activation=ts - 90 * 86_400 * NS_PER_S,
        high_limit_price=UNDEF_PRICE,
        low_limit_price=UNDEF_PRICE,
        max_price_variation=UNDEF_PRICE,
        unit_of_measure_qty=UNDEF_PRICE if spread else spec.point_value * NS_PER_S,
        min_price_increment_amount=0 if option else spec.tick_e9 * spec.point_value,
        strike_price=UNDEF_PRICE if spec.strike_e9 is None else spec.strike_e9,
        underlying_id=spec.underlying_id,
        market_depth=10,
        market_depth_implied=0,
        min_trade_vol=1,
        max_trade_vol=3000,
        contract_multiplier=MULTIPLIER_UNDEF,
        channel_id=spec.channel_id,
        currency="USD",
        group=spec.root,
        exchange="XCME",
        underlying=spec.underlying,
        strike_price_currency="USD" if option else "",
        tick_rule=spec.tick_rule,
    )

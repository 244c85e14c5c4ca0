"""Sources and sinks from settings: what differs between live, replay, demo and test.

Sinks are imported where a setting asks for them: a database or a mail client that nobody asked for
would make every start of a worker a second longer.
"""

import atexit
import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bytewax.inputs import FixedPartitionedSource
from bytewax.outputs import Sink

from config.calendar import load_calendar
from config.calibration import load_calibration
from config.products import products, root_of_assets
from config.settings import Settings
from connectors.databento.week import Week
from connectors.dbn_file import DbnFileConfig, DbnFileSource, Hooks, Keyed
from connectors.root_rules import RootsConfig
from connectors.tape.listing import listed, may_grow
from dataflows.process import note
from dataflows.store import Store
from dataflows.summary import SummarySink
from operators.model.errors import ConfigError
from sinks.alerts.journal import Journal, SqliteJournal
from sinks.gate import Gate
from sinks.kafka import KafkaSink
from sinks.relay.push import PushSink


def file_source(settings: Settings, hooks: Hooks) -> DbnFileSource:
    """The files of `source.paths` as one feed.

    Raises:
        ConfigError: no file is named.
        FeedError: a folder holds nothing to be read.
        StateError: a tape among them lacks a segment.
    """
    source = settings.source
    if not source.paths:
        raise ConfigError(
            "source.paths: expected at least one DBN file, or a live feed (live.feeds), found none"
        )
    paths = listed(source.paths)
    config = DbnFileConfig(
        feed=source.feed,
        paths=paths,
        batch_rows=source.batch_rows,
        rows_per_epoch_max=source.rows_per_epoch_max,
        speed=source.speed or None,
        may_grow=may_grow(paths),
        roots=roots_of(settings),
    )
    return DbnFileSource([config], hooks)


def reads_feeds(settings: Settings) -> bool:
    """Whether live feeds are read, and no files."""
    return bool(settings.live.feeds) and not settings.source.paths


def load_source(settings: Settings) -> None:
    """Load what the source needs: the vendor's client takes longer than all else of a start."""
    if reads_feeds(settings):
        importlib.import_module("connectors.databento.source")


def source_of(
    settings: Settings, hooks: Hooks, life: str = ""
) -> FixedPartitionedSource[Keyed, dict[str, Any]]:
    """The files of `source.paths`; where none are named, the live feeds.

    Args:
        settings: Of the process.
        hooks: What it asks of a source.
        life: Name of the recovery store's life.

    Raises:
        ConfigError: neither files nor feeds are named, or the key of the feeds is missing.
    """
    if not reads_feeds(settings):
        return file_source(settings, hooks)
    from connectors.databento.source import LiveParts, LiveSource

    calendar = load_calendar()
    made = load_calibration(settings.analyze.weights)
    week = Week(offset_s=calendar.offset_s, changes=calendar.changes)
    parts = LiveParts(
        tape=settings.tape,
        roots=roots_of(settings),
        week=week,
        history=settings.history,
        life=life,
        calibration="" if made is None else made.version,
        calibration_file=settings.live.calibration_file,
        on_note=note,
    )
    return LiveSource(settings.live, parts, hooks)


def roots_of(settings: Settings) -> RootsConfig:
    """Roots by settings, then by the products that are known."""
    return RootsConfig(
        shards=settings.flow.shards,
        assigned=settings.flow.roots,
        products=root_of_assets(products()),
        shard_overrides=settings.flow.shard_overrides,
    )


def heard(settings: Settings) -> Settings:
    """The settings without what nobody would hear: the pressure stream where none listens.

    It takes more time than all that leads to the signals, which it does not change.
    """
    is_heard = settings.kafka.bootstrap_servers or settings.push.relays or settings.bars.directory
    if is_heard and settings.pressure.publish:
        return settings
    quiet = {
        "pressure": replace(settings.pressure, publish=False),
        "book": replace(settings.book, levels_published=0),
    }
    return settings.model_copy(update=quiet)


def with_broker(settings: Settings) -> Settings:
    """The settings with the embedded broker where they name no broker, relay or summary.

    It lives as long as this process, in memory: for trying out, not for keeping.
    """
    if (
        settings.kafka.bootstrap_servers
        or settings.push.relays
        or settings.source.summary_directory
    ):
        return settings
    from sinks.embedded_broker import EmbeddedBroker

    broker = EmbeddedBroker().start()
    atexit.register(broker.stop)
    kafka = replace(settings.kafka, bootstrap_servers=broker.address)
    return settings.model_copy(update={"kafka": kafka})


def journal_of(settings: Settings, *, exclusive: bool = True) -> Callable[[], Journal]:
    """Opens the journal of alerts: in the store if there is one, else in a file of its own."""
    if settings.store.url:
        from sinks.alerts.store_journal import StoreJournal

        return lambda: StoreJournal(settings.store.url, exclusive=exclusive)
    return lambda: SqliteJournal(Path(settings.alerts.journal), exclusive=exclusive)


def sinks_of(settings: Settings, store: Store, gate: Gate) -> dict[str, Sink[Any]]:
    """Step id → sink, each where a setting asks for it: kafka, relay, store, bars, alerts, summary.

    Raises:
        ConfigError: the alert policy, the store's address or the folder of the bars cannot be used.
        DeliveryError: the broker or the database does not answer, or refuses.
        StateError: the database holds something else, or is of a newer version.
    """
    sinks: dict[str, Sink[Any]] = {}
    life: dict[str, Any] = {
        "generation": store.generation,
        "generation_ts_ms": store.created_ns // 1_000_000,
    }
    if settings.kafka.bootstrap_servers:
        sink = KafkaSink(replace(settings.kafka, **life), gate)
        # Here rather than in the engine, so that an absent broker is one line and no traceback.
        sink.prepare()
        sinks["kafka"] = sink
    if settings.push.relays:
        sinks["relay"] = PushSink(replace(settings.push, **life))
    if settings.store.url:
        from sinks.store_sink import StoreSink

        kept = StoreSink(settings.store, **life, gate=gate)
        kept.prepare()
        sinks["store"] = kept
    if settings.bars.directory:
        from sinks.bars import BarsSink

        sinks["bars"] = BarsSink(settings.bars, store.generation)
    if settings.alerts.policy:
        from sinks.alerts.sink import AlertsSink

        sinks["alerts"] = AlertsSink(settings.alerts, gate, journal_of(settings))
    if settings.source.summary_directory:
        sinks["summary"] = SummarySink(
            Path(settings.source.summary_directory), settings.flow.shards
        )
    return sinks

"""From a record handed to the source to the signal handed to the sink, open loop."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main

from benchmarks.paced import ArrivalSink, PacedSource, Schedule, scheduled
from benchmarks.steps import settings_for
from benchmarks.tapes import Tape
from config.settings import Settings, params_version
from connectors.databento.header import Header
from connectors.dbn_stream import DbnStream
from connectors.roots import RootTable, Routed, Sharded
from dataflows.detect import build
from dataflows.edges import heard, roots_of
from dataflows.store import store_of
from operators.model.records import MBO_DTYPE, MboBatch

BURST_ROWS: Final = 1_000
INTERVAL_NS: Final = 100_000_000
"""Bursts of 1,000 each 100 ms: 10,000 records/s."""


def measure(tape: Tape, seconds: float, *, empty: bool = False, **given: object) -> dict[str, Any]:
    """p50, p99 and the worst, ms, over `seconds`; `empty` leaves out all steps."""
    with tempfile.TemporaryDirectory(prefix="ifd-bench-") as name:
        settings = settings_for(tape, name, recovery__directory=f"{name}/store", **given)
        store = store_of(settings, params_version(settings))
        bursts = int(seconds * 1e9 / INTERVAL_NS)
        opening, live, table = _read(tape, settings, (bursts + 2) * BURST_ROWS)
        if empty:
            opening = opening[:1]
        schedule = scheduled(live, BURST_ROWS, INTERVAL_NS)
        schedule.bursts = schedule.bursts[:bursts]
        rows = settings.source.batch_rows
        source, sink = PacedSource(schedule, opening, table, rows), ArrivalSink(schedule)
        if empty:
            flow = Dataflow("empty")
            op.output("sink", op.input("feed", flow, source), sink)
        else:
            flow = build(heard(settings), source, {"sink": sink})
        epoch = timedelta(seconds=settings.recovery.epoch_s)
        run_main(flow, epoch_interval=epoch, recovery_config=store.recovery(settings.recovery))
        return _facts(schedule, Path(name) / "store", tape, settings)


def _read(
    tape: Tape, settings: Settings, live_rows: int
) -> tuple[list[Sharded], MboBatch, RootTable]:
    """Items of the opening, the live records after it, and the table that goes on with them."""
    table = RootTable(settings.source.feed, roots_of(settings))
    stream = DbnStream(settings.source.feed, (tape.path,), chunk_rows=settings.source.batch_rows)
    opening: list[Sharded] = []
    live: list[MboBatch] = []
    seen = 0
    while seen < tape.opening_records + live_rows and stream.fill():
        piece = stream.head
        if isinstance(piece, np.ndarray):
            cut = min(max(tape.opening_records - seen, 0), piece.size)
            if cut:
                opening += table.on_rows(piece[:cut])
            live.append(piece[cut:])
            seen += piece.size
        elif isinstance(piece, Header):
            opening += table.on_header(piece)
        else:
            opening += table.on_item(cast("Routed", piece))
        stream.advance()
    rows = np.concatenate(live).view(MBO_DTYPE)
    rows.flags.writeable = False
    return opening, rows, table


def _facts(schedule: Schedule, store: Path, tape: Tape, settings: Settings) -> dict[str, Any]:
    ms = np.array(schedule.latencies_ns) / 1e6
    assert ms.size, "nothing arrived"
    return {
        "p50_ms": float(np.percentile(ms, 50)),
        "p99_ms": float(np.percentile(ms, 99)),
        "worst_ms": float(ms.max()),
        "messages": int(ms.size),
        "bursts": len(schedule.bursts),
        "resting_orders": tape.resting_orders,
        "shards": settings.flow.shards,
        "epoch_s": settings.recovery.epoch_s,
        "store_bytes": sum(file.stat().st_size for file in store.iterdir()),
    }

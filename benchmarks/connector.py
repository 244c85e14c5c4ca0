"""The connector alone: from a loopback socket, and its steps from bytes in memory. No engine.

`python -m benchmarks.connector` measures this and nothing else.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

import dataflows  # noqa: F401 - before any kernel: it says where compiled ones are kept
from benchmarks.sender import KEY, session_bytes
from benchmarks.stopwatch import Stopwatch
from benchmarks.tapes import Tape, tape_of, wide
from config.calendar import load_calendar
from config.settings import Settings, load_settings
from connectors.databento.incoming import Incoming
from connectors.databento.messages import Notice, Skipped
from connectors.databento.positions import Positions
from connectors.databento.seam import Seam
from connectors.databento.source import LivePartition, LiveParts, LiveSource
from connectors.databento.ticks import TickMaker
from connectors.databento.week import ClosedHours, Week
from connectors.databento.wire import WithRaw
from connectors.dbn_file import Hooks
from connectors.roots import RootTable
from dataflows.edges import roots_of
from operators.model.items import Tick
from operators.model.records import NS_PER_S, MboBatch

STEPS: Final = ("decode", "hours", "ticks", "positions", "roots")
FEED: Final = "bench"
READ_BYTES: Final = 1024 * 1024
"""As much as the connector reads at once."""
EPOCH_S: Final = 1.0
"""Time between two snapshots."""
EPOCH_ROWS: Final = 1_000_000
"""Records of an epoch at most."""
IDLE_S: Final = 0.001
"""The engine's pause after an empty batch."""
DEADLINE_S: Final = 120.0
_MARGIN_NS: Final = 5 * NS_PER_S


def measure(tape: Tape, **given: object) -> dict[str, Any]:
    """ns per record and records/s from a socket, and ns per record of each step from memory."""
    steps(tape)  # Kernels are loaded at their first call.
    return {
        "steps": steps(tape),
        "socket": from_socket(tape, taped=False, ts_out=False, **given),
        "socket_ts_out": from_socket(tape, taped=False, ts_out=True, **given),
        "socket_taped": from_socket(tape, taped=True, ts_out=True, **given),
    }


def steps(tape: Tape) -> dict[str, Any]:
    """ns per record of each step, as `LiveFeed` takes them, and of the seam of a replay."""
    watches = {name: Stopwatch() for name in STEPS}
    data = session_bytes(Path(tape.path).read_bytes(), ts_out=False)
    incoming = Incoming(FEED, "GLBX.MDP3", ts_out=False, is_compressed=False)
    positions, ticks, hours = Positions(), TickMaker(FEED, NS_PER_S), ClosedHours(_week())
    settings = _settings("127.0.0.1", 1, "unused", taped=False, ts_out=False)
    table = RootTable(FEED, roots_of(settings))
    records = 0
    batches: list[MboBatch] = []
    for start in range(0, len(data), READ_BYTES):
        read = data[start : start + READ_BYTES]
        with watches["decode"]:
            pieces = incoming.pieces(read)
        for piece in pieces:
            if not isinstance(piece, np.ndarray):
                if isinstance(piece, WithRaw) and not isinstance(piece.item, Notice | Skipped):
                    table.on_item(piece.item)
                continue
            records += piece.size
            batches.append(piece)
            with watches["hours"]:
                rows = hours.accept(piece)
            with watches["ticks"]:
                parts = ticks.cut(rows)
            for part in parts:
                if isinstance(part, Tick):
                    continue
                with watches["positions"]:
                    positions.note(part)
                with watches["roots"]:
                    table.on_rows(part)
    assert hours.closed_rows == 0, "the tape trades at a weekend"
    found = {name: watch.per(records) for name, watch in watches.items()}
    total = Stopwatch(
        sum(watch.wall_ns for watch in watches.values()),
        sum(watch.cpu_ns for watch in watches.values()),
    )
    return {**found, "seam": _seam(batches), "sum": total.per(records)}


def _seam(batches: list[MboBatch]) -> dict[str, Any]:
    """Of a replay after a cut in the middle: what was delivered before is in it, too."""
    positions = Positions()
    half = len(batches) // 2 or 1
    for rows in batches[:half]:
        positions.note(rows)
    start_ns = positions.resume_ns(_MARGIN_NS, _MARGIN_NS)
    assert start_ns is not None
    seam, watch, records = Seam(positions, start_ns), Stopwatch(), 0
    for rows in batches:
        replayed = rows[rows["ts_event"] >= np.uint64(start_ns)]
        records += replayed.size
        with watch:
            seam.accept(replayed)
    assert seam.state == "proven", seam.reason
    return watch.per(records)


def from_socket(tape: Tape, *, taped: bool, ts_out: bool, **given: object) -> dict[str, Any]:
    """One session from its first byte to its last record given out."""
    with (
        tempfile.TemporaryDirectory(prefix="ifd-bench-") as folder,
        _sender(tape, ts_out) as sender,
    ):
        port = int(sender.stdout.readline())
        settings = _settings("127.0.0.1", port, folder, taped=taped, ts_out=ts_out, **given)
        parts = LiveParts(tape=settings.tape, roots=roots_of(settings), week=_week())
        source = LiveSource(settings.live, parts, Hooks())
        part = source.build_part("feed", FEED, None)
        try:
            watch = _drained(part, tape.records, sender.stdin.close)
        finally:
            part.close()
    found = watch.per(tape.records)
    return {**found, "records_per_s": tape.records / (watch.wall_ns / NS_PER_S)}


def _drained(part: LivePartition, records: int, go: Callable[[], None]) -> Stopwatch:
    """Take all that comes once the sender is told to `go`, to the snapshot after the last record.

    A snapshot is taken each second, as the engine does, and as soon as an epoch may hold no more.
    """
    deadline_s = time.monotonic() + DEADLINE_S
    while part.feed is None or part.feed.session.told != "replaying":
        assert time.monotonic() < deadline_s, part.feed and part.feed.session.text
        part.next_batch()
        time.sleep(IDLE_S)
    go()
    watch = Stopwatch()
    snapshot_s, taken = time.monotonic() + EPOCH_S, 0
    with watch:
        while part.intake.counts.records < records:
            now_s = time.monotonic()
            is_full = part.intake.counts.records - taken >= EPOCH_ROWS
            if is_full or now_s >= snapshot_s:
                part.snapshot()
                snapshot_s, taken = now_s + EPOCH_S, part.intake.counts.records
            assert now_s < deadline_s, f"{part.intake.counts.records:,} records in {DEADLINE_S} s"
            if not part.next_batch():
                time.sleep(IDLE_S)
        part.snapshot()
    assert part.intake.counts.records == records
    return watch


@contextmanager
def _sender(tape: Tape, ts_out: bool) -> Iterator[Any]:
    """A process that prints its port and sends the tape once its input is closed."""
    command = [sys.executable, "-m", "benchmarks.sender", tape.path]
    command += ["--ts-out"] if ts_out else []
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _settings(host: str, port: int, folder: str, **given: object) -> Settings:
    taped, ts_out = given.pop("taped"), given.pop("ts_out")
    feed = {
        "symbols": ("ALL_SYMBOLS",),
        "host": host,
        "port": port,
        "ts_out": ts_out,
        "first_start": "replay",
        "subscriptions_per_s": 1_000,
        "rows_per_epoch_max": EPOCH_ROWS,
    }
    words: dict[str, object] = {f"live.feeds.{FEED}.{name}": each for name, each in feed.items()}
    words |= {"live.key": KEY, "tape.enabled": taped, "tape.directory": f"{folder}/tape"}
    words |= {key.replace("__", "."): value for key, value in given.items()}
    return load_settings(words)


def _week() -> Week:
    calendar = load_calendar()
    return Week(offset_s=calendar.offset_s, changes=calendar.changes)


def main() -> None:
    """Measure on a tape of 200 instruments, print JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.connector", description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    records = parser.parse_args().records
    orders = min(382_000, records // 10)
    sys.stdout.write(
        json.dumps(measure(tape_of("connector", wide(records, 200, orders, 25.0)))) + "\n"
    )


if __name__ == "__main__":
    main()

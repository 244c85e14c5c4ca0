"""ns per record of each step, driven one after the other over the same batches; no engine."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import databento_dbn
import numpy as np

from benchmarks.stopwatch import Stopwatch
from benchmarks.tapes import Tape
from config.calendar import load_calendar
from config.settings import Settings, load_settings
from connectors.dbn_stream import DbnStream
from connectors.roots import RootTable, Sharded
from dataflows.edges import roots_of
from operators import book as book_step
from operators import book_kernel
from operators.analyze import Analyze
from operators.baseline import Baseline
from operators.book import Book
from operators.detect import Detect
from operators.model.streams import Flowing
from operators.pressure import Pressure
from operators.validate import Validate

NAMES = ("validate", "book", "pressure", "baseline", "detect", "analyze")
_DECODER_BYTES = 64 * 1024


class TimedKernel:
    """The book's kernel module with its calls timed."""

    def __init__(self) -> None:
        self.watch = Stopwatch()

    def __getattr__(self, name: str) -> Any:
        return getattr(book_kernel, name)

    def apply_rows(self, *args: Any) -> Any:
        """As the kernel's."""
        with self.watch:
            return book_kernel.apply_rows(*args)


def settings_for(tape: Tape, folder: str, **given: object) -> Settings:
    """Settings of a run without Kafka that reads `tape`."""
    return load_settings(
        {
            "source.paths": (tape.path,),
            "source.summary_directory": folder,
            "kafka.bootstrap_servers": "",
            "recovery.directory": "",
            **{key.replace("__", "."): value for key, value in given.items()},
        }
    )


def measure(tape: Tape, settings: Settings, live_only: bool = True) -> dict[str, Any]:
    """ns per record of each step over the live part of `tape`, the opening applied before.

    Also the sum, and `kernel`: the book's kernel alone.
    """
    run = _Run(settings)
    start = tape.opening_records if live_only else 0
    stream = DbnStream(settings.source.feed, (tape.path,), chunk_rows=settings.source.batch_rows)
    while True:
        if run.records >= start and not run.counting:
            run.reset()
        with run.watches["decode"]:
            more = stream.fill()
        if not more:
            break
        run.on_piece(stream.head)
        stream.advance()
    return run.results()


class _Run:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._table = RootTable(settings.source.feed, roots_of(settings))
        self._chains: dict[int, list[Any]] = {}
        self._baseline = replace(settings.baseline, calendar=load_calendar())
        self._kernel = TimedKernel()
        book_step.kernel = self._kernel  # type: ignore[assignment]
        self.records = self._counted = 0
        self.counting = False
        self.watches = {name: Stopwatch() for name in ("decode", "split", *NAMES)}
        self._out: dict[str, int] = dict.fromkeys(NAMES, 0)

    def reset(self) -> None:
        """Count from here on."""
        self.counting, self._counted = True, self.records
        self.watches = {name: Stopwatch() for name in self.watches}
        self._kernel.watch = Stopwatch()

    def on_piece(self, piece: Any) -> None:
        """Through all steps."""
        if isinstance(piece, np.ndarray):
            with self.watches["split"]:
                sharded = self._table.on_rows(piece)
            self.records += piece.size
        elif hasattr(piece, "intervals"):
            sharded = self._table.on_header(piece)
        else:
            sharded = self._table.on_item(piece)
        for shard, received in _grouped(sharded).items():
            items = received
            chain = self._chains.get(shard) or self._chain(shard)
            for name, operator in zip(NAMES, chain, strict=True):
                with self.watches[name]:
                    items = operator.on_items(items)

    def results(self) -> dict[str, Any]:
        """By step, with the sum and the kernel alone."""
        records = self.records - self._counted
        found = {name: watch.per(records) for name, watch in self.watches.items()}
        total = Stopwatch(
            sum(watch.wall_ns for watch in self.watches.values()),
            sum(watch.cpu_ns for watch in self.watches.values()),
        )
        book_step.kernel = book_kernel
        return {"kernel": self._kernel.watch.per(records), **found, "sum": total.per(records)}

    def _chain(self, shard: int) -> list[Any]:
        settings = self._settings
        chain = self._chains[shard] = [
            Validate(settings.validate),
            Book(settings.book),
            Pressure(settings.pressure),
            Baseline(self._baseline),
            Detect(settings.detect),
            Analyze(settings.analyze),
        ]
        return chain


def _grouped(sharded: Iterable[Sharded]) -> dict[int, list[Flowing]]:
    groups: dict[int, list[Flowing]] = {}
    for shard, item in sharded:
        groups.setdefault(shard, []).append(item)
    return groups


def objects(tape: Tape) -> dict[str, Any]:
    """ns per record of databento's own decoder, which makes an object of each record."""
    decoder = databento_dbn.DBNDecoder()
    watch = Stopwatch()
    records = 0
    with Path(tape.path).open("rb") as file:
        while data := file.read(_DECODER_BYTES):
            with watch:
                decoder.write(data)
                records += len(decoder.decode())
    return watch.per(records)


def snapshot_bytes(dump: Callable[[Any], bytes], chains: Iterable[Iterable[Any]]) -> int:
    """Bytes of the pickled snapshots of all operators."""
    return sum(len(dump(operator.snapshot())) for chain in chains for operator in chain)

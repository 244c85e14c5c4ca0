"""ns per record of each step, driven one after the other over the same batches; no engine."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import databento_dbn
import numpy as np

from benchmarks.stopwatch import Stopwatch
from benchmarks.tapes import Tape
from config.calendar import load_calendar
from config.settings import Settings, load_settings
from connectors.databento.header import Header
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
from operators.outcome import Outcome
from operators.pressure import Pressure
from operators.validate import Validate

NAMES: Final = ("validate", "book", "pressure", "baseline", "detect", "analyze", "outcome")
_DECODER_BYTES: Final = 64 * 1024


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


def measure(tape: Tape, settings: Settings) -> dict[str, Any]:
    """ns per record of each step over the live part of `tape`, the opening applied before.

    Also `kernel`, the book's kernel alone, and `sum`, all steps.
    """
    chains = Chains(settings)
    chains.read(tape)
    return chains.results()


class Chains:
    """The operators of each shard, with a stopwatch for each step."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._table = RootTable(settings.source.feed, roots_of(settings))
        self._chains: dict[int, list[Any]] = {}
        self._baseline = replace(settings.baseline, calendar=load_calendar())
        self._kernel = TimedKernel()
        self._records = self._counted = 0
        self._watches = {name: Stopwatch() for name in ("decode", "split", *NAMES)}

    def read(self, tape: Tape) -> None:
        """The whole tape; only the live part counts."""
        source = self._settings.source
        stream = DbnStream(source.feed, (tape.path,), chunk_rows=source.batch_rows)
        counting = False
        setattr(book_step, "kernel", self._kernel)  # noqa: B010 - not part of its interface
        while True:
            if not counting and self._records >= tape.opening_records:
                counting = True
                self._restart()
            with self._watches["decode"]:
                more = stream.fill()
            if not more:
                break
            self._on_piece(stream.head)
            stream.advance()
        setattr(book_step, "kernel", book_kernel)  # noqa: B010

    def all(self) -> Iterable[list[Any]]:
        """The operators of each shard."""
        return self._chains.values()

    def results(self) -> dict[str, Any]:
        """By step, with the sum and the kernel alone."""
        records = self._records - self._counted
        total = Stopwatch(
            sum(watch.wall_ns for watch in self._watches.values()),
            sum(watch.cpu_ns for watch in self._watches.values()),
        )
        return {
            **{name: watch.per(records) for name, watch in self._watches.items()},
            "kernel": self._kernel.watch.per(records),
            "sum": total.per(records),
        }

    def _restart(self) -> None:
        self._counted = self._records
        self._watches = {name: Stopwatch() for name in self._watches}
        self._kernel.watch = Stopwatch()

    def _on_piece(self, piece: Any) -> None:
        if isinstance(piece, np.ndarray):
            with self._watches["split"]:
                sharded = self._table.on_rows(piece)
            self._records += piece.size
        elif isinstance(piece, Header):
            sharded = self._table.on_header(piece)
        else:
            sharded = self._table.on_item(piece)
        for shard, group in _grouped(sharded).items():
            items = group
            chain = self._chains.get(shard) or self._chain(shard)
            for name, operator in zip(NAMES, chain, strict=True):
                with self._watches[name]:
                    items = operator.on_items(items)

    def _chain(self, shard: int) -> list[Any]:
        settings = self._settings
        chain = self._chains[shard] = [
            Validate(settings.validate),
            Book(settings.book),
            Pressure(settings.pressure),
            Baseline(self._baseline),
            Detect(settings.detect),
            Analyze(settings.analyze),
            Outcome(settings.outcome),
        ]
        return chain


def _grouped(sharded: Iterable[Sharded]) -> dict[int, list[Flowing]]:
    groups: dict[int, list[Flowing]] = {}
    for shard, item in sharded:
        groups.setdefault(shard, []).append(item)
    return groups


def objects(tape: Tape) -> dict[str, Any]:
    """ns per record of databento's own decoder, which makes an object of each record."""
    watch = Stopwatch()
    records = 0
    decoder = databento_dbn.DBNDecoder()
    with Path(tape.path).open("rb") as file:
        while data := file.read(_DECODER_BYTES):
            with watch:
                decoder.write(data)
                records += len(decoder.decode())
    return watch.per(records)

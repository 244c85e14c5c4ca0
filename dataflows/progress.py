"""How far a feed, or a preparation, has come: bars on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from connectors.dbn_file import Progress as FeedProgress

LINE_S: Final = 30.0
"""Seconds between two lines where there is no terminal."""

Clock = Callable[[], float]


class RecordsColumn(ProgressColumn):
    """Records so far and per second."""

    def render(self, task: Task) -> Text:
        """Such as `12,400,000 records, 2.4 M/s`."""
        records = int(task.fields.get("records", 0))
        return Text(_records(records, task.elapsed or 0.0))


class FeedLines:
    """Progress of a feed as lines for a log, one every `LINE_S` seconds."""

    def __init__(self, text: str, out: TextIO, clock: Clock = time.monotonic) -> None:
        self._text = text
        self._out = out
        self._clock = clock
        self._started_s = self._told_s = clock()

    def __call__(self, progress: FeedProgress) -> None:
        """Write a line if it is time; such as `replay: 12 %, 1,240,000 records, 2.4 M/s, …`."""
        now_s = self._clock()
        if now_s - self._told_s < LINE_S:
            return
        self._told_s = now_s
        elapsed_s = now_s - self._started_s
        done, total = progress.bytes_done, progress.bytes_total
        left = f", about {elapsed_s * (total - done) / done:.0f} s left" if 0 < done else ""
        percent = 100 * done // total if total else 100
        records = _records(progress.counts.records, elapsed_s)
        self._out.write(f"{self._text}: {percent} %, {records}{left}\n")
        self._out.flush()


@contextmanager
def progress_bar(text: str, out: TextIO) -> Iterator[Callable[[FeedProgress], None]]:
    """Gives a callback for the source: a bar on a terminal, else lines."""
    if not out.isatty():
        yield FeedLines(text, out)
        return
    columns = (
        TextColumn(text),
        BarColumn(),
        RecordsColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task(text, total=None, records=0)

        def on_progress(progress: FeedProgress) -> None:
            bar.update(
                task,
                completed=progress.bytes_done,
                total=progress.bytes_total,
                records=progress.counts.records,
            )

        yield on_progress


class Stages:
    """Stages of a preparation, one after the other: a bar each on a terminal, else lines."""

    def __init__(
        self,
        out: TextIO,
        bar: Progress | None,
        clock: Clock = time.monotonic,
        on_text: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """`on_text` is told where the preparation stands, at every step of it."""
        self._out = out
        self._bar = bar
        self._clock = clock
        self._on_text = on_text
        self._task: TaskID | None = None
        self._text = ""
        self._began_s = self._told_s = clock()

    def begin(self, text: str, total: float | None = None) -> None:
        """The next stage; `total` None: nobody knows how long it takes."""
        self.end()
        self._text = text
        self._began_s = self._told_s = self._clock()
        self._on_text(text)
        if self._bar is not None:
            self._task = self._bar.add_task(text, total=total)
        else:
            self._write(f"{text} …")

    def advance_to(self, completed: float, total: float) -> None:
        """So much of the stage is done."""
        now_s = self._clock()
        if total > 0:
            self._on_text(f"{self._text}: {100 * completed / total:.0f} %")
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=completed, total=total)
        elif now_s - self._told_s >= LINE_S / 3 and total > 0:
            self._told_s = now_s
            self._write(f"{self._text}: {100 * completed / total:.0f} %")

    def end(self) -> None:
        """The stage is over; does nothing where none is."""
        if not self._text:
            return
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=1, total=1)
        else:
            self._write(f"{self._text}: done in {self._clock() - self._began_s:.0f} s")
        self._text = ""

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


@contextmanager
def stages(out: TextIO, on_text: Callable[[str], None] = lambda _text: None) -> Iterator[Stages]:
    """Stages shown on `out` and told to `on_text`; the last one ends with the block."""
    if not out.isatty():
        shown = Stages(out, None, on_text=on_text)
        yield shown
        shown.end()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out)) as bar:
        shown = Stages(out, bar, on_text=on_text)
        yield shown
        shown.end()


def _records(records: int, elapsed_s: float) -> str:
    rate = records / elapsed_s if elapsed_s > 0 else 0.0
    return f"{records:,} records, {_short(rate)}/s"


def _short(rate: float) -> str:
    if rate >= 1e6:
        return f"{rate / 1e6:.1f} M"
    return f"{rate / 1e3:.0f} k" if rate >= 1e3 else f"{rate:.0f}"

"""A progress bar over the bytes of a feed's files, with rate and time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from connectors.dbn_file import Progress as FeedProgress


class RecordsColumn(ProgressColumn):
    """Records so far and per second."""

    def render(self, task: Task) -> Text:
        """Such as `12,400,000 records, 2.4 M/s`."""
        records = int(task.fields.get("records", 0))
        elapsed_s = task.elapsed or 0.0
        rate = records / elapsed_s if elapsed_s > 0 else 0.0
        return Text(f"{records:,} records, {_short(rate)}/s")


@contextmanager
def progress_bar(text: str, out: TextIO) -> Iterator[Callable[[FeedProgress], None]]:
    """Gives a callback for the source. Draws nothing where `out` is not a terminal."""
    if not out.isatty():
        yield lambda _progress: None
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


def _short(rate: float) -> str:
    if rate >= 1e6:
        return f"{rate / 1e6:.1f} M"
    return f"{rate / 1e3:.0f} k" if rate >= 1e3 else f"{rate:.0f}"

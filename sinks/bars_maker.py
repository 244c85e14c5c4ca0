"""Maker: turns the spools of spans that are over into Parquet files, beside the flow."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Condition, Thread
from typing import Final

from polars.exceptions import PolarsError

from sinks.bars_config import BarsConfig
from sinks.bars_files import Span
from sinks.bars_spool import BarsCounters
from sinks.bars_table import write_table

LOG: Final = logging.getLogger(__name__)

RETRY_FIRST_S: Final = 1.0
RETRY_LAST_S: Final = 60.0
PRUNE_EVERY_S: Final = 3_600.0
DAY_S: Final = 86_400.0


class Maker:
    """A queue of spans; one span each per root may wait, so roots bound it."""

    def __init__(self, config: BarsConfig, counters: BarsCounters) -> None:
        self._config = config
        self._directory = Path(config.directory)
        self._counters = counters
        self._changed = Condition()
        self._waiting: deque[Span] = deque()
        self._closing = False
        self._wait_s = RETRY_FIRST_S
        self._prune_due_s = 0.0
        self._thread = Thread(target=self._run, name="bars", daemon=True)
        self._thread.start()

    def put(self, span: Span) -> None:
        """Make its file, as soon as may be."""
        with self._changed:
            self._waiting.append(span)
            self._changed.notify_all()

    def waiting(self) -> list[Span]:
        """Spans that have no file yet; a copy."""
        with self._changed:
            return list(self._waiting)

    def close(self) -> None:
        """Make those that wait for `flush_timeout_s`, and stop."""
        deadline = time.monotonic() + self._config.flush_timeout_s
        with self._changed:
            while self._waiting and (left_s := deadline - time.monotonic()) > 0:
                self._changed.wait(left_s)
            self._closing = True
            self._changed.notify_all()
        # A file under way is made again if the process ends before it.
        self._thread.join(max(1.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (span := self._next()) is not None:
            try:
                make(self._directory, span)
            except (OSError, PolarsError, ValueError) as error:
                self._put_off(span, error)
            else:
                self._counters.files += 1
                self._wait_s = RETRY_FIRST_S
                with self._changed:
                    self._waiting.popleft()
                    self._changed.notify_all()
            self._prune()

    def _next(self) -> Span | None:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return None if self._closing else self._waiting[0]

    def _put_off(self, span: Span, error: Exception) -> None:
        self._counters.files_failed += 1
        LOG.warning("bars: %s: %s; trying again", span.closed(self._directory), error)
        with self._changed:
            # Behind the others, which may be sound.
            self._waiting.rotate(-1)
            self._changed.wait_for(lambda: self._closing, self._wait_s)
        self._wait_s = min(2 * self._wait_s, RETRY_LAST_S)

    def _prune(self) -> None:
        now_s = time.monotonic()
        if not self._config.days or now_s < self._prune_due_s:
            return
        self._prune_due_s = now_s + PRUNE_EVERY_S
        before_s = time.time() - self._config.days * DAY_S
        self._counters.pruned += sum(1 for _ in prune(self._directory, before_s))


def make(directory: Path, span: Span) -> None:
    """The Parquet file of a span, then its spool goes. Does nothing if that has been done.

    Raises:
        OSError, PolarsError: It cannot be read or written; both may be tried again.
        ValueError: The spool holds something else.
    """
    spool, target = span.open(directory), span.closed(directory)
    if not target.exists() and spool.exists():
        write_table(spool, span.generation, target)
    spool.unlink(missing_ok=True)
    for folder in (spool.parent, spool.parent.parent):
        try:
            folder.rmdir()
        except OSError:
            return  # Not empty, or gone.


def prune(directory: Path, before_s: float) -> Iterator[Path]:
    """Delete files written before an instant, seconds since the epoch; gives each one."""
    for file in directory.glob("date=*/root=*/*.parquet"):
        try:
            if file.stat().st_mtime < before_s:
                file.unlink()
                yield file
                file.parent.rmdir()
                file.parent.parent.rmdir()
        except OSError:
            continue  # Not empty, or another process was faster.

"""Downloads history into files, with the patience that the client lacks. Blocks: in a thread.

Delivery: effectively once. What a broken body has brought is kept up to the last moment that is
surely complete, and the rest is asked for from that moment on: `start` is inclusive, so records
that share it come again, and those of the torn file are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import random
from shutil import disk_usage
from threading import Event
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

from connectors.databento.backoff import Backoff, BackoffConfig
from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_errors import HistoryError, Trouble, broken, trouble
from connectors.databento.history_files import Found, Part, examine
from connectors.databento.history_plan import HistorySymbols, Request, Window, requests
from operators.model.records import NS_PER_S

T = TypeVar("T")
SUFFIX: Final = ".dbn.zst"


class Client(Protocol):
    """What is used of `databento.Historical`."""

    @property
    def metadata(self) -> Any:
        """Questions about ranges."""

    @property
    def timeseries(self) -> Any:
        """Ranges."""


class Closed(Exception):
    """The feed was closed: nobody waits for the rest."""


@dataclass(slots=True)
class HistoryCounts:
    """What history has done so far. Written by the feed's thread, read by any."""

    requests: int = 0
    """Asked, the failed ones included."""
    retries: int = 0
    """Requests that were a further try."""
    resumed: int = 0
    """Broken downloads that went on where they broke."""
    records: int = 0
    """Downloaded, those left out at the seams of resumed downloads included."""
    record_bytes: int = 0
    """Of those, uncompressed: what is billed."""
    cost_usd: float = 0.0
    """Cost of what was asked for, as the service named it beforehand."""
    windows: int = 0
    """Stretches of time that are whole."""
    given: int = 0
    """Market-by-order records given out."""
    others: int = 0
    """Other records given out, mappings and checks included."""
    checks: int = 0
    """Books that are to be compared with history's."""
    snapshot_orders: int = 0
    """Orders of midnight snapshots that became part of a check."""


@dataclass(frozen=True, slots=True)
class Download:
    """The answer to one request for one window and schema."""

    schema: str
    request: Request
    parts: tuple[Part, ...]


class Downloader:
    """One feed's requests. Used by one thread."""

    def __init__(
        self,
        client: Client,
        config: HistoryConfig,
        symbols: HistorySymbols,
        folder: Path,
        counts: HistoryCounts,
    ) -> None:
        self.closed = Event()
        """Set it to end every wait."""
        self._client, self._config, self._symbols = client, config, symbols
        self._folder, self._counts = folder, counts
        self._requests = requests(symbols)
        self._files = 0

    def cost_usd(self, window: Window) -> float:
        """What the window costs, as the service says. Raises HistoryError, Closed."""
        return sum(
            self._patiently(
                lambda schema=schema, request=request: float(  # type: ignore[misc]
                    self._client.metadata.get_cost(
                        self._symbols.dataset,
                        start=window.start_ns,
                        end=window.stop_ns,
                        symbols=list(request.symbols),
                        schema=schema,
                        stype_in=request.stype,
                    )
                )
            )
            for schema in window.schemas
            for request in self._requests
        )

    def fetch(self, window: Window) -> list[Download]:
        """Download the window, schemas in the order of the plan. Raises HistoryError, Closed."""
        return [
            Download(schema, request, self._fetched(window, schema, request))
            for schema in window.schemas
            for request in self._requests
        ]

    def _fetched(self, window: Window, schema: str, request: Request) -> tuple[Part, ...]:
        parts: list[Part] = []
        start_ns = window.start_ns
        backoff = self._backoff()
        while True:
            path = self._path()
            failed = self._tried(path, schema, request, start_ns, window.stop_ns)
            found = examine(str(path))
            self._count(found)
            if failed is None and not found.fault:
                return (*parts, Part(str(path)))
            if found.newest_ns is not None and found.newest_ns > start_ns:
                start_ns = found.newest_ns
                parts.append(Part(str(path), start_ns))
                backoff.succeeded()
                self._counts.resumed += 1
            else:
                path.unlink(missing_ok=True)
            self._wait(failed or broken(found.fault, self._config.gateway), backoff)

    def _tried(
        self, path: Path, schema: str, request: Request, start_ns: int, stop_ns: int
    ) -> Trouble | None:
        """Ask once, into the file `path`; what went wrong."""
        self._check_space()
        self._counts.requests += 1
        try:
            store = self._client.timeseries.get_range(
                self._symbols.dataset,
                start=start_ns,
                end=stop_ns,
                symbols=list(request.symbols),
                schema=schema,
                stype_in=request.stype,
                path=path,
            )
            store.reader.close()
        except Exception as error:  # noqa: BLE001 - whatever the client raises is judged there
            _close_files(error)
            # Once there is a file the request was a good one: the client stumbles over its end.
            judge = broken if path.exists() else trouble
            return judge(error, self._config.gateway)
        return None

    def _patiently(self, ask: Callable[[], T]) -> T:
        backoff = self._backoff()
        while True:
            self._counts.requests += 1
            try:
                return ask()
            except Exception as error:  # noqa: BLE001 - whatever the client raises is judged there
                failed = trouble(error, self._config.gateway)
            self._wait(failed, backoff)

    def _wait(self, failed: Trouble, backoff: Backoff) -> None:
        """Pause before another try. Raises HistoryError where there is none, Closed."""
        if self.closed.is_set():
            raise Closed
        if not failed.retry:
            raise failed.error()
        if backoff.attempts + 1 >= self._config.attempts_max:
            tries = f"{self._config.attempts_max} tries in a row brought nothing"
            raise HistoryError(f"{tries} (history.attempts_max): {failed.text}", is_final=False)
        self._counts.retries += 1
        pause_s = max(backoff.next_ns(random()) / NS_PER_S, failed.after_s or 0.0)
        if self.closed.wait(pause_s):
            raise Closed

    def _backoff(self) -> Backoff:
        if self.closed.is_set():
            raise Closed
        bounds = (self._config.backoff_first_ms, self._config.backoff_most_ms)
        return Backoff(BackoffConfig(least_ms=0, first_ms=bounds[0], most_ms=bounds[1]))

    def _count(self, found: Found) -> None:
        self._counts.records += found.records
        self._counts.record_bytes += found.record_bytes

    def _path(self) -> Path:
        self._files += 1
        return self._folder / f"{self._files}{SUFFIX}"

    def _check_space(self) -> None:
        free = disk_usage(self._folder).free
        if free < self._config.free_bytes_min:
            bounds = f"expected {self._config.free_bytes_min} bytes free (history.free_bytes_min)"
            text = f"{self._config.directory}: {bounds}, found {free}; make room"
            raise HistoryError(text, is_final=False)


def _close_files(error: BaseException) -> None:
    """Close what the client leaves open when a body is not whole, so that all of it is in the file.

    The client gives no hold on its files: they are found where the error passed through.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        for name in ("writer", "buffer"):
            close = getattr(trace.tb_frame.f_locals.get(name), "close", None)
            if close is not None:
                close()
        trace = trace.tb_next

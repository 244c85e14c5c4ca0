"""The thread of a history feed: asks what the range costs, then downloads stretch after stretch.

It is at most one stretch ahead of the reader. Every end it comes to is handed over as a value.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock, Thread
from typing import Final

import databento

from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_download import (
    Client,
    Closed,
    Download,
    Downloader,
    HistoryCounts,
)
from connectors.databento.history_errors import HistoryError, trouble
from connectors.databento.history_ledger import Ledger
from connectors.databento.history_plan import HistorySymbols, Window

_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Ready:
    """A stretch of time that has been downloaded."""

    window: Window
    downloads: list[Download]


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows."""

    error: HistoryError | None


class HistoryWorker:
    """Downloads for one feed, in a thread of its own."""

    def __init__(
        self,
        config: HistoryConfig,
        symbols: HistorySymbols,
        windows: list[Window],
        *,
        key: str,
        counts: HistoryCounts,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin.

        Args:
            config: see there.
            symbols: what the feed is subscribed to.
            windows: what is to be downloaded, in order.
            key: of Databento; it stands in no text.
            counts: written here.
            clock_ns: wall clock, for the day that costs count to.
        """
        self._config, self._symbols, self._windows = config, symbols, windows
        self._key, self._counts, self._clock_ns = key, counts, clock_ns
        self._ledger = Ledger(Path(config.directory))
        self._queue: Queue[Ready | End] = Queue(maxsize=1)
        self._downloader: Downloader | None = None
        self._folder: Path | None = None
        self._lock = Lock()
        self._is_closed = self._has_ended = False
        self._thread = Thread(target=self._run, name=f"history-{symbols.feed}", daemon=True)
        self._thread.start()

    def take(self) -> Ready | End | None:
        """What has come next; None while nothing has."""
        try:
            return self._queue.get_nowait()
        except Empty:
            return None

    def close(self) -> None:
        """Ask the thread to end; the files go, now or with it."""
        with self._lock:
            self._is_closed = True
            if self._downloader is not None:
                self._downloader.closed.set()
            if self._has_ended:
                self._remove()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; whether it has ended."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        end: HistoryError | None = None
        try:
            self._work(self._begun())
        except Closed:
            pass
        except HistoryError as error:
            end = error
        except Exception as error:  # noqa: BLE001 - the thread's last word is a value, too
            end = trouble(error, self._config.gateway).error()
        with suppress(Closed):
            self._put(End(end))
        with self._lock:
            self._has_ended = True
            if self._is_closed:
                self._remove()

    def _begun(self) -> Downloader:
        """Folder and client."""
        parent = Path(self._config.directory) / self._symbols.feed
        try:
            # What a killed process has left.
            rmtree(parent, ignore_errors=True)
            parent.mkdir(parents=True)
            self._folder = Path(mkdtemp(dir=parent))
        except OSError as error:
            found = f"found: {error.strerror or error}"
            text = f"{parent}: expected a folder that can be written, {found}"
            raise HistoryError(f"{text}; set history.directory", is_final=True) from error
        client = open_client(self._key, self._config)
        facts = (self._config, self._symbols, self._folder, self._counts)
        downloader = Downloader(client, *facts)
        with self._lock:
            self._downloader = downloader
            if self._is_closed:
                raise Closed
        return downloader

    def _work(self, downloader: Downloader) -> None:
        is_free = self._check_cost(downloader)
        for window in self._windows:
            if not is_free:
                self._spend(downloader.cost_usd(window))
            ready = Ready(window, downloader.fetch(window))
            self._counts.windows += 1
            self._put(ready)

    def _check_cost(self, downloader: Downloader) -> bool:
        """Refuse what the day cannot bear before anything is spent; whether it costs nothing."""
        if not self._windows:
            return True
        last = self._windows[-1]
        first = next(each for each in self._windows if each.schemas == last.schemas)
        whole = Window(first.start_ns, last.stop_ns, last.schemas)
        ahead = [each for each in self._windows if each.schemas != last.schemas]
        cost_usd = sum(map(downloader.cost_usd, [whole, *ahead]))
        spent_usd = self._ledger.spent_usd(self._clock_ns())
        if spent_usd + cost_usd > self._config.cost_max_usd:
            raise self._too_dear(cost_usd, spent_usd)
        return cost_usd == 0.0

    def _spend(self, cost_usd: float) -> None:
        now_ns = self._clock_ns()
        if not self._ledger.spend(now_ns, cost_usd, self._config.cost_max_usd):
            raise self._too_dear(cost_usd, self._ledger.spent_usd(now_ns))
        self._counts.cost_usd += cost_usd

    def _too_dear(self, cost_usd: float, spent_usd: float) -> HistoryError:
        most = f"history.cost_max_usd ({self._config.cost_max_usd:g}) allows in a day"
        found = f"expected at most what {most}, found {cost_usd:.4f} USD to pay"
        spent = f" after {spent_usd:.4f} spent today" if spent_usd > 0 else ""
        remedy = "raise it, or let live begin anew from a snapshot"
        return HistoryError(f"{found}{spent}; {remedy}", is_final=True)

    def _put(self, value: Ready | End) -> None:
        """Hand over; waits while the one before has not been taken. Raises Closed."""
        while not self._is_closed:
            with suppress(Full):
                return self._queue.put(value, timeout=_POLL_S)
        raise Closed

    def _remove(self) -> None:
        if self._folder is not None:
            rmtree(self._folder, ignore_errors=True)


def open_client(key: str, config: HistoryConfig) -> Client:
    """The vendor's client, with our timeout.

    Raises:
        HistoryError: key or address cannot be one.
    """
    try:
        client: Client = databento.Historical(key, config.gateway)
    except ValueError:
        # Its text may hold the key.
        text = "expected a key and an address of the service, found one that the client refuses"
        raise HistoryError(
            f"{text}; set DATABENTO_API_KEY, and history.gateway", is_final=True
        ) from None
    client.metadata.TIMEOUT = client.timeseries.TIMEOUT = config.timeout_s
    return client

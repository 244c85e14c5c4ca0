"""Reading: queries of the store in a few threads of their own, each with a time limit.

A locked, slow or absent database answers 503 to those who ask it; the loop, and with it the
WebSocket server, does not notice.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from operators.model.errors import IfdError
from sinks.relay.api.config import HttpConfig
from sinks.relay.api.problems import Problem, unavailable

S = TypeVar("S")
T = TypeVar("T")
log = logging.getLogger("ifd.relay.http")


@dataclass(slots=True)
class ReadingCounters:
    """How queries ended, and how many are under way."""

    done: int = 0
    """Answered by the store."""
    failed: int = 0
    """The store refused or could not."""
    timed_out: int = 0
    """Took too long."""
    refused: int = 0
    """Too many others were waiting."""
    waiting: int = 0
    """Queries under way now."""


class Reading(Generic[S]):
    """Threads over one store. At most `store_threads` queries run, abandoned ones included."""

    def __init__(self, store: S | None, config: HttpConfig, name: str = "store") -> None:
        """Without a store every read is a 503 that says so; `name` is what it is called."""
        self._name = name
        self._store = store
        self._config = config
        self._pool: ThreadPoolExecutor | None = None
        self._waiting_max = config.store_threads + config.store_waiting_max
        self.counters = ReadingCounters()
        self.fault: str = "" if store is not None else f"this relay has no {name}"
        """Why the last query failed; empty after one that did not."""

    @property
    def is_absent(self) -> bool:
        """Whether there is nothing to read from."""
        return self._store is None

    async def read(self, query: Callable[[S], T]) -> T:
        """What `query` returns.

        Raises:
            Problem: 503 with Retry-After: no store, too many waiting, too slow, or it failed.
        """
        if self._store is None:
            raise unavailable(f"{self._name}-absent", self.fault, retry_after_s=60)
        if self.counters.waiting >= self._waiting_max:
            self.counters.refused += 1
            raise unavailable(f"{self._name}-busy", f"too many wait for the {self._name}", 2)
        self.counters.waiting += 1
        try:
            return await self._timed(query, self._store)
        finally:
            self.counters.waiting -= 1

    def close(self) -> None:
        """End the threads; queries under way end by themselves. A later read starts them anew."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _timed(self, query: Callable[[S], T], store: S) -> T:
        if self._pool is None:
            threads = self._config.store_threads
            self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"{self._name}-read")
        loop = asyncio.get_running_loop()
        task = loop.run_in_executor(self._pool, query, store)
        try:
            found = await asyncio.wait_for(task, self._config.store_timeout_s)
        except TimeoutError:
            self.counters.timed_out += 1
            self.fault = f"no answer within {self._config.store_timeout_s:g} s"
            raise unavailable(f"{self._name}-slow", f"the {self._name} gave {self.fault}") from None
        except Problem:
            raise
        except IfdError as error:
            self.counters.failed += 1
            self.fault = " ".join(str(error).split())
            log.warning("the %s failed: %s", self._name, self.fault)
            raise unavailable(self._name, f"the {self._name} cannot be read now") from error
        self.counters.done += 1
        self.fault = ""
        return found

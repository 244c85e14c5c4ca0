"""One thread that runs one event loop for the sockets of all feeds of a process."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Lock, Thread
from time import monotonic_ns
from typing import Any, Final

from connectors.databento.backoff import RateLimit
from operators.model.records import NS_PER_S

_STOP_S: Final = 5.0


class LoopThread:
    """A daemon thread that begins with the first task and ends with `stop`.

    New connections take turns here, so that a process never makes more in a second than the
    gateway takes from one address.
    """

    def __init__(self, connects_per_s_max: int = 4) -> None:
        self._turns = RateLimit(connects_per_s_max)
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def run(self, task: Coroutine[Any, Any, None]) -> "Future[None]":
        """Start a task; from any thread. Cancelling what is returned cancels the task."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=_run, args=(self._loop,), name="ifd-live", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(task, self._loop)

    async def turn(self) -> None:
        """Wait until one more connection may be made. In the loop's thread."""
        await asyncio.sleep(self._turns.book_ns(monotonic_ns()) / NS_PER_S)

    def stop(self) -> None:
        """Cancel all tasks and end the thread; a later `run` begins anew."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(_wind_down(), loop).result(_STOP_S)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_STOP_S)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _wind_down() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # An aborted transport closes its socket in the round after.
    await asyncio.sleep(0)
    await asyncio.sleep(0)

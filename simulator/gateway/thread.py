"""A gateway in a thread of this process: for tests, and for programs that bring their own."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Final, Self

from simulator.gateway.server import Gateway

_STOP_S: Final = 10.0


class GatewayThread:
    """Runs a gateway's loop in a daemon thread, from `with` to its end."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="ifd-gateway", daemon=True)
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.gateway.config.host}:{self.gateway.port}"

    def __enter__(self) -> Self:
        """Listen and serve."""
        try:
            self.gateway.listen()
        except BaseException:
            self._loop.close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every session and the port."""
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(_STOP_S)
        assert not self._thread.is_alive(), "the gateway's thread did not end"

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run something in the gateway's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self.gateway.run())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self.gateway.market.log.close()
            self._loop.close()

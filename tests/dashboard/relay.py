"""The relay's own hub, WebSocket and HTTP side in a thread, for a browser beside it."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import uvicorn

from dataflows.supervisor import free_ports
from operators.model.streams import Message
from sinks.published import Published, published
from sinks.relay.api.app import create_app
from sinks.relay.api.config import HttpConfig
from sinks.relay.api.latency import LatencyWindow
from sinks.relay.api.ports import History
from sinks.relay.api.readiness import Readiness
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.server import Relay

GENERATION = "g-browser"
BORN_MS = 1_775_482_200_000
DEADLINE_S = 30.0


class BrowserRelay:
    """Serves what tests publish. A restart keeps its ports and forgets what the hub held."""

    def __init__(self, history: History | None = None, **given: Any) -> None:
        self.history = history
        http_port, ws_port = free_ports(2)
        self.config = RelayConfig(**{"http_port": http_port, "ws_port": ws_port, **given})
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> "BrowserRelay":
        """Listen; returns when both ports answer."""
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(ready),))
        self._thread.start()
        assert ready.wait(DEADLINE_S), "the relay did not start"
        return self

    def stop(self) -> None:
        """Say goodbye to the clients and end."""
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the relay did not end"

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.config.http_port}/"

    def publish(
        self, messages: Iterable[Message], generation: str = GENERATION, born_ms: int = BORN_MS
    ) -> None:
        """Hand messages of the flow to the hub, as a feed does; returns when it has them."""
        now_ns = time.time_ns()
        self.take([published(one, generation, born_ms, now_ns) for one in messages])

    def take(self, batch: list[Published]) -> None:
        """Hand published messages to the hub."""
        self.call(lambda: self.hub.publish(batch))

    def call(self, act: Callable[[], Any]) -> Any:
        """Run something in the relay's loop."""

        async def run() -> Any:
            found = act()
            return await found if isinstance(found, Awaitable) else found

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(DEADLINE_S)

    async def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        latency = LatencyWindow()
        self.hub = Hub(self.config, on_relayed=latency.add)
        self.relay = relay = Relay(self.config, self.hub)
        await relay.start()
        app = create_app(
            self.config,
            HttpConfig(burst=100_000),
            self.hub,
            self.history,
            version="0.0-test",
            readiness=Readiness(),
            latency=latency,
        )
        settings = uvicorn.Config(
            app,  # type: ignore[arg-type]
            host="127.0.0.1",
            port=self.config.http_port,
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(settings)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)  # uvicorn tells it by an attribute only
        ready.set()
        await self._stop.wait()
        await relay.close()
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving

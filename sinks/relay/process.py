"""The relay's process: one loop with a hub, its feeds, the WebSocket and the HTTP side."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import uvicorn

from operators.model.errors import ConfigError
from sinks.kafka_config import KafkaConfig
from sinks.published import Published
from sinks.relay.api.app import create_app
from sinks.relay.api.baselines import BaselineOf
from sinks.relay.api.config import HttpConfig
from sinks.relay.api.latency import LatencyWindow
from sinks.relay.api.ports import History
from sinks.relay.api.readiness import Readiness
from sinks.relay.client import RelayCounters
from sinks.relay.config import RelayConfig
from sinks.relay.feeds import Feeds
from sinks.relay.hub import Hub
from sinks.relay.kafka_feed import KafkaFeed, KafkaFeedCounters
from sinks.relay.push_receiver import PushReceiver, PushReceiverCounters
from sinks.relay.server import Relay
from sinks.relay.turns import publish

STOP_S: Final = 3.0
"""For requests under way to end at a stop."""
KAFKA: Final = "kafka"
PUSH: Final = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the process is made of, beside what it makes itself."""

    relay: RelayConfig
    http: HttpConfig
    kafka: KafkaConfig
    """Read if it has an address."""
    history: History | None = None
    """The store; None: what is in the hub is all there is."""
    baseline_of: BaselineOf | None = None
    push_token: str = ""
    """What workers that push must show; empty: they push on loopback only."""
    version: str = "unknown"


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """What the process does, for who wants to show it: the objects live on, the numbers move."""

    hub: Hub
    """`positions()`, `epoch` and counters."""
    clients: RelayCounters
    push: PushReceiverCounters
    kafka: KafkaFeedCounters
    """All 0 without Kafka."""
    feeds: Feeds
    """`connected()`."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the process can be reached, and what it does there."""

    http_port: int
    ws_port: int
    push_port: int
    status: RelayStatus


async def serve(parts: Parts, stop: asyncio.Event, on_ready: Callable[[Listening], None]) -> None:
    """Run until `stop` is set; then clients are told when to come back, and all ends.

    Raises:
        ConfigError: A port cannot be had.
    """
    latency, readiness = LatencyWindow(), Readiness()
    feeds = Feeds(readiness)
    hub = Hub(parts.relay, on_relayed=latency.add)
    async with AsyncExitStack() as stack:
        listener = bind(parts.relay)
        stack.callback(listener.close)
        # The door lets the dashboard in by its port, which may have been any free one.
        config = replace(parts.relay, http_port=listener.getsockname()[1])
        relay = Relay(config, hub)
        await relay.start()
        stack.push_async_callback(relay.close)
        receiver = _receiver(parts, hub, feeds)
        await receiver.start()
        stack.push_async_callback(receiver.close)
        app = create_app(
            config,
            parts.http,
            hub,
            parts.history,
            version=parts.version,
            readiness=readiness,
            latency=latency,
            ws_port=relay.port,
            bootstrap_servers=parts.kafka.bootstrap_servers,
            baseline_of=parts.baseline_of,
        )
        await stack.enter_async_context(_http(app, listener))
        kafka = _kafka(parts, hub, feeds)
        stack.push_async_callback(kafka.close)
        if parts.kafka.bootstrap_servers:
            kafka.start()
        status = RelayStatus(hub, relay.counters, receiver.counters, kafka.counters, feeds)
        on_ready(Listening(listener.getsockname()[1], relay.port, receiver.port, status))
        await stop.wait()
        # Clients hear of it first; what is slow to end has no say in that.
        await asyncio.gather(relay.close(), receiver.close(), kafka.close())


def bind(config: RelayConfig) -> socket.socket:
    """The socket of the HTTP side.

    Raises:
        ConfigError: The port is taken, or the address is none of ours.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    found = socket.socket(family)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((config.host, config.http_port))
    except OSError as error:
        found.close()
        why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
        raise ConfigError(
            f"relay.http_port: {config.host}:{config.http_port} {why}; choose another with "
            "--http-port or IFD_RELAY__HTTP_PORT"
        ) from error
    return found


class _Server(uvicorn.Server):
    """Leaves signals alone: the process decides when all of its parts end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _http(app: object, listener: socket.socket) -> AsyncIterator[None]:
    server = _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type]
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=round(STOP_S),
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)  # uvicorn tells it by an attribute only
        yield
    finally:
        server.should_exit = True
        await serving


def _receiver(parts: Parts, hub: Hub, feeds: Feeds) -> PushReceiver:
    def on_workers(count: int) -> None:
        feeds.tell(PUSH, "" if count else "no worker is connected")

    on_workers(0)
    return PushReceiver(parts.relay, parts.push_token, hub, on_workers)


def _kafka(parts: Parts, hub: Hub, feeds: Feeds) -> KafkaFeed:
    """The feed, not started yet."""

    async def take(batch: Sequence[Published]) -> None:
        await publish(hub, batch)

    if servers := parts.kafka.bootstrap_servers:
        feeds.tell(KAFKA, f"{servers} has not answered yet")
    return KafkaFeed(
        parts.kafka,
        parts.relay.ring_messages_max,
        take,
        lambda fault: feeds.tell(KAFKA, fault),
    )

"""Server: the WebSocket side of the relay, on `websockets`. Thin: what is decided is elsewhere.

Delivery: at most once per connection; over connections effectively once, because a client comes
back with the seq it has and the hub gives it everything after, or says that it cannot.
Parallelism: one loop; more relays beside it serve the same numbers.
"""

import asyncio
import errno
import logging
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from secrets import token_hex
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from operators.model.errors import ConfigError
from sinks.relay.client import Client, RelayCounters
from sinks.relay.closing import GOING_AWAY, Close
from sinks.relay.config import RelayConfig
from sinks.relay.connection import WRITE_LIMITS, RelayConnection
from sinks.relay.door import HEALTH_PATH, Door, Refusal
from sinks.relay.hub import Hub
from sinks.relay.messages import PROTOCOL

CHECK_S: Final = 0.25
"""Every client is looked at once in so long, in several slices."""
SLICES: Final = 10
RECONNECT_SPREAD_MS: Final = 2_000
"""Clients of a relay that goes come back over so long, not all at once."""
CLOSE_S: Final = 3.0
"""For all connections to end."""

log = logging.getLogger("ifd.relay.ws")
quiet = logging.getLogger("ifd.relay.ws.library")
"""websockets' own log: a stranger's malformed request is no error of ours, and is counted."""
quiet.setLevel(logging.CRITICAL)


def serve_settings(config: RelayConfig) -> dict[str, Any]:
    """How websockets serves, the same in production and under test.

    No pings of the library: they wait for a client that does not read, see `watch`.
    """
    return {
        "create_connection": RelayConnection,
        "select_subprotocol": _subprotocol,
        "compression": None,
        "server_header": None,
        "open_timeout": config.auth_timeout_s,
        "ping_interval": None,
        "ping_timeout": None,
        "close_timeout": 1.0,
        # One byte more is for the session to refuse by name; far more is for the library.
        "max_size": 4 * config.inbound_bytes_max,
        "max_queue": 16,
        "write_limit": WRITE_LIMITS,
        "logger": quiet,
    }


class Relay:
    """Serves a hub to clients until it is closed."""

    def __init__(self, config: RelayConfig, hub: Hub) -> None:
        self._config = config
        self._hub = hub
        self._door = Door(config)
        self._clients: set[Client] = set()
        self._names = count(1)
        self._prefix = token_hex(4)
        self._server: Server | None = None
        self._checking: asyncio.Task[None] | None = None
        self.counters = RelayCounters()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "not started"
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def client_count(self) -> int:
        """Clients connected now."""
        return len(self._clients)

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: The address is taken, or none of ours.
        """
        host, port = self._config.host, self._config.ws_port
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                process_request=self._admit,
                **serve_settings(self._config),
            )
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise ConfigError(
                f"relay.ws_port: {host}:{port} {why}; choose another with "
                "--ws-port or IFD_RELAY__WS_PORT"
            ) from error
        self._checking = asyncio.create_task(self._check_clients())

    async def close(self) -> None:
        """Tell all clients when to come back, and end. A second call does nothing."""
        server, self._server = self._server, None
        if server is None:
            return
        self._door.is_closing = True
        server.close(close_connections=False)
        for number, client in enumerate(list(self._clients)):
            # Spread evenly, whatever the order of the set.
            after_ms = 100 + RECONNECT_SPREAD_MS * number // max(1, len(self._clients))
            client.end(Close(GOING_AWAY, "the relay is closing", "going_away", after_ms))
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await server.wait_closed()
        if self._checking is not None:
            self._checking.cancel()
            with suppress(asyncio.CancelledError):
                await self._checking

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """websockets' `process_request`: the head of the request is all there is."""
        assert isinstance(connection, RelayConnection)
        if request.path == HEALTH_PATH:
            return connection.respond(HTTPStatus.OK, "ok\n")
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.raw_items():
            headers.setdefault(name.lower(), []).append(value)
        peer = connection.remote_address
        found = self._door.admit(request.path, headers, peer[0] if peer else "unknown")
        if isinstance(found, Refusal):
            self.counters.refused[str(found.status)] += 1
            response = connection.respond(HTTPStatus(found.status), f"{found.text}\n")
            for name, value in found.headers.items():
                response.headers[name] = value
            return response
        connection.door, connection.seat = self._door, found
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        """websockets' handler: one client, until its connection ends."""
        assert isinstance(connection, RelayConnection)
        assert connection.seat is not None
        loop = asyncio.get_running_loop()
        client = Client(
            connection,
            self._config,
            self._hub,
            self.counters,
            name=f"{self._prefix}-{next(self._names)}",
            claim=self._door.claim_for(connection.seat),
            now_s=loop.time(),
        )
        connection.client = client
        self._clients.add(client)
        try:
            while True:
                client.receive(await connection.recv(), loop.time())
        except ConnectionClosed:
            pass
        except Exception:
            log.exception("%s: ended by a mistake of ours", client.name)
            raise
        finally:
            self._clients.discard(client)
            client.on_lost()

    async def _check_clients(self) -> None:
        """Look at every client once in CHECK_S, a slice at a time: nobody waits for the rest."""
        loop = asyncio.get_running_loop()
        while True:
            clients = list(self._clients)
            size = -(-len(clients) // SLICES)
            for number in range(SLICES):
                await asyncio.sleep(CHECK_S / SLICES)
                for client in clients[number * size : (number + 1) * size]:
                    self._check(client, loop.time())

    def _check(self, client: Client, now_s: float) -> None:
        try:
            client.check(now_s)
        except Exception:
            # One client's trouble must not leave all others unwatched.
            log.exception("%s: could not be checked", client.name)
            client.on_flood()


def _subprotocol(
    _connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Ours if it is offered; a client that names none, such as a shell tool, may do without."""
    ours = Subprotocol(PROTOCOL)
    if offered and ours not in offered:
        raise NegotiationError(f"expected the subprotocol {PROTOCOL}")
    return ours if offered else None

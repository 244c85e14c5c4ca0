"""Push receiver: the relay's side of workers that push to it.

Delivery: at-least-once into the hub, which drops what it has seen. A worker that sends faster than
the hub takes is held back by its own socket.
"""

import errno
import hmac
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from operators.model.errors import ConfigError
from sinks.relay.api.security import bearer, is_loopback
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.push_frames import FRAME_BYTES_MAX, PATH, PROTOCOL, have, messages_of
from sinks.relay.server import quiet
from sinks.relay.turns import publish

WORKERS_MAX: Final = 256
"""Connections at the same time; one more gets 503."""
BAD_FRAME: Final = 4500
"""Close code for what is no frame of ours: coming back with it would not help."""
LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class PushReceiverCounters:
    """What workers brought."""

    messages: int = 0
    """Handed to the hub, repeated ones included."""
    frames: int = 0
    malformed: int = 0
    """Connections closed for a frame that is none."""
    refused: Counter[str] = field(default_factory=Counter)
    """HTTP status → connections not let in."""


class PushReceiver:
    """Takes what workers push until it is closed."""

    def __init__(self, config: RelayConfig, token: str, hub: Hub) -> None:
        """Without a token it listens on loopback, whatever `config.host` says."""
        self._host = config.host if token or is_loopback(config.host) else "127.0.0.1"
        self._port = config.push_port
        self._token = token
        self._hub = hub
        self._server: Server | None = None
        self._workers = 0
        self.counters = PushReceiverCounters()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None, "not started"
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def worker_count(self) -> int:
        """Workers connected now."""
        return self._workers

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: The address is taken, or none of ours.
        """
        try:
            self._server = await serve(
                self._serve,
                self._host,
                self._port,
                process_request=self._admit,
                select_subprotocol=_subprotocol,
                compression=None,
                server_header=None,
                close_timeout=1.0,
                max_size=FRAME_BYTES_MAX,
                max_queue=2,
                logger=quiet,
            )
        except OSError as error:
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise ConfigError(
                f"relay.push_port: {self._host}:{self._port} {why}; choose another with "
                "--push-port or IFD_RELAY__PUSH_PORT"
            ) from error

    async def close(self) -> None:
        """End all connections; workers come back to who is there next."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        refusal = self._refusal(request)
        if refusal is None:
            return None
        status, text = refusal
        self.counters.refused[str(int(status))] += 1
        return connection.respond(status, f"{text}\n")

    def _refusal(self, request: Request) -> tuple[HTTPStatus, str] | None:
        if request.path != PATH:
            return HTTPStatus.NOT_FOUND, f"expected {PATH}"
        if request.headers.get_all("Origin"):
            return HTTPStatus.FORBIDDEN, "no browser pushes"
        if self._token:
            given = bearer(request.headers.get("Authorization", "")) or ""
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                return HTTPStatus.UNAUTHORIZED, "expected the token of push.token"
        if self._workers >= WORKERS_MAX:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"{WORKERS_MAX} workers are connected"
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self._workers += 1
        try:
            await connection.send(have(self._hub.positions()), text=True)
            while True:
                await self._take(connection, await connection.recv())
        except ConnectionClosed:
            pass
        finally:
            self._workers -= 1

    async def _take(self, connection: ServerConnection, frame: Any) -> None:
        try:
            if not isinstance(frame, bytes):
                raise ValueError("expected a binary frame")  # noqa: TRY004 - one kind of fault
            messages: Sequence[Any] = messages_of(frame)
        except (ValueError, UnicodeDecodeError) as error:
            self.counters.malformed += 1
            LOG.warning("push: a worker's frame is none: %s", error)
            with suppress(ConnectionClosed):
                await connection.close(BAD_FRAME, str(error)[:100])
            return
        self.counters.frames += 1
        self.counters.messages += len(messages)
        await publish(self._hub, messages)


def _subprotocol(
    _connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    ours = Subprotocol(PROTOCOL)
    if ours not in offered:
        raise NegotiationError(f"expected the subprotocol {PROTOCOL}")
    return ours

"""Push receiver: the relay's side of workers that push to it.

Delivery: at-least-once into the hub, which drops what it has seen. A worker that sends faster than
the hub takes is held back by its own socket; one that sends what is no message of ours is closed
with the reason, and nobody else notices.
"""

import errno
import hmac
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from operators.model.errors import ConfigError
from sinks.published import Published
from sinks.relay.api.security import bearer, is_loopback
from sinks.relay.closing import BAD_FRAME, REASON_BYTES_MAX
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.push_frames import (
    FRAME_BYTES_MAX,
    OUTDATED,
    PATH,
    PROTOCOL,
    gone_of,
    have,
    messages_of,
)
from sinks.relay.server import quiet
from sinks.relay.turns import publish

WORKERS_MAX: Final = 256
"""Connections at the same time; one more gets 503."""
AHEAD_MS_MAX: Final = 86_400_000
"""A generation that begins later than this from now would be served for good."""
OPEN_S: Final = 5.0
"""For the handshake."""
LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class PushReceiverCounters:
    """What workers brought."""

    messages: int = 0
    """Handed to the hub, repeated ones included."""
    frames: int = 0
    malformed: int = 0
    """Connections closed for a frame that is none."""
    oversize: int = 0
    """Connections closed for a frame above FRAME_BYTES_MAX."""
    outdated: int = 0
    """Connections closed since a newer generation is served."""
    gone: int = 0
    """Messages that workers said they cannot give any more."""
    refused: Counter[str] = field(default_factory=Counter)
    """HTTP status → connections not let in."""


class _Refused(Exception):
    """The connection is closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class PushReceiver:
    """Takes what workers push until it is closed."""

    def __init__(
        self,
        config: RelayConfig,
        token: str,
        hub: Hub,
        on_workers: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Without a token it listens on loopback, whatever `config.host` says.

        `on_workers` is told how many are connected, whenever that changes.
        """
        self._host = config.host if token or is_loopback(config.host) else "127.0.0.1"
        self._port = config.push_port
        self._token = _hash(token) if token else None
        self._hub = hub
        self._on_workers = on_workers
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
                open_timeout=OPEN_S,
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
        # Every browser says where its page is from, and any page may try loopback.
        if request.headers.get_all("Origin"):
            return HTTPStatus.FORBIDDEN, "no browser pushes"
        given = request.headers.get_all("Authorization")
        if self._token is not None:
            shown = bearer(given[0]) if len(given) == 1 else None
            if not hmac.compare_digest(_hash(shown or ""), self._token):
                return HTTPStatus.UNAUTHORIZED, "expected the token of push.token"
        if self._workers >= WORKERS_MAX:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"{WORKERS_MAX} workers are connected"
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self._count(1)
        try:
            await connection.send(have(self._hub.positions()), text=True)
            worker = _Worker(self._hub, self.counters)
            while True:
                await worker.take(await connection.recv())
        except _Refused as refused:
            reason = str(refused).encode()[:REASON_BYTES_MAX].decode(errors="ignore")
            LOG.warning("push: a worker was closed: %s", reason)
            await connection.close(refused.code, reason)
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
                self.counters.oversize += 1
                LOG.warning("push: a worker was closed: a frame above %d bytes", FRAME_BYTES_MAX)
        except Exception:
            LOG.exception("push: a worker was closed by a mistake of ours")
            raise
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._workers += change
        self._on_workers(self._workers)


class _Worker:
    """What one connection brings: messages of one generation."""

    def __init__(self, hub: Hub, counters: PushReceiverCounters) -> None:
        self._hub = hub
        self._counters = counters
        self._generation: tuple[str, int] | None = None

    async def take(self, frame: str | bytes) -> None:
        """Hand what a frame holds to the hub.

        Raises:
            _Refused: It is no frame, or of a generation that is not served.
        """
        try:
            if isinstance(frame, str):
                self._note_gone(frame)
                return
            messages: Sequence[Published] = messages_of(frame)
            self._check_generation(messages)
        except ValueError as error:  # UnicodeDecodeError and JSON's are its children
            self._counters.malformed += 1
            raise _Refused(BAD_FRAME, str(error)) from error
        self._counters.frames += 1
        self._counters.messages += len(messages)
        await publish(self._hub, messages)
        if messages and self._hub.epoch != messages[0].generation:
            # The hub serves the newest it has seen, so this one is older.
            self._counters.outdated += 1
            raise _Refused(
                OUTDATED,
                f"generation was {messages[0].generation}, expected {self._hub.epoch}, which "
                "began later",
            )

    def _note_gone(self, text: str) -> None:
        ranges: Any = gone_of(text)
        lost = sum(one.last - one.first + 1 for one in ranges)
        self._counters.gone += lost
        LOG.warning("push: %d messages older than the worker's ring were missed", lost)

    def _check_generation(self, messages: Sequence[Published]) -> None:
        for message in messages:
            found = (message.generation, message.generation_ts_ms)
            if self._generation is None:
                latest_ms = time.time_ns() // 1_000_000 + AHEAD_MS_MAX
                if not 0 <= message.generation_ts_ms <= latest_ms:
                    raise ValueError(f"generation began at {found[1]} ms, expected no future")
                self._generation = found
            elif found != self._generation:
                raise ValueError(f"generation was {found}, expected {self._generation} as before")


def _subprotocol(
    _connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    ours = Subprotocol(PROTOCOL)
    if ours not in offered:
        raise NegotiationError(f"expected the subprotocol {PROTOCOL}")
    return ours


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()

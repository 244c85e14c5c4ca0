"""Links from a worker process to its relays: one thread each, all reading one ring."""

import logging
import random
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import monotonic
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, WebSocketException
from websockets.protocol import State
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sinks.published import Published
from sinks.relay.closing import TERMINAL
from sinks.relay.push_config import PushConfig
from sinks.relay.push_frames import FRAME_BYTES_MAX, PATH, PROTOCOL, frames, gone, positions_of
from sinks.relay.push_ring import PushRing, Read, Reader

LOG: Final = logging.getLogger(__name__)

READ_MAX: Final = 500
"""Messages sent before the ring is asked again."""
IDLE_S: Final = 0.25
"""How late a relay that left is noticed while nothing is published."""
OPEN_S: Final = 5.0
SEND_S: Final = 10.0
"""A relay that takes nothing for so long is left, and tried again: websockets' keepalive waits for
the very write that is stuck."""
CLOSE_S: Final = 2.0
"""For what waits to be sent at a clean stop."""
PAUSE_S: Final = 0.05
"""Before a relay is tried again; doubled each time until a connection has lasted for a while."""
LASTED_S: Final = 5.0
REFUSED_PAUSE_S: Final = 10.0
"""After a relay said that coming back does not help; it may be another one by then."""
REASONS_MAX: Final = 32
OTHER: Final = "other"


@dataclass(slots=True)
class LinkCounters:
    """What one link did."""

    sent: int = 0
    """Messages handed to the connection."""
    lost: int = 0
    """Event messages that this relay had not and the ring no longer held."""
    connections: int = 0
    """Times that the relay was reached."""
    failures: dict[str, int] = field(default_factory=dict)
    """What went wrong → how often; at most REASONS_MAX kinds, then `other`."""


class PushLinks:
    """The ring of a process and a thread per relay; nothing here makes the flow wait."""

    def __init__(self, config: PushConfig) -> None:
        self._config = config
        self._changed = Condition()
        self.ring = PushRing(config.ring_messages_max, config.ring_bytes_max, config.state_keys_max)
        self._closing = False
        self._close_by_s = 0.0
        self._chance = random.Random()
        self.counters = {address: LinkCounters() for address in config.relays}
        self._threads = [
            Thread(target=self._run, args=(address,), name=f"push-{address}", daemon=True)
            for address in config.relays
        ]
        for thread in self._threads:
            thread.start()

    def add(self, messages: Sequence[Published]) -> None:
        """Publish messages, in order; from any thread."""
        if not messages:
            return
        with self._changed:
            for message in messages:
                self.ring.add(message)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what waits, for at most `CLOSE_S`, and end."""
        with self._changed:
            self._closing = True
            self._close_by_s = monotonic() + CLOSE_S
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, self._close_by_s - monotonic()) + IDLE_S)

    def _run(self, address: str) -> None:
        counters = self.counters[address]
        pause_s = PAUSE_S
        while not self._closing:
            begun_s = monotonic()
            least_s = 0.0
            try:
                self._serve(address, counters)
            except (OSError, ValueError, WebSocketException) as error:
                self._note(address, counters, _why(error))
                least_s = REFUSED_PAUSE_S if _is_final(error) else 0.0
            except Exception:
                # A mistake of ours: the other relays go on, and this one is tried again.
                LOG.exception("push: %s", address)
                self._note(address, counters, OTHER)
            has_lasted = monotonic() - begun_s > LASTED_S
            pause_s = PAUSE_S if has_lasted else min(2 * pause_s, self._config.reconnect_s_max)
            with self._changed:
                # Jitter: workers of a relay that came back do not all arrive at once.
                wait_s = max(pause_s, least_s) * (0.5 + self._chance.random() / 2)
                self._changed.wait_for(self._is_closing, wait_s)

    def _is_closing(self) -> bool:
        return self._closing

    def _note(self, address: str, counters: LinkCounters, why: str) -> None:
        """Count a failure; the first of its kind is news."""
        if why not in counters.failures:
            LOG.info("push: %s: %s", address, why)
            if len(counters.failures) >= REASONS_MAX:
                why = OTHER
        counters.failures[why] = counters.failures.get(why, 0) + 1

    def _serve(self, address: str, counters: LinkCounters) -> None:
        token = self._config.token
        with connect(
            f"ws://{address}{PATH}",
            sock=_socket(address),
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            compression=None,
            proxy=None,
            open_timeout=OPEN_S,
            close_timeout=1.0,
            max_size=FRAME_BYTES_MAX,
        ) as connection:
            held = positions_of(connection.recv(OPEN_S), self._config.generation)
            counters.connections += 1
            self._send(connection, Reader(held), counters)

    def _send(self, connection: ClientConnection, reader: Reader, counters: LinkCounters) -> None:
        """Until the stop, or the relay leaves.

        Raises:
            ConnectionClosed: It left, with its reason.
        """
        while True:
            with self._changed:
                if not self.ring.has_more(reader):
                    if self._closing:
                        return
                    self._changed.wait(IDLE_S)
                found = self.ring.read(reader, READ_MAX)
            if found.gone:
                self._tell(connection, found, counters)
            for frame in frames(found.messages):
                connection.send(frame)
            counters.sent += len(found.messages)
            if self._closing and monotonic() > self._close_by_s:
                return
            if connection.state is not State.OPEN:
                connection.wait_closed(CLOSE_S)
                connection.recv(0)  # Raises why it was closed.

    def _tell(self, connection: ClientConnection, found: Read, counters: LinkCounters) -> None:
        """The relay's hub sees the hole by itself where something newer comes."""
        counters.lost += sum(one.last - one.first + 1 for one in found.gone)
        for text in gone(found.gone):
            connection.send(text, text=True)


def _socket(address: str) -> socket.socket:
    """A connection on which a write does not wait for ever."""
    host, _, port = address.rpartition(":")
    found = socket.create_connection((host.strip("[]"), int(port)), OPEN_S)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(SEND_S), 0))
    return found


def _is_final(error: Exception) -> bool:
    """Whether the relay would close the connection for the same reason again."""
    received = error.rcvd if isinstance(error, ConnectionClosed) else None
    return received is not None and received.code >= TERMINAL


def _why(error: Exception) -> str:
    """Class and first line; never a header or a token."""
    if isinstance(error, InvalidHandshake):
        return f"refused: {error}"
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]

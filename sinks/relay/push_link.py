"""Links from a worker process to its relays: one thread each, all reading one ring."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import monotonic
from typing import Final

from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sinks.published import Published
from sinks.relay.push_config import PushConfig
from sinks.relay.push_frames import FRAME_BYTES_MAX, PATH, PROTOCOL, frames, positions_of
from sinks.relay.push_ring import PushRing, Reader

LOG: Final = logging.getLogger(__name__)

READ_MAX: Final = 500
"""Messages sent before the ring is asked again."""
IDLE_S: Final = 1.0
"""How late a relay that left is noticed while nothing is published."""
OPEN_S: Final = 5.0
CLOSE_S: Final = 2.0
"""For what waits to be sent at a clean stop."""


@dataclass(slots=True)
class LinkCounters:
    """What one link did."""

    sent: int = 0
    """Messages handed to the connection."""
    lost: int = 0
    """Event messages that were gone from the ring before this relay could read them."""
    connections: int = 0
    """Times that the relay was reached."""
    failures: dict[str, int] = field(default_factory=dict)
    """What went wrong → how often."""


class PushLinks:
    """The ring of a process and a thread per relay; nothing here makes the flow wait."""

    def __init__(self, config: PushConfig) -> None:
        self._config = config
        self._changed = Condition()
        self._ring = PushRing(
            config.ring_messages_max, config.ring_bytes_max, config.state_keys_max
        )
        self._closing = False
        self._close_by_s = 0.0
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
                self._ring.add(message)
            self._changed.notify_all()

    def close(self) -> None:
        """Send what waits, for at most `CLOSE_S`, and end."""
        with self._changed:
            self._closing = True
            self._close_by_s = monotonic() + CLOSE_S
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(CLOSE_S + IDLE_S)

    def _run(self, address: str) -> None:
        counters = self.counters[address]
        pause_s = 0.05
        while not self._closing:
            before = counters.connections
            try:
                self._serve(address, counters)
            except (OSError, ValueError, WebSocketException) as error:
                why = _why(error)
                if why not in counters.failures:
                    LOG.info("push: %s: %s", address, why)
                counters.failures[why] = counters.failures.get(why, 0) + 1
            pause_s = 0.05 if counters.connections > before else 2 * pause_s
            pause_s = min(pause_s, self._config.reconnect_s_max)
            with self._changed:
                # Jitter: workers of a relay that came back do not all arrive at once.
                self._changed.wait_for(self._is_closing, pause_s * (0.5 + random.random() / 2))

    def _is_closing(self) -> bool:
        return self._closing

    def _serve(self, address: str, counters: LinkCounters) -> None:
        token = self._config.token
        with connect(
            f"ws://{address}{PATH}",
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers={"Authorization": f"Bearer {token}"} if token else None,
            compression=None,
            proxy=None,
            open_timeout=OPEN_S,
            close_timeout=1.0,
            max_size=FRAME_BYTES_MAX,
        ) as connection:
            reader = Reader(positions_of(connection.recv(OPEN_S)))
            counters.connections += 1
            try:
                self._send(connection, reader, counters)
            finally:
                counters.lost += reader.lost

    def _send(self, connection: ClientConnection, reader: Reader, counters: LinkCounters) -> None:
        """Until the stop, or the relay leaves, which the next send or the pings find out."""
        while True:
            with self._changed:
                if not self._ring.has_more(reader):
                    if self._closing:
                        return
                    self._changed.wait(IDLE_S)
                messages = self._ring.read(reader, READ_MAX)
            for frame in frames(messages):
                connection.send(frame)
            counters.sent += len(messages)
            if self._closing and monotonic() > self._close_by_s:
                return
            if not messages and connection.close_code is not None:
                return


def _why(error: Exception) -> str:
    """Class and first line; never a header or a token."""
    if isinstance(error, InvalidHandshake):
        return f"refused: {error}"
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]

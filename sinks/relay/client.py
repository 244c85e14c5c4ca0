"""Client: one connection's session, outlet and watch, put together over a wire that writes."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from sinks.relay.closing import SLOW, Close
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.messages import Frame
from sinks.relay.outlet import Outlet
from sinks.relay.session import Claim, Session
from sinks.relay.watch import Watch

PIECE_BYTES: Final = 65_536
"""Written at once of what waits."""
PIECES_PER_TURN: Final = 4
"""Then others have their turn."""
GRACE_S: Final = 1.0
"""For a client to answer a close."""
GRACE_SLOW_S: Final = 0.2
"""The same for one that does not read."""
FRAMES_PER_CHECK_MAX: Final = 500
"""WebSocket frames of any kind between two checks: pings and fragments cost time as well."""

log = logging.getLogger("ifd.relay.ws")


class Wire(Protocol):
    """A connection, as a client uses it. Nothing here blocks or raises."""

    @property
    def is_paused(self) -> bool:
        """Whether more was written than the kernel took: write nothing until told."""

    def write(self, data: bytes) -> None:
        """Whole frames."""

    def ping(self, payload: bytes) -> None:
        """A ping frame."""

    def buffered(self) -> int:
        """Bytes written that the kernel has not taken."""

    def start_close(self, code: int, reason: str) -> None:
        """A close frame; the other side answers it."""

    def abort(self) -> None:
        """End at once; what is buffered is lost."""

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call back after a while."""


@dataclass(slots=True)
class RelayCounters:
    """What became of connections and frames."""

    accepted: int = 0
    """Connections that became clients."""
    refused: Counter[str] = field(default_factory=Counter)
    """HTTP status → connections refused before the upgrade."""
    closed: Counter[str] = field(default_factory=Counter)
    """Reason → connections that the relay closed."""
    left: int = 0
    """Connections that ended without the relay closing them."""
    frames_in: int = 0
    """Frames of clients, whatever became of them."""
    errors: int = 0
    """Frames of clients that were answered with an error or `rate_limited`."""
    frames_out: int = 0
    """Frames written to connections."""
    bytes_out: int = 0
    """Bytes written to connections."""
    conflated: int = 0
    """Frames of state channels that a newer one replaced for one client."""
    unsent: int = 0
    """Frames that waited for clients when they were closed; they come back for them."""


class Client:
    """One client. State: bounded by its session, outlet and watch."""

    def __init__(
        self,
        wire: Wire,
        config: RelayConfig,
        hub: Hub,
        counters: RelayCounters,
        *,
        name: str,
        claim: Claim | None,
        now_s: float,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._wire = wire
        self._counters = counters
        self._clock_ns = clock_ns
        self._session = Session(config, hub, self, name=name, claim=claim, now_s=now_s)
        self._outlet = Outlet(config)
        self._watch = Watch(config, now_s)
        self._is_ready = True
        self._sent_bytes = 0
        self._sent_frames = 0
        self._counted_bytes = 0
        self._frames_since_check = 0
        self.is_ended: bool = False
        counters.accepted += 1
        self.deliver((self._session.hello(clock_ns()),))

    @property
    def name(self) -> str:
        """Of its session."""
        return self._session.name

    def deliver(self, frames: Sequence[Frame]) -> None:
        """Send these in this order: now, or when it has taken what it was sent before."""
        # The hot path of the relay: once per message and client.
        if self._is_ready:
            data = frames[0].wire if len(frames) == 1 else b"".join([f.wire for f in frames])
            self._sent_frames += len(frames)
            self._sent_bytes += len(data)
            self._wire.write(data)
        elif not self.is_ended:
            self._outlet.put(frames)
            if (why := self._outlet.overflow()) is not None:
                self.end(Close(SLOW, why, "overflow", 500))

    def receive(self, data: str | bytes, now_s: float) -> None:
        """One message of the client's."""
        if self.is_ended:
            return
        self._counters.frames_in += 1
        before = self._session.subscriptions
        reply = self._session.receive(data, now_s, self._clock_ns())
        self._outlet.forget_values(before - self._session.subscriptions)
        if reply.frames:
            self._count(reply.frames)
            self._outlet.put_paced(reply.frames)
            self._is_ready = False
            self._pump()
        if reply.close is not None:
            self.end(reply.close)
        elif (why := self._outlet.overflow()) is not None:
            self.end(Close(SLOW, why, "overflow", 500))

    def on_full(self) -> None:
        """The kernel takes no more: what comes now waits."""
        self._is_ready = False

    def on_writable(self) -> None:
        """The kernel took what was written."""
        self._wire.later(0, self._pump)

    def on_frame(self, payload_of_pong: bytes | None) -> None:
        """A WebSocket frame of any kind came; for a pong with its payload."""
        self._frames_since_check += 1
        if self._frames_since_check > FRAMES_PER_CHECK_MAX:
            self._drop("flood")
        elif payload_of_pong is not None:
            self._watch.on_pong(payload_of_pong)

    def on_flood(self) -> None:
        """What the library wrote by itself, such as pongs, is more than may wait."""
        self._drop("flood")

    def check(self, now_s: float) -> None:
        """What time brings: pings, heartbeats, ends."""
        if self.is_ended:
            return
        self._frames_since_check = 0
        self._add_up()
        due = self._watch.check(
            now_s,
            sent_bytes=self._sent_bytes,
            buffered=self._wire.buffered(),
            is_open=self._session.is_open,
            is_subscribed=bool(self._session.subscriptions),
        )
        if due == "ping":
            self._wire.ping(self._watch.ping(now_s, self._sent_bytes))
        elif due == "heartbeat":
            self.deliver((self._session.heartbeat(self._clock_ns()),))
        elif due is not None:
            self.end(due)

    def end(self, close: Close) -> None:
        """Say why, close, and do not wait long for the answer."""
        if self.is_ended:
            return
        self._leave(close.counted)
        log.info("%s: closed with %d: %s", self.name, close.code, close.reason)
        # Best effort: a client that does not read gets to see neither.
        self._wire.write(close.frame.wire)
        self._wire.start_close(close.code, close.reason)
        grace_s = GRACE_SLOW_S if close.code == SLOW else GRACE_S
        self._wire.later(grace_s, self._wire.abort)

    def on_lost(self) -> None:
        """The connection is gone."""
        if not self.is_ended:
            self._leave(None)

    def _drop(self, counted: str) -> None:
        """No word: it would only be more that waits."""
        if not self.is_ended:
            self._leave(counted)
            log.info("%s: aborted: %s", self.name, counted)
            self._wire.abort()

    def _leave(self, counted: str | None) -> None:
        self.is_ended = True
        self._is_ready = False
        self._session.close()
        self._add_up()
        if counted is None:
            self._counters.left += 1
        else:
            self._counters.closed[counted] += 1
        self._counters.conflated += self._outlet.conflated
        self._counters.unsent += len(self._outlet)
        self._outlet.clear()

    def _count(self, frames: Sequence[Frame]) -> None:
        first = frames[0].text
        self._counters.errors += first.startswith((b'{"op":"error"', b'{"op":"rate_limited"'))

    def _add_up(self) -> None:
        """Add what was sent to the counters of all: not once per message and client."""
        self._counters.frames_out += self._sent_frames
        self._counters.bytes_out += self._sent_bytes - self._counted_bytes
        self._sent_frames = 0
        self._counted_bytes = self._sent_bytes

    def _pump(self) -> None:
        """Write what waits, as far as the kernel takes it."""
        for _ in range(PIECES_PER_TURN):
            if self.is_ended or self._wire.is_paused:
                return
            if not self._outlet:
                self._is_ready = True
                return
            waiting = len(self._outlet)
            data = self._outlet.take(PIECE_BYTES)
            self._sent_frames += waiting - len(self._outlet)
            self._sent_bytes += len(data)
            self._wire.write(data)
        self._wire.later(0, self._pump)

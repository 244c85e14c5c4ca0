"""Watch: whether a client still reads, and how long it may stay. Pure; time is an argument.

A write to a socket says nothing about the other side: two kernels hold hundreds of kilobytes for a
client that reads nothing. So a client that was sent much is pinged, and only its answer, which it
gives when it has read up to there, confirms what was sent.
"""

from dataclasses import dataclass
from typing import Final, Literal

from sinks.relay import closing
from sinks.relay.closing import Close
from sinks.relay.config import RelayConfig

UNREAD_BYTES: Final = 16_384
"""Sent and not confirmed: from here on a ping is sent, and its answer is due within `slow_s`."""
PING_S_MIN: Final = 1.0
"""Between two pings of one client."""
LINE_BYTES_PER_S: Final = 131_072
"""1 Mbit/s, what the slowest line of a client may carry: bytes before a ping give it more time."""

Due = Literal["ping", "heartbeat"]


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping without an answer yet."""

    payload: bytes
    sent_s: float
    mark: int
    """Bytes sent before it."""
    answer_s: float
    """Time for the answer, if much was sent."""


class Watch:
    """State: a few numbers per client."""

    def __init__(self, config: RelayConfig, now_s: float) -> None:
        self._config = config
        self._opened_s = now_s
        self._idle_since_s = now_s
        self._pinged_s = now_s
        self._ping: Ping | None = None
        self._ping_count = 0
        self._confirmed_bytes = 0
        self._seen_bytes = 0
        self._seen_s = now_s
        self._drained_bytes = 0
        self._drained_s = now_s

    def check(
        self, now_s: float, *, sent_bytes: int, buffered: int, is_open: bool, is_subscribed: bool
    ) -> Close | Due | None:
        """What is to be done about the client now.

        Args:
            now_s: Seconds of a clock that only rises.
            sent_bytes: Written to the connection since its beginning.
            buffered: Of them, what the kernel has not taken yet.
            is_open: Whether it has shown its token, or needs none.
            is_subscribed: Whether it has any subscription.
        """
        self._note(now_s, sent_bytes, buffered, is_subscribed=is_subscribed)
        over = self._over(now_s, is_open=is_open) or self._stuck(now_s, sent_bytes, buffered)
        if over is not None:
            return over
        if self._ping is None and not buffered and self._wants_ping(now_s, sent_bytes):
            return "ping"
        if is_open and now_s - self._seen_s >= self._config.heartbeat_s:
            return "heartbeat"
        return None

    def ping(self, now_s: float, sent_bytes: int) -> bytes:
        """Payload of a ping that is sent now."""
        self._ping_count += 1
        payload = self._ping_count.to_bytes(8, "big")
        ahead_s = (sent_bytes - self._confirmed_bytes) / LINE_BYTES_PER_S
        self._ping = Ping(payload, now_s, sent_bytes, self._config.slow_s + ahead_s)
        self._pinged_s = now_s
        return payload

    def on_pong(self, payload: bytes) -> None:
        """An answer; one that answers nothing is passed over."""
        if self._ping is not None and payload == self._ping.payload:
            self._confirmed_bytes = self._ping.mark
            self._ping = None

    def _note(self, now_s: float, sent_bytes: int, buffered: int, *, is_subscribed: bool) -> None:
        if is_subscribed:
            self._idle_since_s = now_s
        if sent_bytes != self._seen_bytes:
            self._seen_bytes, self._seen_s = sent_bytes, now_s
        drained = sent_bytes - buffered
        if drained != self._drained_bytes or not buffered:
            self._drained_bytes, self._drained_s = drained, now_s

    def _over(self, now_s: float, *, is_open: bool) -> Close | None:
        """It has been here too long, or for nothing."""
        config = self._config
        if now_s - self._opened_s >= config.age_s_max:
            reason = f"connected for {config.age_s_max:g} s, which is the most"
            return Close(closing.OUT_OF_TIME, reason, "too_old", 100)
        if not is_open and now_s - self._opened_s >= config.auth_timeout_s:
            reason = f"no auth within {config.auth_timeout_s:g} s"
            return Close(closing.OUT_OF_TIME, reason, "auth_timeout", 5_000)
        if now_s - self._idle_since_s >= config.idle_s_max:
            reason = f"no subscription for {config.idle_s_max:g} s"
            return Close(closing.OUT_OF_TIME, reason, "idle", 5_000)
        return None

    def _stuck(self, now_s: float, sent_bytes: int, buffered: int) -> Close | None:
        """It takes nothing of what was sent."""
        config, ping = self._config, self._ping
        if buffered and now_s - self._drained_s >= config.slow_s:
            return Close(closing.SLOW, f"nothing was read for {config.slow_s:g} s", "stuck", 500)
        if ping is None:
            return None
        is_much = sent_bytes - self._confirmed_bytes >= UNREAD_BYTES
        if now_s - ping.sent_s >= (ping.answer_s if is_much else config.ping_s):
            return Close(closing.SLOW, "a ping was not answered in time", "silent", 500)
        return None

    def _wants_ping(self, now_s: float, sent_bytes: int) -> bool:
        is_much = sent_bytes - self._confirmed_bytes >= UNREAD_BYTES
        return now_s - self._pinged_s >= (PING_S_MIN if is_much else self._config.ping_s)

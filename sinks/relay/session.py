"""Session: one client's side of `ifd.v1`. Text in, frames and perhaps a close out; no socket.

    waiting ──auth ok──▶ open ──▶ closed
       └── a wrong token, anything else than auth, too late ──▶ closed

A client that brought a valid bearer token, or needs none, begins open.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sinks.relay import closing, messages, requests
from sinks.relay.audience import Subscriber
from sinks.relay.closing import Close
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.messages import Frame, Key
from sinks.relay.requests import Auth, Ping, Subscribe, Unsubscribe

Claim = Callable[[str], Close | None]
"""Tries a token; why not, or None if it is taken."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What follows from one frame of the client's."""

    frames: tuple[Frame, ...] = ()
    close: Close | None = None


class Session:
    """State: the subscriptions, at most `subscriptions_max`; a bucket of frames."""

    def __init__(
        self,
        config: RelayConfig,
        hub: Hub,
        who: Subscriber,
        *,
        name: str,
        claim: Claim | None,
        now_s: float,
    ) -> None:
        """A session that begins.

        Args:
            config: Bounds.
            hub: What is subscribed to.
            who: Gets what the hub publishes.
            name: Of this session, for logs and the client.
            claim: Must be satisfied with a token first; None: nothing to prove.
            now_s: Seconds of a clock that only rises.
        """
        self._config = config
        self._hub = hub
        self._who = who
        self._claim = claim
        self._subscriptions: frozenset[Key] = frozenset()
        self._allowance = float(config.inbound_burst)
        self._allowance_at_s = now_s
        self._refused = 0
        self._is_closed = False
        self.name: Final = name

    @property
    def is_open(self) -> bool:
        """Whether it may ask for data."""
        return self._claim is None and not self._is_closed

    @property
    def subscriptions(self) -> frozenset[Key]:
        """Channel and root pairs; root `*` is every root."""
        return self._subscriptions

    def hello(self, now_ns: int) -> Frame:
        """What the client gets first."""
        config = self._config
        return messages.hello(
            self.name,
            now_ns,
            self._hub.epoch,
            heartbeat_ms=round(config.heartbeat_s * 1_000),
            auth_required=self._claim is not None,
            limits={
                "auth_timeout_ms": round(config.auth_timeout_s * 1_000),
                "frame_bytes": config.inbound_bytes_max,
                "frames_per_s": config.inbound_per_s,
                "frames_burst": config.inbound_burst,
                "subscriptions": config.subscriptions_max,
                "queue_messages": config.queue_messages_max,
                "queue_bytes": config.slow_bytes_max,
                "age_s": config.age_s_max,
                "idle_s": config.idle_s_max,
            },
        )

    def heartbeat(self, now_ns: int) -> Frame:
        """What the client gets when there was nothing else."""
        positions = self._hub.positions_of(self._subscriptions)
        return messages.heartbeat(now_ns, self._hub.epoch, positions)

    def receive(self, data: str | bytes, now_s: float, now_ns: int) -> Reply:
        """One frame of the client's; it may be anything."""
        if self._is_closed:
            return Reply()
        if (too_fast := self._spend(now_s)) is not None:
            return too_fast
        size = len(data.encode() if isinstance(data, str) else data)
        if size > (most := self._config.inbound_bytes_max):
            return self._closed(
                closing.TOO_LARGE, f"frame had {size} bytes, expected at most {most}"
            )
        try:
            request = requests.parse(data)
        except requests.BadFrame as error:
            return self._closed(
                closing.BAD_FRAME, str(error), messages.error("bad_frame", str(error))
            )
        except requests.BadRequest as error:
            refusal = messages.error(error.code, str(error), error.request_id)
            if self.is_open:
                return Reply((refusal,))
            return self._closed(closing.UNAUTHORIZED, "expected auth first", refusal)
        return self._answer(request, now_ns)

    def close(self) -> None:
        """The connection ends: nothing is subscribed any more."""
        self._is_closed = True
        self._subscriptions = frozenset()
        self._hub.leave(self._who)

    def _answer(self, request: requests.Request, now_ns: int) -> Reply:
        if isinstance(request, Auth):
            return self._auth(request)
        if not self.is_open:
            return self._closed(closing.UNAUTHORIZED, "expected auth first")
        match request:
            case Ping():
                return Reply((messages.pong(request.id, now_ns),))
            case Subscribe():
                return self._subscribe(request)
            case Unsubscribe():
                return self._unsubscribe(request)

    def _auth(self, request: Auth) -> Reply:
        if self._claim is not None:
            refusal = self._claim(request.token)
            if refusal is not None:
                self._is_closed = True
                return Reply(close=refusal)
            self._claim = None
        return Reply((messages.ack(request.id, [], None),))

    def _subscribe(self, request: Subscribe) -> Reply:
        if (refusal := self._too_many(request)) is not None:
            return refusal
        results: list[dict[str, Any]] = []
        frames: list[Frame] = []
        recovered: dict[str, Mapping[str, Any]] = {}
        wanted: set[Key] = set()
        for channel in request.channels:
            for root in request.roots:
                why = requests.fault(channel, root)
                results.append(_result(channel, root, why))
                if why is None:
                    given = self._hub.subscribe(self._who, channel, root, request.resume)
                    wanted.add((channel, root))
                    frames += given.frames
                    recovered |= given.recovered
        self._subscriptions |= wanted
        answer = messages.ack(request.id, results, None if request.resume is None else recovered)
        return Reply((answer, *frames))

    def _unsubscribe(self, request: Unsubscribe) -> Reply:
        if (refusal := self._too_many(request)) is not None:
            return refusal
        results = []
        for channel in request.channels:
            for root in request.roots:
                is_known = (channel, root) in self._subscriptions
                why = None if is_known else "was not subscribed"
                results.append(_result(channel[: requests.SHOWN_MAX], root[:64], why))
                if is_known:
                    self._hub.unsubscribe(self._who, channel, root)
        pairs = {(channel, root) for channel in request.channels for root in request.roots}
        self._subscriptions -= pairs
        return Reply((messages.ack(request.id, results, None),))

    def _too_many(self, request: Subscribe | Unsubscribe) -> Reply | None:
        """Refuses a request as a whole: half of what was asked for is a surprise."""
        most = self._config.subscriptions_max
        count = len(request.channels) * len(request.roots)
        if count <= most and isinstance(request, Subscribe):
            pairs = {(channel, root) for channel in request.channels for root in request.roots}
            count = len(self._subscriptions | pairs)
        if count <= most:
            return None
        text = f"pairs of channel and root were {count}, expected at most {most}"
        return Reply((messages.error("too_many", text, request.id),))

    def _spend(self, now_s: float) -> Reply | None:
        """One frame of the allowance; what follows if there is none."""
        config = self._config
        gained = max(0.0, now_s - self._allowance_at_s) * config.inbound_per_s
        self._allowance = min(float(config.inbound_burst), self._allowance + gained)
        self._allowance_at_s = max(self._allowance_at_s, now_s)
        if self._allowance == config.inbound_burst:
            self._refused = 0
        if self._allowance >= 1:
            self._allowance -= 1
            return None
        self._refused += 1
        wait_ms = 1 + int((1 - self._allowance) / config.inbound_per_s * 1_000)
        if self._refused > config.inbound_burst:
            self._is_closed = True
            most = f"expected at most {config.inbound_per_s:g} frames a second"
            return Reply(close=Close(closing.RATE, most, "rate", max(wait_ms, 1_000)))
        return Reply((messages.rate_limited(wait_ms),))

    def _closed(self, code: int, reason: str, *frames: Frame) -> Reply:
        self._is_closed = True
        return Reply(frames, Close(code, reason, _COUNTED[code]))


_COUNTED: Final = {
    closing.BAD_FRAME: "bad_frame",
    closing.TOO_LARGE: "too_large",
    closing.UNAUTHORIZED: "unauthorized",
}


def _result(channel: str, root: str, why: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {"channel": channel, "root": root, "ok": why is None}
    return result if why is None else {**result, "reason": why}

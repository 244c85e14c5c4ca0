"""Door: who may come in, decided on the head of the request, before the upgrade. Pure."""

import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from sinks.relay import closing
from sinks.relay.api.security import LOOPBACK_NAMES, bearer, host_allowed, host_name, is_loopback
from sinks.relay.closing import Close
from sinks.relay.config import RelayConfig

PATH: Final = "/"
HEALTH_PATH: Final = "/healthz"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer instead of the upgrade."""

    status: int
    text: str
    """One line: what was expected."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Seat:
    """A place that one connection takes until it ends."""

    holder: str
    """`token NAME` or `address A`."""
    needs_token: bool
    """It has shown none yet."""


class Door:
    """State: the seats taken, at most `clients_max`, counted by holder."""

    def __init__(self, config: RelayConfig) -> None:
        self._config = config
        self._hashes = {name: _hash(token) for name, token in config.tokens.items()}
        self._by_holder: Counter[str] = Counter()
        self.is_closing: bool = False
        """Nobody comes in any more."""

    @property
    def seats_taken(self) -> int:
        """Connections inside."""
        return self._by_holder.total()

    def admit(self, target: str, headers: Mapping[str, Sequence[str]], peer: str) -> Seat | Refusal:
        """A seat for the sender of this request, or why not.

        Args:
            target: Path and query as sent.
            headers: Lower-case name → values.
            peer: Address of the sender.
        """
        refusal = self._misdirected(target, headers) or self._crowded()
        if refusal is not None:
            return refusal
        name = None
        authorization = _one(headers, "authorization")
        if self._hashes and authorization is not None:
            name = self.name_of(bearer(authorization) or "")
            if name is None:
                return Refusal(
                    401,
                    "expected a valid token in the header Authorization: Bearer ...",
                    {"WWW-Authenticate": 'Bearer realm="ifd"'},
                )
        holder = f"address {peer}" if name is None else f"token {name}"
        if self._is_full(holder, peer):
            most = self._config.connections_per_key_max
            return Refusal(429, f"expected at most {most} connections", {"Retry-After": "10"})
        self._by_holder[holder] += 1
        return Seat(holder, needs_token=bool(self._hashes) and name is None)

    def claim_for(self, seat: Seat) -> Callable[[str], Close | None] | None:
        """What tries the token of a client that has shown none; None if it needs none."""

        def claim(token: str) -> Close | None:
            name = self.name_of(token)
            if name is None:
                reason = "expected a valid token"
                return Close(closing.UNAUTHORIZED, reason, "unauthorized")
            holder = f"token {name}"
            if self._by_holder[holder] >= (most := self._config.connections_per_key_max):
                reason = f"expected at most {most} connections of this token"
                return Close(closing.RATE, reason, "too_many", 10_000)
            self.leave(seat)
            seat.holder = holder
            self._by_holder[holder] += 1
            return None

        return claim if seat.needs_token else None

    def leave(self, seat: Seat) -> None:
        """The connection has ended."""
        self._by_holder[seat.holder] -= 1
        if not self._by_holder[seat.holder]:
            del self._by_holder[seat.holder]

    def name_of(self, token: str) -> str | None:
        """Whose token it is. Takes the same time whichever is tried."""
        tried = _hash(token)
        found = None
        for name, expected in self._hashes.items():
            if hmac.compare_digest(expected, tried):
                found = name
        return found

    def _misdirected(self, target: str, headers: Mapping[str, Sequence[str]]) -> Refusal | None:
        path, has_query, _ = target.partition("?")
        if path != PATH:
            return Refusal(404, f"expected the path {PATH}")
        if has_query:
            return Refusal(
                400,
                "expected no query: a token belongs in the header Authorization or in the first "
                "message, since addresses are kept in logs and histories",
            )
        for name in ("host", "origin", "authorization"):
            if len(headers.get(name, ())) > 1:
                return Refusal(400, f"expected one header {name}")
        host = _one(headers, "host")
        if not host_allowed(host, self._config.host):
            return Refusal(403, "the Host header names a host that this relay does not answer to")
        if not self._may_connect(_one(headers, "origin"), host):
            return Refusal(403, "pages of this Origin may not connect; see relay.origins")
        return None

    def _may_connect(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of `origin` may: programs have none, and the dashboard is on our host.

        Some programs name the address they connect to, which serves no pages.
        """
        if origin is None or origin in self._config.origins or origin == f"http://{host}":
            return True
        try:
            page = urlsplit(origin)
            port = page.port
        except ValueError:
            return False
        if not is_loopback(self._config.host):
            return page.hostname is not None and page.hostname == (host_name(host) or "").strip(
                "[]"
            )
        names = {name.strip("[]") for name in LOOPBACK_NAMES} | {self._config.host}
        return page.hostname in names and port == self._config.http_port

    def _crowded(self) -> Refusal | None:
        if self.is_closing:
            return Refusal(503, "the relay is closing", {"Retry-After": "1"})
        if self.seats_taken >= self._config.clients_max:
            most = self._config.clients_max
            return Refusal(503, f"expected at most {most} clients", {"Retry-After": "10"})
        return None

    def _is_full(self, holder: str, peer: str) -> bool:
        """Whether a holder has all it may; on loopback a proxy may stand for many."""
        if holder.startswith("address ") and is_loopback(peer):
            return False
        return self._by_holder[holder] >= self._config.connections_per_key_max


def _one(headers: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = headers.get(name, ())
    return values[0] if values else None


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogateescape")).digest()

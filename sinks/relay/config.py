"""Settings of the relay process."""

import math
from dataclasses import dataclass, field

from sinks.relay.api.security import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """Where the relay listens, who may connect, and what one client may cost."""

    host: str = "127.0.0.1"
    """Address that all ports listen on; without `tokens` it must be loopback."""
    http_port: int = 8080
    """Dashboard and REST, 0…65,535; 0: any free one."""
    ws_port: int = 8765
    """WebSocket `ifd.v1` for clients, 0…65,535; 0: any free one."""
    push_port: int = 8766
    """WebSocket that workers push to, 0…65,535; 0: any free one."""
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    """Name → token of at least 16 visible ASCII characters; empty: no token is needed."""
    origins: tuple[str, ...] = ()
    """Further origins whose pages may connect, such as `https://desk.example`; the relay's own
    dashboard always may."""
    heartbeat_s: float = 5.0
    """A client that was sent nothing for so long gets a heartbeat, above 0."""
    auth_timeout_s: float = 5.0
    """For the handshake and then for the token, above 0."""
    idle_s_max: float = 60.0
    """A client without any subscription is closed after so long, above 0."""
    age_s_max: float = 86_400.0
    """A connection is closed after so long, and the client comes back, above 0."""
    clients_max: int = 2_000
    """Clients at the same time, at least 1; one more gets 503."""
    connections_per_key_max: int = 100
    """Clients per token, and per address without one (but for loopback), at least 1; then 429."""
    subscriptions_max: int = 1_000
    """Pairs of channel and root per client, at least 1."""
    inbound_per_s: float = 10.0
    """Frames per second that a client may go on sending, above 0."""
    inbound_burst: int = 50
    """Frames a client may send at once, at least 1; after as many refused ones it is closed."""
    inbound_bytes_max: int = 4_096
    """Bytes of one frame from a client, at least 256."""
    queue_messages_max: int = 1_000
    """Messages that may wait for a client that is behind, at least 1; then it is closed."""
    slow_bytes_max: int = 1_048_576
    """Their bytes, at least 65,536; then it is closed."""
    slow_s: float = 2.0
    """A client that takes nothing of what waits for so long is closed, above 0; clients on slow
    lines need more."""
    ping_s: float = 20.0
    """Between pings of a client that is sent little, and for its answer, above 0."""
    ring_messages_max: int = 5_000
    """Messages kept per event channel and root for clients that come back, at least 1."""
    ring_bytes_max: int = 67_108_864
    """Bytes of all kept messages, at least 65,536; the largest history is shortened first."""
    keys_max: int = 10_000
    """Channel and root pairs known at the same time, at least 1; messages of others are dropped."""
    snapshot_messages: int = 100
    """Messages in the snapshot of an event channel and root, at least 1."""

    def __post_init__(self) -> None:
        for name, low in _LEAST.items():
            # Comparisons with NaN are false, and nobody waits for ever.
            if not low <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} must be at least {low}, was {value}")
        for name in ("http_port", "ws_port", "push_port"):
            if (value := getattr(self, name)) > PORT_MAX:
                raise ValueError(f"{name} must be at most {PORT_MAX}, was {value}")
        self._check_tokens()
        for origin in self.origins:
            scheme, _, name = origin.partition("://")
            if scheme not in {"http", "https"} or not name or "/" in name:
                raise ValueError(
                    f"origins must be like https://desk.example, without a path, was {origin!r}"
                )

    def _check_tokens(self) -> None:
        """Says which token is wrong by its name: the token itself stands in no text."""
        if not self.tokens and not is_loopback(self.host):
            raise ValueError(
                f"tokens must not be empty while host is {self.host!r}: set a token, such as "
                "IFD_RELAY__TOKENS__desk, or let host be 127.0.0.1"
            )
        for name, token in self.tokens.items():
            visible = token.isascii() and token.isprintable() and " " not in token
            if not (name and visible and len(token) >= TOKEN_LENGTH_MIN):
                raise ValueError(
                    f"tokens.{name} must be at least {TOKEN_LENGTH_MIN} visible ASCII characters "
                    f"without spaces, had {len(token)}"
                )
        if len(set(self.tokens.values())) < len(self.tokens):
            raise ValueError("tokens must be different for every name")


PORT_MAX = 65_535
TOKEN_LENGTH_MIN = 16

_LEAST = {
    "http_port": 0,
    "ws_port": 0,
    "push_port": 0,
    "heartbeat_s": 0.01,
    "auth_timeout_s": 0.01,
    "idle_s_max": 0.01,
    "age_s_max": 0.01,
    "clients_max": 1,
    "connections_per_key_max": 1,
    "subscriptions_max": 1,
    "inbound_per_s": 0.001,
    "inbound_burst": 1,
    "inbound_bytes_max": 256,
    "queue_messages_max": 1,
    "slow_bytes_max": 65_536,
    "slow_s": 0.01,
    "ping_s": 0.01,
    "ring_messages_max": 1,
    "ring_bytes_max": 65_536,
    "keys_max": 1,
    "snapshot_messages": 1,
}

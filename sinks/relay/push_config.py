"""Settings of pushing from workers to relays."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PushConfig:
    """Which relays workers push to, and how much is kept for one that is away."""

    relays: tuple[str, ...] = ()
    """`host:port` of each relay's push port, such as 127.0.0.1:8766; empty: nothing is pushed."""
    token: str = field(default="", repr=False)
    """What workers show and relays ask for; without it a relay takes pushes on loopback only."""
    generation: str = ""
    """Life of the recovery store; the worker says it."""
    generation_ts_ms: int = 0
    """When that began, ms since the epoch."""
    partitions: int = 4
    """Sink partitions, 1…999; fixed for the life of a recovery store."""
    ring_messages_max: int = 50_000
    """Event messages kept per process for relays that are away, at least 1."""
    ring_bytes_max: int = 33_554_432
    """Their bytes, and those of the values, at least 65,536; the oldest go first, counted."""
    snapshot_bytes_max: int = 1_048_576
    """Bytes of the newest of them that a partition's snapshot holds, at least 0: what a worker
    that was killed had published and a relay not yet taken."""
    state_keys_max: int = 10_000
    """Keys of state streams of which the current value is kept, at least 1."""
    reconnect_s_max: float = 2.0
    """Longest pause before a relay is tried again, above 0."""

    def __post_init__(self) -> None:
        for name, low in _LEAST.items():
            # Comparisons with NaN are false, and nobody waits for ever.
            if not low <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} must be at least {low}, was {value}")
        if self.partitions > PARTITIONS_MAX:
            raise ValueError(f"partitions must be at most {PARTITIONS_MAX}, was {self.partitions}")
        for address in self.relays:
            host, _, port = address.rpartition(":")
            is_number = port.isascii() and port.isdigit()
            if not host or not is_number or not 0 < int(port) <= PORT_MAX:
                raise ValueError(f"relays must be host:port each, was {address!r}")
        if len(set(self.relays)) < len(self.relays):
            raise ValueError("relays must be different addresses")
        if self.token:
            _check_token(self.token)


def _check_token(token: str) -> None:
    """Says what is wrong with it; the token itself stands in no text."""
    is_visible = token.isascii() and token.isprintable() and " " not in token
    if not is_visible or len(token) < TOKEN_LENGTH_MIN:
        raise ValueError(
            f"token must be at least {TOKEN_LENGTH_MIN} visible ASCII characters without spaces, "
            f"had {len(token)}"
        )


PARTITIONS_MAX = 999
PORT_MAX = 65_535
TOKEN_LENGTH_MIN = 16

_LEAST = {
    "partitions": 1,
    "ring_messages_max": 1,
    "ring_bytes_max": 65_536,
    "snapshot_bytes_max": 0,
    "state_keys_max": 1,
    "reconnect_s_max": 0.01,
}

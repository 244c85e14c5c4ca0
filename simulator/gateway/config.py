"""What the gateway is like to its clients."""

from dataclasses import dataclass, field
from typing import Final

KEY: Final = "db-SimulatedGatewayOnThisMachine"
"""The key that opens a simulated gateway unless another is set: 32 characters, and no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Address, keys and limits. The limits are those of the real gateway."""

    host: str = "127.0.0.1"
    port: int = 13_000
    """0: any that is free."""
    keys: tuple[str, ...] = field(default=(KEY,), repr=False)
    """Of at least 5 characters, which differ in their last 5."""
    dataset: str = "GLBX.MDP3"
    lsg_version: str = "0.9.4"
    connections_max: int = 10
    """Sessions with one key at once."""
    connects_per_s: float = 5.0
    """New connections from one address; what is above is closed at once."""
    subscriptions_per_s: float = 10.0
    """Subscription lines of one session; what is above is delayed."""
    subscriptions_max: int = 10_000
    """Subscription lines of one session."""
    authentication_s: float = 30.0
    """Time a client has until it is authenticated."""
    heartbeat_s: int = 30
    """Silence after which a heartbeat is sent to clients that ask for no other."""
    heartbeat_s_min: int = 5
    heartbeat_s_max: int = 1800
    slow_words: int = 2 * 1024 * 1024
    """A live client that is so many 4-byte words of the market behind is warned,"""
    slow_warning_s: float = 10.0
    """and again after so long."""
    close_at_end: bool = False
    """Close sessions when the market has ended, instead of staying silent but for heartbeats."""
    send_buffer_bytes: int | None = None
    """Of each socket; None is the system's choice."""

    def __post_init__(self) -> None:
        if not self.keys or min(map(len, self.keys)) < 5:
            raise ValueError("keys must be at least one, of at least 5 characters each")
        if len({key[-5:] for key in self.keys}) != len(self.keys):
            raise ValueError("keys must differ in their last 5 characters")
        for name, bound in (
            ("port", 0),
            ("connections_max", 1),
            ("subscriptions_max", 1),
            ("heartbeat_s", 1),
            ("heartbeat_s_min", 1),
            ("slow_words", 1),
        ):
            if (value := getattr(self, name)) < bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        for name in ("connects_per_s", "subscriptions_per_s", "authentication_s"):
            if (value := getattr(self, name)) <= 0:
                raise ValueError(f"{name} must be more than 0, was {value}")

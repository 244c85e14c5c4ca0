"""Settings of the store."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Which database keeps the messages, how much may wait for it, and for how long they stay."""

    url: str = field(default="", repr=False)
    """`sqlite:///state/ifd.sqlite3` or `postgresql://user:password@host/database`, which may hold a
    secret; empty: no store."""
    partitions: int = 4
    """Sink partitions, 1…999; fixed for the life of a recovery store."""
    outbox_count_max: int = 100_000
    """Messages per process that wait at most, at least 2; then writing waits."""
    outbox_bytes_max: int = 67_108_864
    """Their bytes at most, at least 2; three quarters of either bound close the gate."""
    transaction_count_max: int = 1_000
    """Messages written in one transaction at most, at least 1."""
    busy_timeout_s: float = 5.0
    """For another's lock before a transaction is tried again, above 0."""
    start_timeout_s: float = 30.0
    """For a database that is away, or being migrated by another, at the start; above 0."""
    flush_timeout_s: float = 10.0
    """For what waits at a clean stop, at least 0; what is left stays in the snapshot."""
    signals_days: float = 3_650.0
    """Signals are deleted so long after they were stored, at least 1; 0: never. So are the next."""
    outcomes_days: float = 3_650.0
    gaps_days: float = 365.0
    executions_days: float = 90.0
    prune_every_s: float = 60.0
    """Between two looks for messages that are too old, above 0."""
    prune_count_max: int = 500
    """Messages deleted in one step at most, at least 1."""

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(SCHEMES):
            # Its text is not told: it may hold a password.
            raise ValueError(f"url must begin with {' or '.join(SCHEMES)}")
        for name, low in _LEAST.items():
            # Comparisons with NaN are false, and nobody waits for ever.
            if not low <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} must be at least {low}, was {value}")
        for name in ("signals_days", "outcomes_days", "gaps_days", "executions_days"):
            if 0 < (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be 0 or at least 1, was {value}")
        if self.partitions > PARTITIONS_MAX:
            raise ValueError(f"partitions must be at most {PARTITIONS_MAX}, was {self.partitions}")

    def days(self, stream: str) -> float:
        """Days that messages of an event stream stay; 0: for ever."""
        found: float = getattr(self, f"{stream}_days")
        return found


SCHEMES = ("sqlite:///", "postgresql://")
PARTITIONS_MAX = 999

_LEAST = {
    "partitions": 1,
    "outbox_count_max": 2,
    "outbox_bytes_max": 2,
    "transaction_count_max": 1,
    "busy_timeout_s": 0.001,
    "start_timeout_s": 0.001,
    "flush_timeout_s": 0,
    "signals_days": 0,
    "outcomes_days": 0,
    "gaps_days": 0,
    "executions_days": 0,
    "prune_every_s": 0.001,
    "prune_count_max": 1,
}

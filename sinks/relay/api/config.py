"""Settings of the HTTP side of the relay."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """Bounds on what one client and one request may cost."""

    rate_per_s: float = 20.0
    """Requests per second and client address that may go on for ever, above 0."""
    burst: int = 200
    """Requests a client may make at once before that rate holds, at least 1."""
    clients_max: int = 10_000
    """Client addresses whose rate is remembered, at least 1."""
    target_bytes_max: int = 4_096
    """Bytes of path and query together, at least 256; a longer one gets 414."""
    body_bytes_max: int = 0
    """Bytes of a request's body, at least 0: nothing here takes one; a larger one gets 413."""
    store_threads: int = 4
    """Queries of the store at the same time, at least 1."""
    store_waiting_max: int = 64
    """Further queries that may wait for a thread, at least 0; then 503."""
    store_timeout_s: float = 3.0
    """A query takes no longer, waiting included, above 0; then 503."""

    def __post_init__(self) -> None:
        for name, low in _LEAST.items():
            # Comparisons with NaN are false, and nobody waits for ever.
            if not low <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} must be at least {low}, was {value}")


_LEAST = {
    "rate_per_s": 0.001,
    "burst": 1,
    "clients_max": 1,
    "target_bytes_max": 256,
    "body_bytes_max": 0,
    "store_threads": 1,
    "store_waiting_max": 0,
    "store_timeout_s": 0.01,
}

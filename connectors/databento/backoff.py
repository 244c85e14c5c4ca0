"""How long to wait before trying again, and how often at most. Pure: time and chance come in."""

from collections import deque
from dataclasses import dataclass

from operators.model.records import NS_PER_S

_NS_PER_MS = 1_000_000
_DOUBLINGS_MAX = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffConfig:
    """Delays between attempts to connect, in ms."""

    least_ms: int = 1_000
    """Always waited: the vendor asks for a second after a connection was closed. At least 0."""
    first_ms: int = 500
    """Bound of what chance adds at first; it doubles with each attempt. At least 1."""
    most_ms: int = 30_000
    """Bound of what chance adds at last, at least `first_ms`."""

    def __post_init__(self) -> None:
        if self.least_ms < 0:
            raise ValueError(f"least_ms must be at least 0, was {self.least_ms}")
        if not 1 <= self.first_ms <= self.most_ms:
            bounds = f"1 to most_ms ({self.most_ms})"
            raise ValueError(f"first_ms must be {bounds}, was {self.first_ms}")


class Backoff:
    """Exponential, with full jitter: many who lost one gateway do not come back together.

    The wait before attempt n = 0, 1, … is least + chance · min(most, first · 2^n).

    References:
        Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015: full jitter.
    """

    def __init__(self, config: BackoffConfig) -> None:
        self._config = config
        self.attempts = 0
        """Attempts since the last success."""

    def next_ns(self, chance: float) -> int:
        """Wait before the next attempt; `chance` is uniform, at least 0 and below 1."""
        config = self._config
        bound_ms = min(config.most_ms, config.first_ms << min(self.attempts, _DOUBLINGS_MAX))
        self.attempts += 1
        return config.least_ms * _NS_PER_MS + int(chance * bound_ms * _NS_PER_MS)

    def succeeded(self) -> None:
        """Data has come: the next loss is a first one."""
        self.attempts = 0


class RateLimit:
    """At most `count` in any window of `window_ns`. State: `count` instants. One for a process.

    Databento closes what connects more often than 5 times in a second from one address at once,
    and delays subscriptions beyond a few a second. Not for several threads.
    """

    def __init__(self, count: int, window_ns: int = NS_PER_S) -> None:
        """With `count` at least 1."""
        if count < 1:
            raise ValueError(f"count must be at least 1, was {count}")
        self._window_ns = window_ns
        self._booked: deque[int] = deque(maxlen=count)

    def book_ns(self, now_ns: int) -> int:
        """Book the next free instant; how long to wait for it from `now_ns`, a monotonic clock."""
        at_ns = max(now_ns, self._booked[-1]) if self._booked else now_ns
        if len(self._booked) == self._booked.maxlen:
            at_ns = max(at_ns, self._booked[0] + self._window_ns)
        self._booked.append(at_ns)
        return at_ns - now_ns

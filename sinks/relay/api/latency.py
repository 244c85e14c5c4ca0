"""Latency: how long ago a message was published when the relay handed it to its clients. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

COUNT_MAX: Final = 4_096
"""Messages looked back on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyStats:
    """Exact quantiles over the last messages; None while there are none."""

    count: int
    """Messages looked at."""
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class LatencyWindow:
    """The last `count_max` messages whose time of publishing is known.

    Clocks of two machines may disagree: what seems to come before it was published counts as 0.
    """

    def __init__(self, count_max: int = COUNT_MAX) -> None:
        self._ns: deque[int] = deque(maxlen=count_max)
        self.early: int = 0
        """Messages that seemed to come before they were published."""

    def add(self, ts_published_ns: int, ts_relayed_ns: int) -> None:
        """Note one message; one whose time of publishing is unknown (0) is passed over."""
        if ts_published_ns:
            self.early += ts_relayed_ns < ts_published_ns
            self._ns.append(max(0, ts_relayed_ns - ts_published_ns))

    def stats(self) -> LatencyStats:
        """Quantiles by nearest rank."""
        found = sorted(self._ns)
        if not found:
            return LatencyStats(count=0, p50_ms=None, p99_ms=None, max_ms=None)
        p50, p99 = (found[-(-len(found) * share // 100) - 1] / 1e6 for share in (50, 99))
        return LatencyStats(count=len(found), p50_ms=p50, p99_ms=p99, max_ms=found[-1] / 1e6)

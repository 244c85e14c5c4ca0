"""How long to wait before the next restart, and when to give up: pure."""

from collections import deque

from config.sections import ClusterConfig


class Restarts:
    """Exponential backoff with a bound on restarts per time. State: one instant per restart."""

    def __init__(self, config: ClusterConfig) -> None:
        self._config = config
        self._made_s: deque[float] = deque()

    def next(self, now_s: float) -> float | None:
        """Seconds to wait before a restart; None if there were too many.

        Args:
            now_s: of any clock that only goes forward.
        """
        while self._made_s and self._made_s[0] <= now_s - self._config.restarts_window_s:
            self._made_s.popleft()
        if self.count >= self._config.restarts_max:
            return None
        self._made_s.append(now_s)
        doublings = min(self.count - 1, 60)
        return min(self._config.backoff_first_s * 2.0**doublings, self._config.backoff_last_s)

    @property
    def count(self) -> int:
        """Restarts within the window at the last call of `next`, that one included."""
        return len(self._made_s)

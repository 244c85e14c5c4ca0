"""Replay at the speed of the market, or a multiple of it."""

from collections.abc import Callable
from typing import Final

import numpy as np

from operators.model.records import F_BAD_TS_RECV, F_SNAPSHOT, MboBatch

AWAKE_NS_MAX: Final = 100_000_000
"""A source that sleeps longer than this holds up every other source of its cluster."""


class Pace:
    """Says how many records are due, by their ts_recv.

    The first record that is not part of a snapshot is due at once, and later ones as long after
    it as they were received after it, divided by `speed`. Snapshot records never wait: theirs is
    the time of the snapshot, which may be a day before the next record.
    """

    def __init__(self, speed: float, clock_ns: Callable[[], int]) -> None:
        """With `speed` in event seconds per second of `clock_ns`, more than 0."""
        self._speed = speed
        self._clock_ns = clock_ns
        self._anchor: tuple[int, int] | None = None
        self._waiting_for_ns = 0

    def due_rows(self, rows: MboBatch) -> int:
        """How many of `rows`, from the first on, are due now."""
        timed = (rows["flags"] & (F_SNAPSHOT | F_BAD_TS_RECV)) == 0
        if self._anchor is None:
            first = np.flatnonzero(timed)
            if first.size == 0:
                return int(rows.size)
            self._anchor = (int(rows["ts_recv"][first[0]]), self._clock_ns())
        early = np.flatnonzero(timed & (rows["ts_recv"] > np.uint64(self._due_ns(self._anchor))))
        if early.size == 0:
            return int(rows.size)
        self._waiting_for_ns = int(rows["ts_recv"][early[0]])
        return int(early[0])

    def is_due(self, ts_ns: int) -> bool:
        """Whether something that happened at `ts_ns` is due now."""
        if self._anchor is None or ts_ns <= self._due_ns(self._anchor):
            return True
        self._waiting_for_ns = ts_ns
        return False

    def wait_ns(self) -> int:
        """Time until what was found not to be due is so: 0 to AWAKE_NS_MAX."""
        if self._anchor is None:
            return 0
        wait_ns = (self._waiting_for_ns - self._due_ns(self._anchor)) / self._speed
        return int(min(max(wait_ns, 0), AWAKE_NS_MAX))

    def _due_ns(self, anchor: tuple[int, int]) -> int:
        event_ns, clock_ns = anchor
        return event_ns + int((self._clock_ns() - clock_ns) * self._speed)

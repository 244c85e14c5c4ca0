"""The weekend of the exchange, in which its test data may flow through a live feed."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.model.records import NS_PER_S, TS_UNDEF, MboBatch

DAY_S: Final = 86_400
WEEK_S: Final = 7 * DAY_S
_WEEK_NS: Final = WEEK_S * NS_PER_S
_MONDAY_S: Final = 4 * DAY_S  # 1970-01-05, the first Monday


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """When the weekend begins and ends. Times of the week are s after Monday, 00:00.

    From Saturday on the vendor passes on what the exchange sends to be tested with, and never puts
    it into history (Databento, "GLBX.MDP3", on maintenance).
    """

    offset_s: int
    """The exchange's local time less UTC before the first change, s."""
    changes: tuple[tuple[int, int], ...] = ()
    """(ts, s since the epoch; local time less UTC from then on, s), ascending."""
    close_s: int = 4 * DAY_S + 17 * 3600
    """Local time from which the exchange is closed: Friday 17:00, an hour after the last session.
    In that hour it still says which orders have expired."""
    restart_s: int = 6 * DAY_S + 9 * 3600 + 1800
    """UTC at which its gateways start again: Sunday 09:30."""

    def __post_init__(self) -> None:
        if not 0 <= self.close_s < self.restart_s <= WEEK_S:
            found = f"close_s {self.close_s} and restart_s {self.restart_s}"
            raise ValueError(f"expected 0 ≤ close_s < restart_s ≤ {WEEK_S}, was {found}")
        if any(a >= b for (a, _), (b, _) in zip(self.changes, self.changes[1:], strict=False)):
            raise ValueError(f"changes must ascend without repeats, was {self.changes}")

    def weekend(self, ts_ns: int) -> tuple[int, int]:
        """First and stop (exclusive), ns since the epoch, of the first weekend to end after it."""
        ts_s = ts_ns // NS_PER_S
        monday_s = ts_s - (ts_s - _MONDAY_S) % WEEK_S
        return self.of_monday(monday_s + (WEEK_S if ts_s >= monday_s + self.restart_s else 0))

    def of_monday(self, monday_s: int) -> tuple[int, int]:
        """The same of the week that begins at a Monday, 00:00 UTC, s since the epoch."""
        # Clocks change on Sundays: the offset of Friday afternoon is what holds at the close.
        at = bisect_right(self.changes, (monday_s + self.close_s, WEEK_S))
        offset_s = self.changes[at - 1][1] if at else self.offset_s
        close_s = max(monday_s + self.close_s - offset_s, 0)
        return close_s * NS_PER_S, (monday_s + self.restart_s) * NS_PER_S

    def is_closed(self, ts_ns: int) -> bool:
        """Whether it is weekend."""
        first, stop = self.weekend(ts_ns)
        return first <= ts_ns < stop


class ClosedHours:
    """Drops, and counts, records that happened while the exchange was closed. State: a counter."""

    def __init__(self, week: Week) -> None:
        self._week = week
        self._open_ns = self._close_ns = 0
        self.closed_rows = 0
        """Records dropped."""

    def accept(self, rows: MboBatch) -> MboBatch:
        """The records that did not happen in a weekend, in their order, read-only.

        Args:
            rows: shape (n,), MBO_DTYPE, read-only.
        """
        if rows.size == 0:
            return rows
        ts = rows["ts_event"]
        oldest, newest = int(ts.min()), int(ts.max())
        if self._open_ns <= oldest and newest < self._close_ns:
            return rows
        first, stop = self._week.weekend(newest)
        self._open_ns, self._close_ns = stop - _WEEK_NS, first
        closed = self._closed(ts)
        count = int(closed.sum())
        if count == 0:
            return rows
        self.closed_rows += count
        passed = rows[~closed]
        passed.flags.writeable = False
        return passed

    def _closed(self, ts: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Shape (n,): whether the exchange was closed. One look at the week's facts for each."""
        mondays_s = (ts // np.uint64(NS_PER_S)).astype(np.int64) - _MONDAY_S
        mondays_s, week_of = np.unique(
            mondays_s // WEEK_S * WEEK_S + _MONDAY_S, return_inverse=True
        )
        weekends = [self._week.of_monday(int(monday_s)) for monday_s in mondays_s]
        bounds = np.array([[min(each, TS_UNDEF) for each in pair] for pair in weekends], np.uint64)
        closed: NDArray[np.bool_] = (bounds[week_of, 0] <= ts) & (ts < bounds[week_of, 1])
        return closed

"""The exchange's day: the session and bucket of it that an instant belongs to, and if it trades.

A session is named by its trading day and begins in the evening before it, at the day roll. Pure:
the facts (changes of the clock, holidays) come as plain tuples, from config/calendar.toml.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

DAY_S: Final = 86_400
TS_S_MAX: Final = 9_223_372_036  # whole seconds that an int64 of ns holds


class CalendarArrays(NamedTuple):
    """A calendar for kernels: sorted int64 arrays."""

    change_ts_s: NDArray[np.int64]
    """(changes + 1,): when an offset begins, s since the epoch; the first is before all time."""
    change_offset_s: NDArray[np.int64]
    """(changes + 1,): local time less UTC from then on, s."""
    special_day: NDArray[np.int64]
    """(specials,): trading days that end early or do not begin."""
    special_stop_s: NDArray[np.int64]
    """(specials,): s after the roll at which they end; 0 if they do not begin."""
    weekday_stop_s: NDArray[np.int64]
    """(7,), Monday first: the same for every other trading day."""
    roll_s: NDArray[np.int64]
    """(1,): local time of the day roll, s."""


@dataclass(frozen=True)  # No slots: the arrays are cached on it.
class Calendar:
    """Sessions of one exchange. A trading day is counted in days since 1970-01-01.

    The session of trading day d runs from `roll_s` local time on d − 1 to `pause_s` before `roll_s`
    on d. Local time is never a key: between roll and roll a wall clock hour may be missing or
    double, which matters to nobody if the clock changes while the market is closed.
    """

    offset_s: int
    """Local time less UTC before the first change, s."""
    changes: tuple[tuple[int, int], ...]
    """(ts, s since the epoch; local time less UTC from then on, s), ascending."""
    roll_s: int = 17 * 3600
    """Local time of the day roll, s after midnight, below 86,400."""
    pause_s: int = 3600
    """Length of the daily pause, which ends with the roll, s."""
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Trading days of the week, Monday is 0."""
    closed: tuple[int, ...] = ()
    """Trading days without a session, ascending."""
    early: tuple[tuple[int, int], ...] = ()
    """(trading day, local s after its midnight at which its session ends), ascending."""

    def __post_init__(self) -> None:
        for name, value, stop in (
            ("offset_s", abs(self.offset_s), DAY_S),
            ("roll_s", self.roll_s, DAY_S),
            ("pause_s", self.pause_s, DAY_S),
            *(("changes", abs(offset), DAY_S) for _, offset in self.changes),
            *(("weekdays", day, 7) for day in self.weekdays),
            *(("early", close, self.roll_s) for _, close in self.early),
        ):
            if not 0 <= value < stop:
                raise ValueError(f"{name} must be at least 0 and below {stop}, was {value}")
        for name, keys in (
            ("changes", [ts for ts, _ in self.changes]),
            ("closed", list(self.closed)),
            ("early", [day for day, _ in self.early]),
        ):
            if any(a >= b for a, b in pairwise(keys)):
                raise ValueError(f"{name} must ascend without repeats, was {keys}")
        for day, _ in self.early:
            at = bisect_left(self.closed, day)
            if self.closed[at : at + 1] == (day,):
                raise ValueError(f"early must not hold a closed day, was {day}")

    @cached_property
    def arrays(self) -> CalendarArrays:
        """The same facts for kernels."""
        day_stop_s = DAY_S - self.pause_s
        special = sorted(
            [(day, 0) for day in self.closed]
            + [(day, min(DAY_S - self.roll_s + close, day_stop_s)) for day, close in self.early]
        )
        changes = ((-TS_S_MAX, self.offset_s), *self.changes)
        columns = (
            [ts for ts, _ in changes],
            [offset for _, offset in changes],
            [day for day, _ in special],
            [stop for _, stop in special],
            [day_stop_s if day in self.weekdays else 0 for day in range(7)],
            [self.roll_s],
        )
        return CalendarArrays(*(np.array(column, np.int64) for column in columns))

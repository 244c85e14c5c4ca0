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
from numba import njit
from numpy.typing import NDArray

from operators.model.records import NS_PER_S

DAY_S: Final = 86_400
_TS_S_MAX: Final = 9_223_372_036  # whole seconds that an int64 of ns holds


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
        changes = ((-_TS_S_MAX, self.offset_s), *self.changes)
        columns = (
            [ts for ts, _ in changes],
            [offset for _, offset in changes],
            [day for day, _ in special],
            [stop for _, stop in special],
            [day_stop_s if day in self.weekdays else 0 for day in range(7)],
            [self.roll_s],
        )
        return CalendarArrays(*(np.array(column, np.int64) for column in columns))

    def locate(
        self, ts: NDArray[np.int64], bucket_s: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.bool_]]:
        """Session (trading day), bucket of `bucket_s` seconds after the roll, and if it is open.

        `ts` is (n,), ns since the epoch; each result is (n,).
        """
        located: tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.bool_]]
        located = _locate_all(self.arrays, np.ascontiguousarray(ts, np.int64), bucket_s)
        return located


@njit(cache=True)
def span_at(calendar: CalendarArrays, ts: int, bucket_s: int) -> tuple[int, int, bool, int, int]:
    """(session, bucket, open, first, stop): what holds at `ts`, for which ns, stop exclusive."""
    ts_s = ts // NS_PER_S
    change = max(int(np.searchsorted(calendar.change_ts_s, ts_s, side="right")) - 1, 0)
    after_roll_s = ts_s + calendar.change_offset_s[change] + DAY_S - calendar.roll_s[0]
    session = after_roll_s // DAY_S
    second = after_roll_s - session * DAY_S
    stop_s = calendar.weekday_stop_s[(session + 3) % 7]  # 1970-01-01 was a Thursday
    special = np.searchsorted(calendar.special_day, session)
    if special < calendar.special_day.size and calendar.special_day[special] == session:
        stop_s = min(stop_s, calendar.special_stop_s[special])
    bucket = second // bucket_s
    first, last = bucket * bucket_s, (bucket + 1) * bucket_s
    if second < stop_s:
        last = min(last, stop_s)
    else:
        first = max(first, stop_s)
    first = max(ts_s - (second - first), calendar.change_ts_s[change])
    last = ts_s + (last - second)
    if change + 1 < calendar.change_ts_s.size:
        last = min(last, calendar.change_ts_s[change + 1])
    return (
        session,
        bucket,
        second < stop_s,
        max(first, -_TS_S_MAX) * NS_PER_S,
        min(last, _TS_S_MAX) * NS_PER_S,
    )


@njit(cache=True)
def _locate_all(calendar, ts, bucket_s):  # type: ignore[no-untyped-def]
    session = np.empty(ts.size, np.int32)
    bucket = np.empty(ts.size, np.int16)
    is_open = np.empty(ts.size, np.bool_)
    first, stop = 0, 0
    at_session, at_bucket, at_open = 0, 0, False
    for i in range(ts.size):
        if not first <= ts[i] < stop:
            at_session, at_bucket, at_open, first, stop = span_at(calendar, ts[i], bucket_s)
        session[i], bucket[i], is_open[i] = at_session, at_bucket, at_open
    return session, bucket, is_open

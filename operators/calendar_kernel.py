"""Where instants lie in the exchange's day, compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from operators.calendar import DAY_S, TS_S_MAX, Calendar, CalendarArrays
from operators.model.records import NS_PER_S


def locate(
    calendar: Calendar, ts: NDArray[np.int64], bucket_s: int
) -> tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.bool_]]:
    """Session (trading day), bucket of `bucket_s` seconds after the roll, and if it is open.

    `ts` is (n,), ns since the epoch; each result is (n,).
    """
    located: tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.bool_]]
    located = _locate_all(calendar.arrays, np.ascontiguousarray(ts, np.int64), bucket_s)
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
        max(first, -TS_S_MAX) * NS_PER_S,
        min(last, TS_S_MAX) * NS_PER_S,
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

"""Which days of history a baseline needs: sessions of the calendar, and the UTC days they span."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from operators.calendar import DAY_S, Calendar
from operators.calendar_kernel import locate
from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S

_DAY_NS: Final = DAY_S * NS_PER_S
_STEP_S: Final = 900
"""Sessions begin and end at multiples of it."""
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class SessionSpan:
    """One trading day, from its opening in the evening before to its close."""

    day: date
    start_ns: int
    stop_ns: int

    @property
    def number(self) -> int:
        """Trading day, days since 1970-01-01."""
        return (self.day - _EPOCH).days


def sessions_before(
    calendar: Calendar, before: date, count: int, *, until_ns: int | None = None
) -> list[SessionSpan]:
    """The last `count` sessions of trading days before a date, ascending.

    Args:
        calendar: Of the exchange.
        before: Their trading days are earlier.
        count: How many, at least 1.
        until_ns: Only sessions that end by then, ns since the epoch; None: all.
    """
    stop_s = (before - _EPOCH).days * DAY_S + DAY_S
    start_s = stop_s - (2 * count + 14) * DAY_S
    ts = np.arange(start_s, stop_s, _STEP_S, dtype=np.int64) * NS_PER_S
    session, _, is_open = locate(calendar, ts, 1800)
    found = []
    for number in np.unique(session[is_open]).tolist():
        own = ts[is_open & (session == number)]
        span = SessionSpan(
            _EPOCH + timedelta(days=number), int(own[0]), int(own[-1]) + _STEP_S * NS_PER_S
        )
        if span.day < before and (until_ns is None or span.stop_ns <= until_ns):
            found.append(span)
    return found[-count:]


def utc_days(sessions: list[SessionSpan]) -> list[tuple[int, int]]:
    """UTC days in which these trade, [start, stop) ns each; the last ends with its session.

    They begin at a midnight, since only there does history have whole books to begin with.

    Raises:
        ConfigError: There is no session.
    """
    if not sessions:
        raise ConfigError("expected at least 1 session of the calendar, found none: see --before")
    starts = {
        midnight
        for span in sessions
        for midnight in range(span.start_ns // _DAY_NS * _DAY_NS, span.stop_ns, _DAY_NS)
    }
    # Whole days, since what comes after a close is still said of the books.
    return [(start, min(start + _DAY_NS, sessions[-1].stop_ns)) for start in sorted(starts)]

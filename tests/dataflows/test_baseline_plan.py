"""Sessions by the calendar, and the days of history that they span."""

from datetime import UTC, date, datetime

import pytest

from config.calendar import load_calendar
from dataflows.baseline_plan import sessions_before, utc_days
from operators.model.errors import ConfigError

CALENDAR = load_calendar()


def shown(ns):
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%a %Y-%m-%d %H:%M")


def test_a_session_begins_in_the_evening_before_and_weekends_have_none():
    found = sessions_before(CALENDAR, date(2026, 4, 14), 3)
    assert [span.day for span in found] == [date(2026, 4, 9), date(2026, 4, 10), date(2026, 4, 13)]
    assert shown(found[-1].start_ns) == "Sun 2026-04-12 22:00"
    assert shown(found[-1].stop_ns) == "Mon 2026-04-13 21:00"


def test_a_closed_day_is_no_session_and_the_clock_changes_with_the_season():
    days = [span.day for span in sessions_before(CALENDAR, date(2026, 1, 7), 20)]
    assert date(2025, 12, 25) not in days
    assert date(2025, 12, 24) in days
    assert len(days) == 20
    assert all(day.weekday() < 5 for day in days)
    winter = sessions_before(CALENDAR, date(2026, 3, 7), 1)
    assert shown(winter[0].start_ns) == "Thu 2026-03-05 23:00"


def test_only_what_the_licence_covers():
    whole = sessions_before(CALENDAR, date(2026, 4, 14), 2)
    before = sessions_before(CALENDAR, date(2026, 4, 14), 2, until_ns=whole[-1].stop_ns - 1)
    assert before[-1].day == whole[-2].day


def test_days_begin_at_midnight_and_the_last_ends_with_its_session():
    days = utc_days(sessions_before(CALENDAR, date(2026, 4, 14), 2))
    assert [(shown(start), shown(stop)) for start, stop in days] == [
        ("Thu 2026-04-09 00:00", "Fri 2026-04-10 00:00"),
        ("Fri 2026-04-10 00:00", "Sat 2026-04-11 00:00"),
        ("Sun 2026-04-12 00:00", "Mon 2026-04-13 00:00"),
        ("Mon 2026-04-13 00:00", "Mon 2026-04-13 21:00"),
    ]
    with pytest.raises(ConfigError, match="found none"):
        utc_days([])

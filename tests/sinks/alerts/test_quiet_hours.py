from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from sinks.alerts.quiet_hours import QuietHours

ZONE = ZoneInfo("America/Chicago")


def within(quiet, text):
    at = datetime.fromisoformat(text).replace(tzinfo=ZONE)
    return quiet.contains(round(at.timestamp()) * 1_000_000_000, ZONE)


def test_a_span_over_midnight_belongs_to_the_day_it_begins():
    quiet = QuietHours(from_=time(22), to=time(6), days=("fri",))
    assert within(quiet, "2026-01-16T22:00:00")  # a Friday
    assert within(quiet, "2026-01-17T05:59:59")
    assert not within(quiet, "2026-01-17T06:00:00")
    assert not within(quiet, "2026-01-16T05:00:00")
    assert not within(quiet, "2026-01-17T23:00:00")


def test_a_span_within_a_day_ends_before_its_end():
    quiet = QuietHours(from_=time(12), to=time(13))
    assert [within(quiet, f"2026-01-15T{t}") for t in ("11:59:59", "12:00:00", "13:00:00")] == [
        False, True, False,
    ]  # fmt: skip


def test_clock_changes_are_the_zones():
    quiet = QuietHours(from_=time(1), to=time(3))
    # 2026-03-08: 02:00 does not exist; 07:30 UTC is 01:30 CST, 08:30 UTC is 03:30 CDT.
    assert quiet.contains(1_772_955_000 * 10**9, ZONE)
    assert not quiet.contains(1_772_958_600 * 10**9, ZONE)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="to must differ from from"):
        QuietHours(from_=time(1), to=time(1))
    with pytest.raises(ValueError, match="days must name a day"):
        QuietHours(from_=time(1), to=time(2), days=())

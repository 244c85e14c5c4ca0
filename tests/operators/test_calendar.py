from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.calendar import load_calendar
from operators.calendar import Calendar
from operators.calendar_kernel import locate, span_at

CHICAGO = ZoneInfo("America/Chicago")
EPOCH = date(1970, 1, 1)
CALENDAR = load_calendar()
HALF_HOUR_S = 1800


def located_at(local: str) -> tuple[date, int, bool]:
    """Session, bucket and whether it trades, of a local time such as `2024-03-08 17:00`."""
    at = datetime.fromisoformat(local).replace(tzinfo=CHICAGO)
    ts = np.array([int(at.timestamp()) * 1_000_000_000])
    session, bucket, is_open = locate(CALENDAR, ts, HALF_HOUR_S)
    return EPOCH + timedelta(int(session[0])), int(bucket[0]), bool(is_open[0])


def by_hand(ts_ns: int) -> tuple[int, int, bool]:
    """The slow, obvious twin: Python's own zone database and the calendar's tuples."""
    local = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).astimezone(CHICAGO)
    evening = local.time() >= time(17)
    day = local.date() + timedelta(evening)
    number = (day - EPOCH).days
    midnight_s = local.hour * 3600 + local.minute * 60 + local.second
    second = midnight_s - 17 * 3600 if evening else midnight_s + 7 * 3600
    stop = 23 * 3600 if day.weekday() < 5 and number not in CALENDAR.closed else 0
    if stop and (close := dict(CALENDAR.early).get(number)) is not None:
        stop = close + 7 * 3600
    return number, second // HALF_HOUR_S, second < stop


@pytest.mark.parametrize(
    ("local", "day", "bucket", "is_open"),
    [
        ("2024-03-06 16:59:59", "2024-03-06", 47, False),
        ("2024-03-06 17:00:00", "2024-03-07", 0, True),
        ("2024-03-06 17:30:00", "2024-03-07", 1, True),
        ("2024-03-07 00:00:00", "2024-03-07", 14, True),
        ("2024-03-07 08:30:00", "2024-03-07", 31, True),
        ("2024-03-07 15:59:59", "2024-03-07", 45, True),
        ("2024-03-07 16:00:00", "2024-03-07", 46, False),
        ("2024-03-08 17:00:00", "2024-03-09", 0, False),  # Friday evening: Saturday
        ("2024-03-09 12:00:00", "2024-03-09", 38, False),
        ("2024-03-10 16:59:59", "2024-03-10", 47, False),
        ("2024-03-10 17:00:00", "2024-03-11", 0, True),  # Sunday evening: Monday
    ],
)
def test_the_day_rolls_at_17_and_rests_from_16(local, day, bucket, is_open):
    assert located_at(local) == (date.fromisoformat(day), bucket, is_open)


def test_the_same_bucket_before_and_after_the_clock_changes():
    for monday_after in ("2024-03-11", "2024-11-04"):
        assert located_at(f"{monday_after} 08:30")[1] == 31
        before = (date.fromisoformat(monday_after) - timedelta(3)).isoformat()
        assert located_at(f"{before} 08:30")[1] == 31


def test_christmas_does_not_trade_and_reopens_in_its_evening():
    assert not located_at("2023-12-24 18:00")[2]
    assert not located_at("2023-12-25 10:00")[2]
    assert located_at("2023-12-25 17:00") == (date(2023, 12, 26), 0, True)


def test_an_early_close_ends_the_session_inside_a_bucket():
    assert located_at("2024-11-29 12:14:59") == (date(2024, 11, 29), 38, True)
    assert located_at("2024-11-29 12:15:00") == (date(2024, 11, 29), 38, False)
    assert located_at("2024-07-04 11:59:59")[2]
    assert not located_at("2024-07-04 12:00:00")[2]
    assert located_at("2024-07-04 17:00:00") == (date(2024, 7, 5), 0, True)


def test_the_changes_of_the_clock_are_those_of_the_zone_database():
    changes = dict(CALENDAR.changes)
    assert len(changes) == 62
    hour = timedelta(hours=1)
    at = datetime(2010, 1, 1, tzinfo=UTC)
    seen = 0
    while at < datetime(2041, 1, 1, tzinfo=UTC):
        before, after = ((t.astimezone(CHICAGO)).utcoffset() for t in (at - hour, at))
        if before != after:
            assert changes[int(at.timestamp())] == after.total_seconds()
            seen += 1
        at += hour
    assert seen == 62


def test_every_holiday_is_a_weekday_and_every_year_has_its_holidays():
    for number in (*CALENDAR.closed, *dict(CALENDAR.early)):
        assert (EPOCH + timedelta(number)).weekday() < 5
    for year in range(2020, 2028):
        days = [EPOCH + timedelta(d) for d in (*CALENDAR.closed, *dict(CALENDAR.early))]
        assert 9 <= sum(day.year == year for day in days) <= 14
        # The third Mondays of January and February, the last of May, the first of September.
        for month, first, last in ((1, 15, 21), (2, 15, 21), (5, 25, 31), (9, 1, 7)):
            (monday,) = (
                date(year, month, d)
                for d in range(first, last + 1)
                if date(year, month, d).weekday() == 0
            )
            assert dict(CALENDAR.early)[(monday - EPOCH).days] == 12 * 3600
        (thanksgiving,) = (
            date(year, 11, d) for d in range(22, 29) if date(year, 11, d).weekday() == 3
        )
        early = dict(CALENDAR.early)
        assert early[(thanksgiving - EPOCH).days] == 12 * 3600
        assert early[(thanksgiving - EPOCH).days + 1] == 12 * 3600 + 15 * 60


TS_S = st.integers(
    int(datetime(2010, 1, 2, tzinfo=UTC).timestamp()),
    int(datetime(2040, 12, 30, tzinfo=UTC).timestamp()),
)


@given(st.lists(TS_S, min_size=1, max_size=20))
def test_any_instant_is_where_the_zone_database_puts_it(instants):
    # The neighbours of each instant's span make the edges common.
    ts = [s * 1_000_000_000 + 999_999_999 for s in instants]
    for instant in list(ts):
        *_, first, stop = span_at(CALENDAR.arrays, instant, HALF_HOUR_S)
        assert first <= instant < stop
        ts += [first - 1, first, stop - 1, stop]
    located = locate(CALENDAR, np.array(ts), HALF_HOUR_S)
    assert [tuple(map(int, row)) for row in zip(*located, strict=True)] == [
        tuple(map(int, by_hand(t))) for t in ts
    ]


@pytest.mark.parametrize("ts", [-(2**63), -1, 0, 2**63 - 1])
def test_any_integer_is_some_time(ts):
    session, bucket, _ = locate(CALENDAR, np.array([ts]), HALF_HOUR_S)
    assert abs(int(session[0])) < 2**31 - 1
    assert 0 <= bucket[0] < 48


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("offset_s", 90_000),
        ("roll_s", 86_400),
        ("pause_s", -1),
        ("weekdays", (7,)),
        ("changes", ((10, 0), (5, 0))),
        ("changes", ((10, 90_000),)),
        ("closed", (3, 3)),
        ("early", ((3, 17 * 3600),)),
    ],
)
def test_nonsense_is_refused_by_field(field, value):
    with pytest.raises(ValueError, match=field):
        Calendar(**{"offset_s": -21_600, "changes": (), field: value})


def test_a_day_cannot_be_closed_and_early():
    with pytest.raises(ValueError, match="early"):
        Calendar(offset_s=0, changes=(), closed=(3,), early=((3, 60),))

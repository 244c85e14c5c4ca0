from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.calendar import load_calendar
from connectors.databento.week import ClosedHours, Week
from operators.model.records import NS_PER_S, TS_UNDEF
from tests.connectors.databento.market import Row, batch

CALENDAR = load_calendar()
WEEK = Week(offset_s=CALENDAR.offset_s, changes=CALENDAR.changes)
CHICAGO = ZoneInfo("America/Chicago")


def ns(text: str) -> int:
    """An instant in UTC, such as 2026-04-03T22:00."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS_PER_S


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("2026-04-03T21:59:59", False),  # Friday, daylight saving
        ("2026-04-03T22:00", True),
        ("2026-04-04T12:00", True),
        ("2026-04-05T09:29:59", True),
        ("2026-04-05T09:30", False),
        ("2026-04-05T21:00", False),  # before the open of Sunday
        ("2026-04-06T21:30", False),  # the daily pause is no weekend
        ("2026-01-09T22:30", False),  # Friday, standard time
        ("2026-01-09T23:00", True),
        ("2026-03-08T09:00", True),  # the clock changed an hour ago
        ("2026-03-08T09:30", False),
        ("1970-01-01T00:00", False),  # a Thursday
    ],
)
def test_the_weekend_is_from_friday_to_sunday(text, closed):
    assert WEEK.is_closed(ns(text)) is closed


@given(st.datetimes(datetime(2011, 1, 1), datetime(2039, 12, 1)))  # noqa: DTZ001
def test_an_instant_is_judged_as_by_a_wall_clock(naive):
    at = naive.replace(tzinfo=UTC)
    local = at.astimezone(CHICAGO)
    after_close = local.weekday() > 4 or (local.weekday() == 4 and local.hour >= 17)
    before_restart = at.weekday() < 6 or (at.hour, at.minute) < (9, 30)
    # On Monday morning, UTC, it may still be Sunday in Chicago.
    expected = after_close and before_restart and at.weekday() >= 4
    assert WEEK.is_closed(int(at.timestamp()) * NS_PER_S) is expected


def rows_at(*instants: int):
    return batch([Row(1, ts, order) for order, ts in enumerate(instants)])


def test_records_of_a_weekend_are_dropped_and_counted():
    friday, saturday, sunday = (
        ns("2026-04-03T20:00"),
        ns("2026-04-04T15:00"),
        ns("2026-04-05T21:00"),
    )
    hours = ClosedHours(WEEK)
    passed = hours.accept(rows_at(friday, saturday, friday + 1, saturday + 1, sunday))
    assert passed["order_id"].tolist() == [0, 2, 4]
    assert not passed.flags.writeable
    assert hours.closed_rows == 2
    assert hours.accept(rows_at(saturday)).size == 0
    assert hours.closed_rows == 3


def test_open_hours_pass_as_they_are():
    hours = ClosedHours(WEEK)
    for text in ("2026-04-01T10:00", "2026-04-02T10:00", "2026-04-07T10:00", "2026-04-01T10:00"):
        rows = rows_at(ns(text), ns(text) + 1)
        assert hours.accept(rows) is rows
    empty = rows_at()
    assert hours.accept(empty) is empty
    assert hours.closed_rows == 0


@given(st.integers(0, 2**32), st.integers(1, 30))
def test_any_instants_in_any_order_are_judged_one_by_one(seed, count):
    chance = Random(seed)
    start = ns("2026-03-01T00:00")
    hours, passed, rows = ClosedHours(WEEK), [], []
    for _ in range(4):
        days = chance.choice((1, 20))
        ts = [
            chance.choice((start + chance.randrange(days * 86_400) * NS_PER_S, 0, 2**63, TS_UNDEF))
            if chance.random() < 0.1
            else start + chance.randrange(days * 86_400) * NS_PER_S
            for _ in range(count)
        ]
        rows += ts
        passed += hours.accept(rows_at(*ts))["ts_event"].tolist()
        start += chance.randrange(5 * 86_400) * NS_PER_S
    # What no calendar reaches is open or closed as it comes.
    assert [ts for ts in passed if ts < 2**63] == [
        ts for ts in rows if ts < 2**63 and not WEEK.is_closed(ts)
    ]
    assert hours.closed_rows == len(rows) - len(passed)


def test_damaged_instants_do_not_make_a_batch_slow_to_judge():
    chance = np.random.default_rng(1)
    rows = rows_at(0).repeat(20_000)
    rows["ts_event"] = chance.integers(0, 2**64, rows.size, np.uint64)
    rows.flags.writeable = False
    hours = ClosedHours(WEEK)
    assert hours.accept(rows).size + hours.closed_rows == rows.size
    # A seventh to a quarter of any week is weekend.
    assert 0.1 < hours.closed_rows / rows.size < 0.3


def test_bad_weeks_are_refused():
    with pytest.raises(
        ValueError, match="expected 0 ≤ close_s < restart_s ≤ 604800, was close_s 9"
    ):
        Week(offset_s=0, close_s=9, restart_s=9)
    with pytest.raises(ValueError, match="changes must ascend"):
        Week(offset_s=0, changes=((5, 0), (5, 1)))


def test_the_exchange_says_which_orders_have_expired_before_the_weekend_begins():
    last = datetime(2026, 4, 3, 16, 59, 59, tzinfo=CHICAGO)
    assert not WEEK.is_closed(int(last.timestamp()) * NS_PER_S)
    assert WEEK.is_closed(int((last + timedelta(seconds=1)).timestamp()) * NS_PER_S)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.backoff import Backoff, BackoffConfig, RateLimit

MS = 1_000_000
S = 1_000 * MS


def test_waits_double_up_to_their_bound_and_chance_takes_any_part():
    config = BackoffConfig(least_ms=100, first_ms=500, most_ms=3_000)
    highest, lowest, half = (Backoff(config) for _ in range(3))
    assert [highest.next_ns(1) // MS for _ in range(5)] == [600, 1_100, 2_100, 3_100, 3_100]
    assert [lowest.next_ns(0) // MS for _ in range(5)] == [100] * 5
    assert [half.next_ns(0.5) // MS for _ in range(3)] == [350, 600, 1_100]
    assert highest.attempts == 5


def test_attempts_without_end_stay_bounded():
    backoff = Backoff(BackoffConfig())
    for _ in range(10_000):
        assert backoff.next_ns(0.999) < 31 * S


def test_after_a_success_the_next_loss_is_a_first_one():
    backoff = Backoff(BackoffConfig(least_ms=0))
    first = backoff.next_ns(0.5)
    backoff.next_ns(0.5)
    backoff.succeeded()
    assert (backoff.attempts, backoff.next_ns(0.5)) == (0, first)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"least_ms": -1}, "least_ms must be at least 0, was -1"),
        ({"first_ms": 0}, "first_ms must be 1 to most_ms"),
        ({"first_ms": 50, "most_ms": 49}, r"first_ms must be 1 to most_ms \(49\), was 50"),
    ],
)
def test_bad_settings_are_refused(given, text):
    with pytest.raises(ValueError, match=text):
        BackoffConfig(**given)


def test_five_go_at_once_and_the_sixth_when_the_first_is_a_second_old():
    limit = RateLimit(5)
    assert [limit.book_ns(0) for _ in range(7)] == [0, 0, 0, 0, 0, S, S]
    assert limit.book_ns(3 * S) == 0


@given(
    st.integers(1, 6),
    st.lists(st.tuples(st.sampled_from([0, 1, 7, 50, 99, 100, 101, 300]), st.booleans())),
)
def test_no_window_ever_holds_more_than_allowed(count, steps):
    limit = RateLimit(count, 100)
    now, booked = 0, []
    for step, waits in steps:
        now += step
        wait = limit.book_ns(now)
        assert wait >= 0
        booked.append(now + wait)
        now += wait if waits else 0
    assert booked == sorted(booked)
    for index, at in enumerate(booked):
        assert sum(1 for other in booked[index:] if other < at + 100) <= count


def test_nothing_is_no_limit():
    with pytest.raises(ValueError, match="count must be at least 1, was 0"):
        RateLimit(0)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.relay.api.reliability import reliability, wilson


def test_outcomes_fall_into_bins_by_horizon_and_probability():
    outcomes = [(60, 0.81, True), (60, 0.89, False), (60, 1.0, True), (300, 0.0, False)]
    first, second, third = reliability(outcomes)
    assert (first.horizon_s, first.probability_from, first.probability_to) == (60, 0.8, 0.9)
    assert (first.count, first.hits, first.hit_ratio) == (2, 1, 0.5)
    assert first.probability_mean == pytest.approx(0.85)
    assert (second.probability_from, second.count) == (0.9, 1)
    assert (third.horizon_s, third.probability_from) == (300, 0.0)
    assert reliability([]) == []


def test_wilsons_interval_is_the_published_one():
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 … 0.3662; 0 of 20 gives 0 … 0.1611.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_share_and_is_mirrored(hits, misses):
    low, high = wilson(hits, hits + misses)
    assert 0 <= low <= high <= 1
    if hits + misses:
        assert low - 1e-9 <= hits / (hits + misses) <= high + 1e-9
    assert wilson(misses, hits + misses) == pytest.approx((1 - high, 1 - low))

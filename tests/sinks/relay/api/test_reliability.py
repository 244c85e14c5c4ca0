import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.relay.api.reliability import accuracy, reliability, wilson


def test_outcomes_fall_into_bins_by_horizon_and_probability():
    outcomes = [(60, 0.81, True), (60, 0.89, False), (60, 1.0, True), (300, 0.0, False)]
    first, second, third = reliability(outcomes)
    assert (first.horizon_s, first.probability_from, first.probability_to) == (60, 0.8, 0.9)
    assert (first.count, first.hits, first.hit_ratio) == (2, 1, 0.5)
    assert first.probability_mean == pytest.approx(0.85)
    assert (second.probability_from, second.count) == (0.9, 1)
    assert (third.horizon_s, third.probability_from) == (300, 0.0)
    assert reliability([]) == []


def told(number, horizon_s, **given):
    """An outcome as its topic has it: up half a tick after half the spread."""
    return {
        "signal_id": f"s{number}", "root": "ES", "strength": "HIGH", "ts_from": str(number),
        "horizon_s": horizon_s, "probability": 0.9, "p_move": None, "kind": "sweep",
        "sampled": False, "unknown": "", "calibration": "c1", "move_ticks": 1.0,
        "markout_ticks": 0.5, "half_spread_ticks": 0.5, "tick_value": 12.5, "currency": "USD",
        **given,
    }  # fmt: skip


def test_what_was_stated_of_the_move_is_judged_by_the_move():
    (flow,) = accuracy(told(n, 60) for n in range(8))
    (move,) = accuracy(told(n, 60, p_move=0.5) for n in range(8))
    assert flow.score.brier == pytest.approx(0.01)
    assert move.score.brier == pytest.approx(0.25)


def test_the_record_holds_trades_and_ranks_beside_controls():
    told_of = [told(n, h, probability=0.5 + n / 50) for n in range(10) for h in (1, 60)]
    told_of += [
        told(n, h, sampled=True, signal_id="", probability=0.1, markout_ticks=-1.0, move_ticks=-0.5)
        for n in range(10)
        for h in (1, 60)
    ]
    first, last = accuracy(told_of)
    assert first.followed is None
    assert last.followed.trades == 10
    assert last.followed.mean_ticks == pytest.approx(-1 - 2 * 2.5 / 12.5)
    assert last.followed.low_ticks == last.followed.high_ticks
    assert (last.information.count, last.information.control_count) == (10, 10)
    assert last.information.markout_difference_ticks == pytest.approx(1.5)
    assert last.information.coefficient > 0.5


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

"""Seeds and regimes for fitting, calibrating and testing never mix; markets are made of them."""

from dataclasses import replace
from itertools import combinations

import pytest

from evaluation.markets import CLOSED, DAY, FORMS, SESSIONS, form_of, history, market, session_days
from evaluation.split import REGIMES, SPLIT, is_held_out, regime_of, role_of
from simulator.regimes import REGIMES as SIMULATED


def test_seeds_of_the_roles_are_disjoint():
    for a, b in combinations(SPLIT.values(), 2):
        assert a.seeds.stop <= b.seeds.start or b.seeds.stop <= a.seeds.start


def test_the_tested_regimes_are_ones_that_nothing_was_fitted_or_calibrated_on():
    tested = set(SPLIT["test"].regimes)
    assert tested
    assert not tested & {*SPLIT["fit"].regimes, *SPLIT["calibrate"].regimes}
    assert set(REGIMES) == set(SIMULATED)


def test_seeds_take_the_regimes_of_their_role_in_turn():
    assert [regime_of(seed) for seed in (1, 2, 3)] == ["calm", "news", "calm"]
    assert regime_of(10_000) == "normal"
    with pytest.raises(ValueError, match="seed must be one of the split's"):
        regime_of(0)


def test_what_is_held_out_is_so_in_seed_and_regime():
    assert is_held_out(1, "calm")
    assert not is_held_out(1, "normal")
    assert not is_held_out(10_001, "calm")
    assert role_of(25_000) == "calibrate"
    assert role_of(40_000) is None


def test_the_sessions_before_are_trading_days_within_the_reach_of_every_baseline():
    days = session_days()
    assert len(days) == SESSIONS >= 5
    assert days == sorted(set(days))
    assert all(day.weekday() < 5 and day not in CLOSED for day in days)
    assert 0 < (DAY - days[0]).days <= 20
    assert days[-1] < DAY


@pytest.mark.parametrize("form", FORMS)
def test_history_and_evaluated_market_have_the_same_instruments(form):
    seed = next(seed for seed in range(1, 9) if form_of(seed) == form)
    evaluated = market(seed)
    for before in history(form):
        assert role_of(before.seed) == "history"
        assert (before.start_ns - evaluated.start_ns) % 86_400_000_000_000 == 0
        same = replace(before, seed=seed, start_ns=evaluated.start_ns, regime=evaluated.regime)
        assert same == evaluated


def test_regime_difficulty_and_length_can_be_chosen():
    config = market(1, regime="volatile", difficulty="hard", duration_s=60.0)
    assert (config.regime, config.difficulty, config.duration_s) == ("volatile", "hard", 60.0)

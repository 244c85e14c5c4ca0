"""A simulated hour beside the published figures of an hour of ESH4: 60,067 records.

The bounds are wide where one holiday hour is a small sample (stops, icebergs, chains), narrow where
structure shows. What is not fitted, by choice: the width of the spread, which was 1.5 ticks then.
"""

import numpy as np
import pytest

from simulator.simulation import Simulation, SimulationConfig
from tests.simulator.facts import Facts, facts_of

ESH4 = SimulationConfig(
    seed=1,
    duration_s=3_600,
    roots=("ES",),
    instruments=1,
    records_per_s=16.7,
    resting_orders=2_000,
    wave_sigma=0.45,
)
TICK_E9 = 250_000_000


@pytest.fixture(scope="module")
def hour() -> Facts:
    rows = np.concatenate([r for r in Simulation(ESH4).stream() if not isinstance(r, int)])
    return facts_of(rows, 1001)


def test_actions_have_their_shares(hour):
    total = hour.actions.total()
    assert 35_000 < total < 90_000
    for action, percent in (("A", 33.9), ("C", 30.0), ("M", 20.3), ("F", 10.8), ("T", 5.0)):
        assert 100 * hour.actions[action] / total == pytest.approx(percent, abs=3.5), action


def test_aggressors_have_their_sizes(hour):
    p50, p90, p95, p99 = np.percentile(hour.sizes, (50, 90, 95, 99))
    assert p50 == 1
    assert p90 == pytest.approx(7, abs=2)
    assert p95 == pytest.approx(14, abs=4)
    assert 20 <= p99 <= 50  # 37; half of the crowd takes no more than the touch shows


@pytest.mark.parametrize(
    ("lag", "published"),
    [(1, 0.416), (2, 0.278), (5, 0.117), (10, 0.082), (20, 0.040), (50, -0.003)],
)
def test_sides_are_autocorrelated(hour, lag, published):
    # Of 3,000 signs the standard error is about 0.02, and more where they persist.
    assert hour.sign_autocorrelation(lag) == pytest.approx(published, abs=0.09)


def test_stops_sweeps_icebergs_and_modified_orders_occur_as_often(hour):
    aggressors = len(hour.signs)
    assert 0.01 < hour.stop_volume / hour.volume < 0.04  # 2.1 %
    assert 0.005 < hour.hidden_volume / hour.volume < 0.08  # 5.1 %, institutions' among them
    assert 0.015 < hour.modified / aggressors < 0.06  # 3.6 %
    assert 0.004 < 1 - hour.levels[1] / aggressors < 0.025  # 1.2 %


def test_orders_live_as_long(hour):
    lives = np.array(hour.lives_s)
    assert np.mean(lives < 0.05) == pytest.approx(0.19, abs=0.07)
    assert np.mean(lives < 0.5) == pytest.approx(0.30, abs=0.09)
    assert np.median(lives) == pytest.approx(3.2, abs=2.5)


def test_fill_outs_are_followed_by_the_same_order_by_chance(hour):
    # With size 1 left out ESH4 had 150 pairs, 17 chains of three, 2 of four.
    assert 60 < hour.chains[2] < 300
    assert 2 <= hour.chains[3] < 40
    assert sum(n for length, n in hour.chains.items() if length > 4) < 5


def test_arrivals_are_clustered_at_every_scale(hour):
    # ESH4 with its opening: 58, 199 and 740.
    assert 15 < hour.fano(1) < 120
    assert 50 < hour.fano(10) < 500
    assert hour.fano(60) > hour.fano(10)


def test_prices_diffuse(hour):
    # ESH4: 0.12, 0.10, 0.11, 0.13 ticks² per execution, so no bouncing and no trend.
    assert hour.variance_per_trade(1, TICK_E9) == pytest.approx(0.12, abs=0.1)
    for trades in (10, 50, 200):
        assert hour.variance_per_trade(trades, TICK_E9) == pytest.approx(0.11, abs=0.07), trades

"""Regimes differ in what they say they differ in."""

import numpy as np
import pytest

from operators.model.records import F_SNAPSHOT, NS_PER_S
from simulator.regimes import REGIMES, RegimeName
from simulator.simulation import Simulation, SimulationConfig
from tests.simulator.facts import Facts, facts_of

TICK_E9 = 250_000_000


def market(regime: RegimeName, seed: int = 3) -> tuple[Facts, np.ndarray]:
    config = SimulationConfig(
        seed=seed, roots=("ES",), instruments=1, duration_s=600, records_per_s=60,
        resting_orders=1_000, regime=regime,
    )  # fmt: skip
    rows = np.concatenate([r for r in Simulation(config).stream() if not isinstance(r, int)])
    live = rows[(rows["flags"] & F_SNAPSHOT) == 0]
    return facts_of(rows, 1001), np.bincount((live["ts_event"] - config.start_ns) // NS_PER_S)


@pytest.fixture(scope="module")
def markets() -> dict[RegimeName, tuple[Facts, np.ndarray]]:
    return {name: market(name) for name in REGIMES}


def test_activity_and_variance_rise_from_calm_to_volatile(markets):
    calm, normal, volatile = (markets[name][0] for name in ("calm", "normal", "volatile"))
    assert calm.actions.total() < normal.actions.total() < volatile.actions.total()
    steps = [facts.variance_per_trade(50, TICK_E9) for facts in (calm, normal, volatile)]
    assert steps[0] < steps[1] < steps[2]
    assert steps[2] > 1.8 * steps[1]


def test_news_come_in_bursts_and_fade(markets):
    counts, usual = markets["news"][1], markets["normal"][1]
    ten_s = [np.convolve(each, np.ones(10), "valid") for each in (counts, usual)]
    assert ten_s[0].max() / np.median(ten_s[0]) > 1.5 * ten_s[1].max() / np.median(ten_s[1])


@pytest.mark.parametrize("regime", REGIMES)
def test_aggressors_of_every_regime_follow_each_other(markets, regime):
    facts = markets[regime][0]
    assert 0.3 < facts.sign_autocorrelation(1) < 0.55
    assert 0.15 < facts.sign_autocorrelation(2) < 0.4


def test_an_unknown_regime_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="regime must be one of calm, normal, volatile, news, was"):
        SimulationConfig(regime="wild")  # type: ignore[arg-type]

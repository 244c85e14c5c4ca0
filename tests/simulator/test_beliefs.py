"""What institutions do moves the value by the square root of what they took, and is forgotten."""

import numpy as np
import pytest

from simulator.agents import SIGN_LAG_WEIGHTS, lag_table
from simulator.beliefs_kernel import FADE_NS, value
from simulator.exchange_state import kernel
from simulator.simulation import Simulation, SimulationConfig

CONFIG = SimulationConfig(roots=("ES",), instruments=2, resting_orders=100)


@kernel
def worth(market, flow, i, ts):
    return value(market, flow, i, ts)


def shifts(quantities: list[float], wait_ns: float = 0.0) -> list[float]:
    simulation = Simulation(CONFIG)
    market, flow = simulation.market, simulation.flow
    x = market.instruments
    ts = CONFIG.start_ns
    found = []
    for quantity in (0.0, *quantities):
        x["flow"][0], x["flow_ts"][0] = quantity, ts
        found.append(worth(market, flow, 0, ts + int(wait_ns)))
    return [each - found[0] for each in found[1:]]


def test_impact_is_the_square_root_of_the_contracts():
    one, four, short = shifts([100.0, 400.0, -100.0])
    assert one > 0
    assert four == pytest.approx(2 * one)
    assert short == pytest.approx(-one)


def test_impact_fades():
    (now,), (later,) = shifts([400.0]), shifts([400.0], FADE_NS)
    assert later == pytest.approx(now * np.exp(-0.5), rel=1e-3)


def test_a_later_month_moves_with_the_front():
    simulation = Simulation(CONFIG)
    market, flow, ts = simulation.market, simulation.flow, CONFIG.start_ns
    before = worth(market, flow, 1, ts)
    market.instruments["bid"][0] += 7
    market.instruments["ask"][0] += 7
    assert worth(market, flow, 1, ts) == pytest.approx(before + 7)


def test_lags_are_drawn_by_their_weights():
    table = lag_table(SIGN_LAG_WEIGHTS)
    shares = np.bincount(table, minlength=25) / table.size
    assert shares[1:25] == pytest.approx(SIGN_LAG_WEIGHTS, abs=5e-4)
    assert shares[0] == pytest.approx(1 - sum(SIGN_LAG_WEIGHTS), abs=5e-4)

"""Institutions move prices about as the square root of what they take: measured on the mid.

One market of an hour gives about 80 orders, enough to see that they move it; `IFD_SOAK_MARKETS=24`
gives enough to see by how much.
"""

import os

import numpy as np
import pytest

from operators.model.records import NS_PER_S
from simulator.agents import CONTRACTS_PER_AGGRESSOR, IMPACT, NEW_SIDES
from simulator.regimes import REGIMES
from simulator.simulation import Simulation, SimulationConfig

MARKETS = int(os.environ.get("IFD_SOAK_MARKETS", "1"))
SECONDS = 3_600


def moves(seed: int) -> list[tuple[int, float]]:
    """Contracts taken, and ticks the mid went the order's way from its start to its end."""
    config = SimulationConfig(
        seed=seed,
        duration_s=SECONDS,
        records_per_s=200,
        roots=("ES", "NQ", "ZN", "CL"),
        instruments=4,
        activity_skew=0,
        institutions=True,
        kinds=("twap", "vwap", "pov"),
    )
    simulation = Simulation(config)
    index = {spec.instrument_id: k for k, spec in enumerate(simulation.specs)}
    mids = np.zeros((SECONDS, 4))
    for second in range(SECONDS):
        list(simulation.live_rows(config.start_ns + (second + 1) * NS_PER_S))
        x = simulation.market.instruments
        mids[second] = (x["bid"] + x["ask"]) / 2
    found = []
    for label in simulation.labels():
        start = (int(label.ts_start) - config.start_ns) // NS_PER_S - 1
        end = (int(label.ts_end) - config.start_ns) // NS_PER_S + 1
        if end < SECONDS:
            mid = mids[:, index[label.instrument_id]]
            found.append(
                (label.executed, (mid[end] - mid[start]) * (1 - 2 * (label.side == "sell")))
            )
    return found


@pytest.fixture(scope="module")
def orders() -> tuple[np.ndarray, np.ndarray]:
    sizes, ticks = zip(*(each for seed in range(MARKETS) for each in moves(seed)), strict=True)
    return np.array(sizes), np.array(ticks)


def test_prices_go_the_institutions_way(orders):
    _, ticks = orders
    assert len(ticks) > 50 * MARKETS
    error = ticks.std() / np.sqrt(len(ticks))
    assert ticks.mean() > 2 * error


@pytest.mark.skipif(MARKETS < 12, reason="IFD_SOAK_MARKETS below 12: too few orders")
def test_the_move_is_about_the_square_root_of_the_size(orders):
    sizes, ticks = orders
    regime = REGIMES["normal"]
    sigma = np.sqrt(regime.noise_ticks**2 + NEW_SIDES * regime.response_ticks**2)
    for low, high in ((0, 50), (50, 75), (75, 100)):
        edges = np.percentile(sizes, (low, high))
        mine = (sizes >= edges[0]) & (sizes <= edges[1])
        expected = IMPACT * sigma * np.sqrt(sizes[mine] / CONTRACTS_PER_AGGRESSOR)
        error = ticks[mine].std() / np.sqrt(mine.sum())
        assert ticks[mine].mean() == pytest.approx(
            expected.mean(), abs=0.5 * expected.mean() + 2 * error
        )

"""Market makers quote both sides, move their quotes with the value, and do not pile up."""

import numpy as np

from simulator.exchange_state import ASK, BID, MAKERS
from simulator.simulation import Simulation, SimulationConfig

CONFIG = SimulationConfig(
    seed=4, roots=("ES",), instruments=1, duration_s=300, records_per_s=100, resting_orders=800
)


def test_both_sides_are_quoted_and_inventories_stay_small():
    simulation = Simulation(CONFIG)
    held, quoted = [], []
    for second in range(1, 300):
        list(simulation.live_rows(CONFIG.start_ns + second * 10**9))
        x = simulation.market.instruments[0]
        held.append(int(x["inventory"]))
        quoted.append(int(np.sum(x["maker"] >= 0)))
        for k in range(MAKERS):
            bid, ask = (x["maker"][k, side] for side in (BID, ASK))
            if bid >= 0 and ask >= 0:
                prices = simulation.market.orders["price"]
                assert prices[bid] < prices[ask]
    assert max(map(abs, held)) < 150
    assert len(set(held)) > 20
    assert np.mean(np.array(quoted) >= 2 * MAKERS - 1) > 0.7

"""The opening auction, seen by a book that knows only the feed's rules."""

import numpy as np

from simulator.simulation import Simulation, SimulationConfig
from tests.simulator.replay import Replay


def test_an_auction_clears_crossed_books_before_trading_starts():
    config = SimulationConfig(duration_s=20, instruments=8, opening="auction")
    simulation, replay = Simulation(config), Replay()
    replay.gathering = {spec.instrument_id for spec in simulation.specs}
    opening = np.concatenate(list(simulation.opening_rows()))
    replay.feed(opening)
    assert replay.seen["crossed before the opening"] > 50
    assert replay.seen["auctions"] == 8
    assert not replay.gathering
    for item in simulation.live_stream():
        assert not isinstance(item, int)
        replay.feed(item)
    assert {name: n for name, n in replay.faults.items() if n} == {}
    assert opening["action"][:8].tolist() == [b"R"] * 8
    assert simulation.events > 1_000


def test_an_auction_leaves_nobody_who_would_still_trade():
    simulation = Simulation(SimulationConfig(duration_s=1, opening="auction"))
    rows = np.concatenate(list(simulation.opening_rows()))
    trades = rows[(rows["action"] == b"T")]
    assert np.all(trades["order_id"] == 0)
    assert np.all(trades["side"] == b"N")
    assert np.all(trades["flags"] == 0)
    replay = Replay()
    replay.gathering = set(rows["instrument_id"].tolist())
    replay.feed(rows)
    for book in replay.books.values():
        bid, ask = book.best(b"B"), book.best(b"A")
        assert bid is not None
        assert ask is not None
        assert bid < ask

import numpy as np
import pytest

from operators.model.records import F_LAST, NS_PER_S
from simulator.gateway.market import MarketConfig
from tests.connectors.dbn_bytes import mbo
from tests.simulator.gateway.markets import TS, market_of

WORDS = 14


class Wall:
    """A clock that a test turns."""

    def __init__(self):
        self.ns = 5_000

    def __call__(self):
        return self.ns


@pytest.fixture
def paced():
    """Ten records a second apart, at twice the pace, and its wall clock."""
    wall = Wall()
    market = market_of(mbo(10, ts=TS, step=NS_PER_S).tobytes(), speed=2.0)
    market.wall_ns = wall
    yield market, wall
    market.log.close()


def test_records_happen_when_their_time_has_come(paced):
    market, wall = paced
    market.step()
    assert (market.released, market.clock_ns()) == (0, 0)
    market.start()
    assert market.step() == pytest.approx(0.1)
    assert (market.released, market.clock_ns()) == (WORDS, TS)
    wall.ns += NS_PER_S // 2 - 1
    assert market.step() == pytest.approx(0.0005)
    assert market.released == WORDS
    wall.ns += 1
    market.step()
    assert (market.released, market.clock_ns()) == (2 * WORDS, TS + NS_PER_S)


def test_the_clock_goes_on_after_the_last_record(paced):
    market, wall = paced
    market.start()
    wall.ns += 100 * NS_PER_S
    market.step()
    assert market.is_over
    assert market.clock_ns() == TS + 200 * NS_PER_S


def test_it_waits_for_so_many_sessions():
    market = market_of(mbo(3, ts=TS).tobytes(), sessions_first=2)
    market.start()
    assert not market.pull()
    market.start()
    assert market.pull()
    assert market.is_over
    assert market.clock_ns() == TS + 2
    market.log.close()


def test_a_silence_is_passed_over_where_that_is_wanted():
    rows = mbo(2, ts=TS, step=86_400 * NS_PER_S)
    wall = Wall()
    market = market_of(rows.tobytes(), speed=1.0, idle_s_max=3600.0)
    market.wall_ns = wall
    market.start()
    market.step()
    assert market.released == WORDS
    market.step()
    assert market.is_over
    market.log.close()


def test_what_stands_before_the_first_market_by_order_record_is_out_at_once():
    early, late = mbo(1, ts=TS), mbo(1, ts=TS + 1)
    status = bytearray(40)
    status[0:2] = bytes([10, 18])
    market = market_of(bytes(status) * 40_000 + early.tobytes() + late.tobytes(), speed=1.0)
    market.wall_ns = Wall()
    market.start()
    market.step()
    assert market.released == 40_000 * 10 + WORDS
    market.log.close()


def test_an_open_event_is_let_end_before_a_snapshot():
    rows = mbo(6, ts=TS).copy()
    rows["flags"][1:4] &= ~np.uint8(F_LAST)
    market = market_of(rows.tobytes(), speed=1.0)
    market.wall_ns = wall = Wall()
    market.start()
    wall.ns += 2
    market.step()
    assert (market.released, market.mid_event) == (3 * WORDS, True)
    market.settle()
    assert not market.mid_event
    assert market.released == 5 * WORDS or market.released == 6 * WORDS
    assert market.snapshot([1]).size == 1 + market.released // WORDS
    market.log.close()


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"speed": 0}, "speed"),
        ({"sessions_first": -1}, "sessions_first"),
        ({"idle_s_max": 0}, "idle"),
    ],
)
def test_nonsense_is_refused_by_name(fields, found):
    with pytest.raises(ValueError, match=found):
        MarketConfig(**fields)

import numpy as np
import pytest

from operators.model.errors import ConfigError
from operators.model.records import MBO_DTYPE, NS_PER_S, RTYPE_MBO
from simulator.gateway.directory import Directory
from simulator.gateway.exchange import Exchange
from simulator.gateway.log import Log
from simulator.gateway.market import MarketConfig
from simulator.gateway.open import market_of_exchange
from simulator.simulation import SimulationConfig

SMALL = SimulationConfig(roots=("ES", "NQ"), instruments=4, duration_s=3.0, resting_orders=200)


def served(market, size):
    """The first records of a market at full speed."""
    market.start()
    while market.released < size:
        assert market.pull()
    return market.log.read(0, size)


@pytest.fixture
def market():
    made = market_of_exchange(SMALL, MarketConfig(speed=None))
    yield made
    made.log.close()


def test_a_day_begins_with_definitions_and_books(market):
    words = served(market, 2_000)
    raw = words.tobytes()
    rtypes, at = [], 0
    while at + 16 <= len(raw) and at + raw[at] * 4 <= len(raw):
        rtypes.append(raw[at + 1])
        at += raw[at] * 4
    assert rtypes[:17] == [19] * 4 + [18] * 4 + [24] * 8 + [RTYPE_MBO]
    first = np.frombuffer(raw, MBO_DTYPE, 1, 4 * 520 + 4 * 40 + 8 * 80)[0]
    assert (first["action"], first["flags"]) == (b"R", 40)
    assert [each.symbol for each in market.directory.resolve("parent", "NQ.FUT", 0)]


def test_one_day_follows_the_other(market):
    market.start()
    while market.newest_ns < SMALL.start_ns + 86_400 * NS_PER_S:
        assert market.pull()
    assert not market.is_over
    day = (market.newest_ns - SMALL.start_ns) // (86_400 * NS_PER_S)
    assert day == 1


def test_at_a_pace_the_night_is_passed_over():
    market = market_of_exchange(SMALL, MarketConfig(speed=1.0, idle_s_max=60.0))
    now = 0
    market.wall_ns = lambda: now
    market.start()
    for _ in range(100):
        market.step()
        now += NS_PER_S // 20
    assert SMALL.start_ns + 86_400 * NS_PER_S < market.clock_ns()
    assert market.clock_ns() < SMALL.start_ns + 86_410 * NS_PER_S
    market.log.close()


def test_the_same_market_gives_the_same_bytes(market):
    other = market_of_exchange(SMALL, MarketConfig(speed=None))
    size = 20_000
    assert served(market, size).tobytes() == served(other, size).tobytes()
    other.log.close()


def test_what_is_made_ahead_is_bounded():
    log = Log()
    exchange = Exchange(SMALL, Directory())
    exchange.fill(log, 0)
    opened = log.stop
    exchange.fill(log, SMALL.start_ns + NS_PER_S // 10)
    assert 0 < log.stop - opened < 14 * 4_000
    before = log.stop
    exchange.fill(log, SMALL.start_ns + NS_PER_S // 10)
    assert log.stop == before
    log.close()


def test_a_day_needs_an_end():
    with pytest.raises(ConfigError, match="minutes"):
        Exchange(SimulationConfig(duration_s=None, records=10), Directory())

import numpy as np
import pytest

from connectors.databento.control import Subscription
from operators.model.records import MBO_DTYPE
from simulator.gateway.place import MANY, Place, order_by_instrument
from simulator.gateway.records import mapping
from simulator.gateway.subscribed import Subscribed
from tests.connectors.dbn_bytes import mbo
from tests.simulator.gateway.markets import SYMBOLS, TS, market_of

ROWS = mbo(60, ids=tuple(SYMBOLS), ts=TS)


@pytest.fixture
def market():
    made = market_of(ROWS.tobytes())
    yield made
    made.log.close()


def place_of(market, **fields):
    subscribed = Subscribed()
    asked = {"schema": "mbo", "stype_in": "raw_symbol", "symbols": ("ALL_SYMBOLS",)}
    subscribed.add(Subscription(**(asked | fields)), market.directory, 0, live=False)
    place = Place(market, subscribed, ts_out=False)
    market.start()
    place.start()
    return place


def test_records_are_given_so_many_at_a_time(market):
    place = place_of(market)
    parts = []
    while data := place.records(7, 0):
        parts.append(bytes(data))
    assert [len(part) // 56 for part in parts] == [7] * 8 + [4]
    assert b"".join(parts) == ROWS.tobytes()
    assert (place.passed, place.behind_words) == (60, 0)
    assert place.records(0, 0) is None


def test_a_replay_ends_where_the_market_was(market):
    assert place_of(market).records(MANY, 0) is not None
    place = place_of(market, start_ns=TS + 50)
    assert place.replaying == ["mbo"]
    assert bytes(place.records(MANY, 0)) == ROWS[50:].tobytes()
    assert place.records(MANY, 0) is None
    assert place.replaying == ["mbo"]


def test_a_new_name_is_told_before_more_is_given():
    raw = ROWS[:3].tobytes() + mapping(TS, 11, "x", "ESZ6") + ROWS[3:].tobytes()
    market = market_of(raw)
    place = place_of(market)
    assert len(place.records(MANY, 0)) == 3 * 56
    assert place.records(MANY, 0) is None
    assert [each.symbol for each in place.renamed] == ["ESZ6"]
    place.renamed = []
    assert len(place.records(MANY, 0)) == 57 * 56
    market.log.close()


def test_each_instrument_keeps_its_order():
    status = bytes([10, 18]) + bytes(38)
    words = np.frombuffer(bytearray(ROWS[:7].tobytes() + status + ROWS[7:12].tobytes()), np.uint32)
    order_by_instrument(words, 14)
    raw = words.tobytes()
    before = np.frombuffer(raw, MBO_DTYPE, 7)
    after = np.frombuffer(raw, MBO_DTYPE, 5, 7 * 56 + 40)
    assert before["sequence"].tolist() == [3, 6, 2, 5, 1, 4, 7]
    assert after["sequence"].tolist() == [9, 12, 8, 11, 10]
    assert raw[7 * 56 : 7 * 56 + 40] == status

"""What clients other than the publisher's may do, and what is done to slow ones."""

import time
from contextlib import suppress

import numpy as np
import pytest

from operators.model.records import (
    MBO_DTYPE,
    RTYPE_ERROR,
    RTYPE_MBO,
    RTYPE_SYMBOL_MAPPING,
    RTYPE_SYSTEM,
)
from simulator.gateway import log as log_module
from simulator.gateway.log import Log
from simulator.gateway.market import Market, MarketConfig
from simulator.gateway.records import ErrorCode, SystemCode, mapping
from tests.connectors.dbn_bytes import mbo
from tests.gateways import RawClient, of_type, running_gateway
from tests.simulator.gateway.markets import SYMBOLS, TS, market_of

ROWS = mbo(300, ids=tuple(SYMBOLS), ts=TS)


@pytest.fixture
def gateway():
    with running_gateway(market=market_of(ROWS.tobytes())) as running:
        yield running


def rows_of(client):
    return np.frombuffer(b"".join(of_type(client.records(), RTYPE_MBO)), MBO_DTYPE)


def with_rows(count):
    return lambda found: len(of_type(found, RTYPE_MBO)) >= count


def test_the_order_of_fields_and_of_lines_is_free(gateway):
    with RawClient(gateway, client="Rust 0.40", heartbeat_interval_s=10) as client:
        client.say({"symbols": "ESM6", "is_last": 1, "schema": "mbo", "stype_in": "raw_symbol"})
        client.socket.sendall(b"start_session=0\n")
        client.receive_until(with_rows(100))
        assert rows_of(client).tobytes() == ROWS[::3].tobytes()


def test_nothing_binary_is_sent_before_the_start(gateway):
    with RawClient(gateway) as client:
        client.subscribe()
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.receive()
        client.socket.settimeout(20)
        client.start()
        client.receive_until(with_rows(300))


def test_a_session_without_a_subscription_has_a_header_alone(gateway):
    with RawClient(gateway) as client:
        client.start()
        assert client.receive()
        assert client.records() == []
        client.subscribe("mbo", "XYZ", id=7)
        found = client.receive_until(lambda found: len(found) == 2)
    assert found[0][16:].startswith(b"Subscription request 7 for mbo data succeeded")
    assert (found[1][1], found[1][318]) == (RTYPE_ERROR, ErrorCode.SYMBOL_RESOLUTION_FAILED)


def test_each_unknown_symbol_is_named_and_the_last_is_marked(gateway):
    with RawClient(gateway) as client:
        client.subscribe("mbo", "AAA,ESM6,BBB")
        client.start()
        client.receive_until(with_rows(100))
        errors = of_type(client.records(), RTYPE_ERROR)
    assert [raw[16:].split(b"\0")[0][-3:] for raw in errors] == [b"AAA", b"BBB"]
    assert [raw[319] for raw in errors] == [0, 1]


@pytest.mark.parametrize(
    "line",
    [
        {"schema": "mbo", "symbols": "ESM6", "snapshot": 1, "start": 0},
        {"schema": "definition", "symbols": "ESM6", "snapshot": 1},
        {"schema": "trades", "symbols": "ESM6"},
        {"schema": "mbo", "symbols": "ESM6", "stype_in": "isin"},
        {"schema": "mbo", "symbols": ""},
    ],
)
def test_a_subscription_without_meaning_ends_the_session_with_its_code(gateway, line):
    with RawClient(gateway) as client:
        client.say(line)
        client.start()
        client.receive_all()
        (raw,) = client.records()
    assert (raw[1], raw[318]) == (RTYPE_ERROR, ErrorCode.INVALID_SUBSCRIPTION)


@pytest.mark.parametrize("data", [b"\xff\xfe\n", b"x" * 100_000, b"|||\n", b"auth=1|auth=2\n"])
def test_what_is_no_line_ends_that_connection_alone(gateway, data):
    with RawClient(gateway) as client:
        client.socket.sendall(data)
        with suppress(ConnectionError):
            assert not client.receive()
    with RawClient(gateway) as client:
        client.subscribe()
        client.start()
        client.receive_until(with_rows(300))


def test_subscriptions_above_the_rate_are_delayed():
    market = market_of(ROWS.tobytes())
    with (
        running_gateway(market=market, subscriptions_per_s=20.0) as gateway,
        RawClient(gateway) as client,
    ):
        began = time.monotonic()
        for number in range(5):
            client.subscribe("status", "ESM6", id=number)
        client.start()
        client.receive_until(lambda found: len(of_type(found, RTYPE_SYSTEM)) == 5)
        assert time.monotonic() - began >= 4 / 20


def test_so_many_subscriptions_may_be_made():
    market = market_of(ROWS.tobytes())
    with (
        running_gateway(market=market, subscriptions_max=3) as gateway,
        RawClient(gateway) as client,
    ):
        for _ in range(4):
            client.subscribe("status", "ESM6")
        client.start()
        client.receive_all()
        (raw,) = of_type(client.records(), RTYPE_ERROR)
        assert raw[318] == ErrorCode.INVALID_SUBSCRIPTION


def test_a_new_name_in_the_market_is_told_in_its_place():
    raw = ROWS[:10].tobytes() + mapping(TS, 11, "whoever", "ESZ6") + ROWS[10:].tobytes()
    with running_gateway(market=market_of(raw)) as gateway, RawClient(gateway) as client:
        client.subscribe("mbo", "ESM6", id=1)
        client.start()
        found = client.receive_until(with_rows(100))
    kinds = [each[1] for each in found]
    assert (
        kinds
        == [RTYPE_SYSTEM, RTYPE_SYMBOL_MAPPING, *[RTYPE_MBO] * 4, RTYPE_SYMBOL_MAPPING]
        + [RTYPE_MBO] * 96
    )
    assert found[6] == mapping(int.from_bytes(found[6][8:16], "little"), 11, "ESM6", "ESZ6")


def test_a_slow_reader_is_late_and_warned_and_loses_nothing():
    rows = mbo(300_000, ids=tuple(SYMBOLS), ts=TS)
    options = {"send_buffer_bytes": 1 << 18, "slow_words": 10_000, "slow_warning_s": 0.0}
    # At this pace all has happened within a moment.
    market = market_of(rows.tobytes(), speed=0.001)
    with running_gateway(market=market, **options) as gateway, RawClient(gateway) as client:
        client.subscribe()
        client.start()
        while not market.is_over:
            time.sleep(0.01)
        client.receive_bytes(rows.nbytes)
        found = client.receive_until(with_rows(rows.size))
    assert rows_of(client).tobytes() == rows.tobytes()
    warnings = [each for each in of_type(found, RTYPE_SYSTEM) if each[319] == 2]
    assert warnings
    assert warnings[0][319] == SystemCode.SLOW_READER_WARNING
    assert b"not keeping pace with mbo" in warnings[0]


def test_a_slow_reader_does_not_hold_another():
    rows = mbo(300_000, ids=tuple(SYMBOLS), ts=TS)
    with running_gateway(market=market_of(rows.tobytes()), send_buffer_bytes=1 << 18) as gateway:
        slow, fast = RawClient(gateway), RawClient(gateway)
        for client in (slow, fast):
            client.subscribe(start=0)
            client.start()
        fast.receive_bytes(rows.nbytes)
        fast.receive_until(with_rows(rows.size))
        assert gateway.market.is_over
        for client in (slow, fast):
            client.receive_bytes(rows.nbytes)
            client.receive_until(with_rows(rows.size))
            assert rows_of(client).tobytes() == rows.tobytes()
            client.close()


def test_what_the_market_has_forgotten_is_said_to_be_aged_out(monkeypatch):
    monkeypatch.setattr(log_module, "SEGMENT_WORDS", 14 * 100)
    monkeypatch.setattr(log_module, "MARK_WORDS", 14)
    rows = mbo(1_000, ids=tuple(SYMBOLS), ts=TS)
    log = Log(1)
    for number in range(rows.size):
        log.append(np.frombuffer(rows[number : number + 1].tobytes(), np.uint32))
    market = Market(MarketConfig(speed=None), log)
    market.released = log.first
    with running_gateway(market=market, close_at_end=True) as gateway:
        with RawClient(gateway) as client:
            client.subscribe(start=TS)
            client.start()
            client.receive_all()
            assert client.records()[-1][318] == ErrorCode.REPLAY_DATA_AGED_OUT
        with RawClient(gateway) as client:
            # All there is can always be had.
            client.subscribe(start=0)
            client.start()
            client.receive_all()
            assert rows_of(client).size == (log.stop - log.first) // 14


def test_a_client_that_leaves_is_forgotten(gateway):
    for _ in range(3):
        client = RawClient(gateway)
        client.subscribe()
        client.start()
        client.close()
    deadline = time.monotonic() + 10
    while gateway.gateway.open_sessions:
        assert time.monotonic() < deadline
        time.sleep(0.005)

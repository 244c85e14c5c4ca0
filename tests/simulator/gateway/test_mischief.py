"""Every fault, as a client sees it byte for byte."""

import time
from pathlib import Path

import numpy as np
import pytest

from operators.model.records import MBO_DTYPE, RTYPE_ERROR, RTYPE_MBO, RTYPE_SYSTEM
from simulator.gateway.faults import AT_CONNECT, AT_START, KINDS, OF_GATEWAY
from simulator.gateway.mischief import flipped, split, wrong_header
from simulator.gateway.records import ErrorCode
from tests.connectors.dbn_bytes import mbo
from tests.gateways import RawClient, of_type, running_gateway
from tests.simulator.gateway.markets import SYMBOLS, TS, market_of

ROWS = mbo(200, ids=tuple(SYMBOLS), ts=TS)


@pytest.fixture
def gateway():
    with running_gateway(market=market_of(ROWS.tobytes()), close_at_end=True) as running:
        yield running


def started(gateway, **fields):
    client = RawClient(gateway)
    client.subscribe(**({"start": 0} | fields))
    client.start()
    return client


def received(gateway, **fields):
    """Market-by-order records that a client has before the gateway closes."""
    with started(gateway, **fields) as client:
        client.receive_all()
        return rows_of(client)


def rows_of(client):
    return np.frombuffer(b"".join(of_type(client.records(), RTYPE_MBO)), MBO_DTYPE)


def test_nothing_goes_wrong_unasked(gateway):
    assert received(gateway).tobytes() == ROWS.tobytes()
    assert received(gateway).tobytes() == ROWS.tobytes()


def test_fin_comes_after_so_many_records(gateway):
    gateway.faults.add("fin", at=70)
    assert received(gateway).tobytes() == ROWS[:70].tobytes()
    assert received(gateway).tobytes() == ROWS.tobytes()


def test_rst_comes_after_so_many_records(gateway):
    gateway.faults.add("rst", at=70)
    with started(gateway) as client, pytest.raises(ConnectionResetError):
        client.receive_all()
    assert gateway.faults.wait_fired(1)
    # What was read before the reset arrived is a part of what was sent before it.
    assert ROWS[:70].tobytes().startswith(rows_of(client).tobytes())


def test_half_open_says_nothing_more(gateway):
    gateway.faults.add("half_open", at=10)
    with started(gateway) as client:
        client.receive_until(lambda found: len(of_type(found, RTYPE_MBO)) == 10)
        client.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.receive()
    assert received(gateway).tobytes() == ROWS.tobytes()


def test_a_stall_is_only_late(gateway):
    gateway.faults.add("stall", at=10, seconds=0.2)
    began = time.monotonic()
    assert received(gateway).tobytes() == ROWS.tobytes()
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(("count", "left_over"), [(0, 28), (1, 1), (55, 55), (999, 55)])
def test_a_record_is_cut(gateway, count, left_over):
    gateway.faults.add("partial", at=10, count=count)
    with started(gateway) as client:
        raw = client.receive_all()
    assert rows_of(client).tobytes() == ROWS[:10].tobytes()
    assert raw.endswith(ROWS[10:11].tobytes()[:left_over])
    assert len(raw) == len(b"".join(client.records())) + 8 + raw[4] + left_over


def test_a_trickle_changes_nothing(gateway):
    gateway.faults.add("trickle", at=10, count=5, size=3)
    assert received(gateway).tobytes() == ROWS.tobytes()


def test_records_come_twice(gateway):
    gateway.faults.add("duplicate", at=10, count=3)
    expected = [*range(13), *range(10, 200)]
    assert received(gateway).tobytes() == ROWS[expected].tobytes()


def test_records_come_in_reverse(gateway):
    gateway.faults.add("reorder", at=10, count=4)
    expected = [*range(10), 13, 12, 11, 10, *range(14, 200)]
    assert received(gateway).tobytes() == ROWS[expected].tobytes()


def test_records_are_left_out(gateway):
    gateway.faults.add("drop", at=10, count=4)
    assert received(gateway).tobytes() == ROWS[[*range(10), *range(14, 200)]].tobytes()


def test_a_bit_is_turned(gateway):
    gateway.faults.add("flip", at=10)
    expected = ROWS.copy()
    expected["price"][10] ^= 1
    assert received(gateway).tobytes() == expected.tobytes()


def test_zeros_and_unknown_types_stand_between_records(gateway):
    gateway.faults.add("unknown", at=10)
    gateway.faults.add("zeros", at=20)
    with started(gateway) as client:
        raw = client.receive_all()
    unknown = bytes([4, 0x7E]) + bytes(14)
    assert ROWS[9:10].tobytes() + unknown + ROWS[10:20].tobytes() + bytes(64) in raw
    assert raw.endswith(bytes(64) + ROWS[20:].tobytes())


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_is_said_and_closes_as_it_does(gateway, code):
    gateway.faults.add("error", at=10, code=int(code), text="so it is")
    with started(gateway) as client:
        client.receive_all()
    (raw,) = of_type(client.records(), RTYPE_ERROR)
    assert (raw[16:25], raw[318], raw[319]) == (b"so it is\0", code, 1)
    goes_on = code in (ErrorCode.SYMBOL_RESOLUTION_FAILED, ErrorCode(7))
    assert rows_of(client).size == (200 if goes_on else 10)


def test_a_replay_is_refused_as_aged_out(gateway):
    gateway.faults.add("aged_out")
    with started(gateway, start=TS) as client:
        client.receive_all()
    (raw,) = of_type(client.records(), RTYPE_ERROR)
    assert raw[318] == ErrorCode.REPLAY_DATA_AGED_OUT
    # The first session asked at the market's beginning, where nothing was to be replayed yet.
    assert rows_of(client).size == 0
    assert received(gateway).size == 200


def test_a_replay_is_ordered_by_instrument(gateway):
    assert received(gateway).size == 200
    gateway.faults.add("instruments")
    rows = received(gateway)
    expected = ROWS[np.argsort(-ROWS["instrument_id"].astype(np.int64), kind="stable")]
    assert rows.tobytes() == expected.tobytes()
    assert received(gateway).tobytes() == ROWS.tobytes()


@pytest.mark.parametrize(
    ("how", "at"), [("version", 3), ("dataset", 8), ("magic", 0), ("ts_out", 52), ("length", 4)]
)
def test_the_header_is_wrong(gateway, how, at):
    gateway.faults.add("metadata", text=how)
    with started(gateway) as client:
        wrong = client.receive_all()
    with started(gateway) as client:
        right = client.receive_all()
    assert wrong[at] != right[at]
    assert wrong_header(right, how)[at] == wrong[at]


def test_clients_are_refused_with_a_text(gateway):
    gateway.faults.add("auth_failure", text="no more")
    with RawClient(gateway) as client:
        assert client.answer == {"success": "0", "error": "no more"}
        assert not client.receive()
    assert received(gateway).size == 200


def test_another_greeting_is_given(gateway):
    gateway.faults.add("greeting", text="lsg_version=9.9.9")
    with RawClient(gateway) as client:
        assert client.greeting == b"lsg_version=9.9.9"
    with RawClient(gateway) as client:
        assert client.greeting == b"lsg_version=0.9.4"


def test_connections_are_closed_at_once(gateway):
    gateway.faults.add("hang_up", count=2)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            RawClient(gateway)
    assert received(gateway).size == 200


def test_the_port_is_given_back_and_taken_again(gateway):
    gateway.faults.add("refuse")
    assert gateway.faults.wait_fired(1)
    wait_until(lambda: not can_connect(gateway))
    gateway.faults.add("accept")
    wait_until(lambda: can_connect(gateway))
    gateway.faults.add("refuse", seconds=0.1)
    wait_until(lambda: not can_connect(gateway))
    wait_until(lambda: can_connect(gateway))
    assert received(gateway).size == 200


def test_the_clock_is_wrong(gateway):
    gateway.faults.add("skew", ns=-1_000_000_000)
    assert received(gateway).size == 200
    with started(gateway) as client:
        client.receive_all()
    stamps = {
        int.from_bytes(raw[8:16], "little") for raw in of_type(client.records(), RTYPE_SYSTEM)
    }
    assert stamps == {int(ROWS["ts_recv"][-1]) - 1_000_000_000}


def test_now_is_in_every_open_session():
    with running_gateway(market=market_of(ROWS.tobytes())) as gateway:
        clients = [started(gateway) for _ in range(2)]
        for client in clients:
            client.receive_until(lambda found: len(of_type(found, RTYPE_SYSTEM)) == 2)
        gateway.faults.add("fin")
        for client in clients:
            client.receive_all()
            client.close()
        assert sorted(each.session for each in gateway.faults.fired) == [1, 2]


def test_every_fault_of_the_stream_is_tried_here():
    text = Path(__file__).read_text()
    tried = {kind for kind in KINDS if f'faults.add("{kind}"' in text}
    assert tried | {"silent"} == set(KINDS)
    assert len(set(KINDS) - set(AT_CONNECT) - set(AT_START) - set(OF_GATEWAY)) > 10


def test_records_are_split_and_bits_are_turned():
    raw = ROWS[:3].tobytes()
    assert split(raw) == [ROWS[k : k + 1].tobytes() for k in range(3)]
    assert flipped(b"\0\0", 9) == b"\0\2"
    assert flipped(b"\0\0", 8 * 5) == b"\0\1"


def can_connect(gateway) -> bool:
    try:
        RawClient(gateway).close()
    except OSError:
        return False
    return True


def wait_until(condition, timeout_s=10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)

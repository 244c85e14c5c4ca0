import pytest

from connectors.databento.control import Authentication, answer
from simulator.gateway.config import KEY, GatewayConfig
from simulator.gateway.door import Door, Refused
from tests.connectors.dbn_bytes import mbo
from tests.gateways import RawClient, running_gateway
from tests.simulator.gateway.markets import TS, market_of

OTHER = "db-" + "o" * 29


def asked(key=KEY, **fields):
    return Authentication(**({"auth": answer("c", key), "dataset": "GLBX.MDP3"} | fields))


@pytest.fixture
def door():
    return Door(GatewayConfig(keys=(KEY, OTHER), connections_max=2))


def test_a_guest_has_what_it_asked_for(door):
    assert door.check(asked(), "c").heartbeat_s == 30
    guest = door.check(asked(OTHER, heartbeat_interval_s=7, ts_out=True), "c")
    assert (guest.heartbeat_s, guest.asked.ts_out, guest.number) == (7, True, 2)
    assert OTHER not in repr(guest)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"auth": "x" * 64 + "-chine"}, "Authentication failed"),
        ({"auth": answer("other", KEY)}, "Authentication failed"),
        ({"auth": ""}, "Authentication failed"),
        ({"auth": "\u00e9"}, "Authentication failed"),
        ({"dataset": "XNAS.ITCH"}, "not entitled to dataset XNAS.ITCH"),
        ({"encoding": "csv"}, "encoding"),
        ({"compression": "gzip"}, "compression"),
        ({"heartbeat_interval_s": 4}, "5 to 1800"),
        ({"heartbeat_interval_s": 1801}, "5 to 1800"),
    ],
)
def test_others_are_refused_with_the_reason(door, fields, found):
    with pytest.raises(Refused, match=found):
        door.check(asked(**fields), "c")


def test_a_key_has_so_many_connections(door):
    guests = [door.check(asked(), "c") for _ in range(2)]
    with pytest.raises(Refused, match="limit exceeded, 2 are open"):
        door.check(asked(), "c")
    door.check(asked(OTHER), "c")
    door.leave(guests[0])
    door.check(asked(), "c")


def test_an_address_has_so_many_connects_a_second():
    door = Door(GatewayConfig(connects_per_s=5))
    assert [door.is_too_fast("a", 10 + k / 100) for k in range(6)] == [False] * 5 + [True]
    assert not door.is_too_fast("b", 10.1)
    assert door.is_too_fast("a", 10.99)
    assert not door.is_too_fast("a", 11.0)


def test_the_sixth_connect_in_a_second_is_closed_at_once():
    with running_gateway(market=market_of(mbo(1, ts=TS).tobytes()), connects_per_s=5.0) as gateway:
        clients = [RawClient(gateway) for _ in range(5)]
        with pytest.raises(ConnectionError):
            RawClient(gateway)
        for client in clients:
            client.close()
        assert gateway.gateway.counts.too_fast == 1


def test_connections_above_the_limit_are_refused_until_one_is_closed():
    with running_gateway(market=market_of(mbo(1, ts=TS).tobytes()), connections_max=1) as gateway:
        first = RawClient(gateway)
        assert first.answer["success"] == "1"
        with RawClient(gateway) as second:
            assert second.answer == {
                "success": "0",
                "error": "Connection limit exceeded, 1 are open.",
            }
        first.close()
        while True:
            with RawClient(gateway) as third:
                if third.answer["success"] == "1":
                    break


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"keys": ()}, "at least one"),
        ({"keys": ("abc",)}, "5 characters"),
        ({"keys": ("db-12345", "db-2-12345")}, "last 5"),
        ({"port": -1}, "port"),
        ({"connects_per_s": 0}, "connects_per_s"),
    ],
)
def test_nonsense_is_refused_by_name(fields, found):
    with pytest.raises(ValueError, match=found):
        GatewayConfig(**fields)


def test_keys_stand_in_no_text():
    assert OTHER not in repr(GatewayConfig(keys=(OTHER,)))

import socket

import pytest

from operators.model.errors import ConfigError
from simulator.gateway.config import GatewayConfig
from simulator.gateway.server import Gateway
from simulator.gateway.thread import GatewayThread
from tests.connectors.dbn_bytes import mbo
from tests.gateways import RawClient, running_gateway
from tests.simulator.gateway.markets import TS, market_of


@pytest.fixture
def market():
    made = market_of(mbo(3, ts=TS).tobytes())
    yield made
    made.log.close()


def test_a_taken_port_is_said_by_name(market):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gateway = Gateway(GatewayConfig(port=port), market)
        with pytest.raises(ConfigError, match=f"port {port} .* --port"):
            gateway.listen()
        with pytest.raises(ConfigError), GatewayThread(gateway):
            raise AssertionError("it cannot run")


def test_everything_is_closed_at_the_end(market):
    with running_gateway(market=market) as gateway:
        idle, greeted = socket.create_connection((gateway.host, gateway.port)), RawClient(gateway)
        greeted.subscribe()
        greeted.start()
        assert greeted.receive()
        port = gateway.port
    greeted.receive_all()
    assert idle.recv(1000).startswith(b"lsg_version")
    idle.close()
    greeted.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_clients_are_counted(market):
    with running_gateway(market=market) as gateway:
        RawClient(gateway).close()
        RawClient(gateway, key="db-" + "x" * 29).close()
        counts = gateway.gateway.counts
        with RawClient(gateway) as client:
            client.subscribe()
            client.start()
            client.receive_until(lambda found: len(found) >= 3)
            assert (counts.connects, counts.refused, counts.sessions) == (3, 1, 2)
    assert (counts.records, counts.defects) == (3, 0)


def test_a_client_that_says_nothing_is_closed_in_time(market):
    with (
        running_gateway(market=market, authentication_s=0.1) as gateway,
        socket.create_connection((gateway.host, gateway.port), timeout=20) as silent,
    ):
        while silent.recv(1000):
            pass

import os
import signal

import pytest

from operators.model.errors import ConfigError
from simulator.gateway.config import GatewayConfig
from simulator.gateway.process import serve
from simulator.gateway.server import Gateway
from tests.connectors.dbn_bytes import mbo
from tests.simulator.gateway.markets import TS, market_of


def gateway_of(port=0):
    return Gateway(GatewayConfig(port=port), market_of(mbo(3, ts=TS).tobytes()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("control_port", [None, 0])
def test_a_signal_ends_it(number, control_port):
    told = []

    def on_ready(port):
        told.append(port)
        os.kill(os.getpid(), number)

    gateway = gateway_of()
    serve(gateway, control_port, on_ready)
    assert (told == [None]) == (control_port is None)
    assert gateway.market.log.first == 0


def test_a_taken_control_port_leaves_nothing_open():
    first = gateway_of()
    first.listen()
    with pytest.raises(ConfigError, match="control port"):
        serve(gateway_of(), first.port, lambda _port: None)
    first.stop_listening()
    first.market.log.close()

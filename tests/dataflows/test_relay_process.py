import socket

import pytest

from dataflows.relay_process import RelayProcess
from dataflows.supervisor import free_ports
from operators.model.errors import ConfigError


def ports():
    http, ws, push = free_ports(3)
    return {"relay.http_port": http, "relay.ws_port": ws, "relay.push_port": push}


def test_a_relay_says_where_it_is_and_ends_when_it_is_told():
    given = ports()
    relay = RelayProcess(given)
    try:
        assert relay.wait_ready() == f"http://127.0.0.1:{given['relay.http_port']}/"
        assert relay.is_running()
    finally:
        relay.stop()
    assert not relay.is_running()


def test_a_relay_that_cannot_start_says_why_in_its_own_words():
    given = ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", given["relay.ws_port"]))
        other.listen()
        with pytest.raises(ConfigError, match=r"relay\.ws_port: .* is taken"):
            RelayProcess(given).wait_ready()

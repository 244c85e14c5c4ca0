import math
import re

import pytest

from sinks.relay.config import RelayConfig

TOKEN = "a-token-of-24-characters"


def test_the_default_listens_on_loopback_and_needs_no_token():
    config = RelayConfig()
    assert (config.host, config.http_port, config.ws_port, config.push_port) == (
        ("127.0.0.1", 8080, 8765, 8766)
    )
    assert not config.tokens


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"host": "0.0.0.0"}, "tokens must not be empty while host is '0.0.0.0': set a token"),
        ({"host": "relay.example"}, "tokens must not be empty while host is 'relay.example'"),
        ({"ws_port": 65_536}, "ws_port must be at most 65535, was 65536"),
        ({"push_port": -1}, "push_port must be at least 0, was -1"),
        ({"slow_s": 0}, "slow_s must be at least 0.01, was 0"),
        ({"heartbeat_s": math.inf}, "heartbeat_s must be at least 0.01, was inf"),
        ({"inbound_per_s": math.nan}, "inbound_per_s must be at least 0.001, was nan"),
        ({"clients_max": 0}, "clients_max must be at least 1, was 0"),
        ({"origins": ("desk.example",)}, "origins must be like https://desk.example, without"),
        ({"origins": ("https://desk.example/x",)}, "origins must be like https://desk.example"),
        ({"tokens": {"a": TOKEN, "b": TOKEN}}, "tokens must be different for every name"),
    ],
)
def test_nonsense_is_refused_with_field_bound_and_value(wrong, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        RelayConfig(**wrong)


@pytest.mark.parametrize("token", ["", "short-secret", "with a space inside", "umlaut-äöü-äöü-äöü"])
def test_a_weak_token_is_refused_by_its_name_and_never_shown(token):
    with pytest.raises(ValueError, match=r"tokens\.desk must be at least 16 visible") as caught:
        RelayConfig(tokens={"desk": token})
    assert not token or token not in str(caught.value)


def test_a_token_opens_other_addresses_and_is_hidden():
    config = RelayConfig(host="0.0.0.0", tokens={"desk": TOKEN})
    assert TOKEN not in repr(config)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_every_loopback_address_does_without_a_token(host):
    assert RelayConfig(host=host).host == host

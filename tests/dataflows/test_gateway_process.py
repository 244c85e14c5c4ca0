"""A simulated gateway as a process of its own."""

import socket

import pytest

from dataflows.gateway_process import GatewayProcess, feed_settings
from operators.model.errors import ConfigError
from tests.flows import market


def test_it_answers_where_it_says_and_ends_when_told(tmp_path):
    gateway = GatewayProcess(market(tmp_path / "market.dbn", duration_s=2.0), 1.0)
    try:
        host, port = gateway.wait_ready()
        with socket.create_connection((host, port), timeout=10) as client:
            assert client.recv(64).startswith(b"lsg_version=")
        assert gateway.is_running()
        assert gateway.pid > 0
    finally:
        gateway.stop()
    assert not gateway.is_running()


def test_a_missing_tape_is_told_in_its_words(tmp_path):
    gateway = GatewayProcess(tmp_path / "none.dbn", 1.0)
    try:
        with pytest.raises(ConfigError, match=r"none\.dbn"):
            gateway.wait_ready()
    finally:
        gateway.stop()


def test_the_settings_of_its_feed_are_settings():
    from config.settings import load_settings

    settings = load_settings(feed_settings("simulated", "127.0.0.1", 13_000))
    assert settings.live.feeds["simulated"].address == ("127.0.0.1", 13_000)
    assert settings.live.key

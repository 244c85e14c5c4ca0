from config.settings import load_settings
from dataflows.relay import parts_of


def test_the_parts_are_those_of_the_settings():
    parts = parts_of(load_settings({"relay.http_port": 1, "kafka.bootstrap_servers": "h:1"}))
    assert (parts.relay.http_port, parts.kafka.bootstrap_servers) == (1, "h:1")
    assert parts.baseline_of is None
    assert parts.version

import pytest

from sinks.kafka import KafkaSink
from sinks.kafka_config import KafkaConfig


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"partitions": 0}, "partitions must be at least 1, was 0"),
        ({"partitions": 1_000}, "partitions must be at most 999, was 1000"),
        ({"outbox_count_max": 1}, "outbox_count_max must be at least 2, was 1"),
        ({"outbox_bytes_max": 0}, "outbox_bytes_max must be at least 2, was 0"),
        ({"transaction_timeout_s": 0.5}, "transaction_timeout_s must be at least 1, was 0.5"),
        ({"flush_timeout_s": -1.0}, "flush_timeout_s must be at least 0, was -1.0"),
        ({"start_timeout_s": float("nan")}, "start_timeout_s must be at least 0.001, was nan"),
        ({"transactional_prefix": ""}, "transactional_prefix must not be empty"),
        ({"client": {"acks": "1"}}, "client must not set acks"),
    ],
)
def test_nonsense_is_refused_with_field_bound_and_value(changes, text):
    with pytest.raises(ValueError, match=text):
        KafkaConfig(**changes)


def test_secrets_are_not_shown():
    config = KafkaConfig(client={"sasl.password": "hunter2"})
    assert "hunter2" not in repr(config)


@pytest.mark.parametrize("name", ["bootstrap_servers", "generation"])
def test_a_sink_needs_an_address_and_a_generation(name):
    given = {"bootstrap_servers": "127.0.0.1:1", "generation": "g1"} | {name: ""}
    with pytest.raises(ValueError, match=f"{name} must not be empty"):
        KafkaSink(KafkaConfig(**given))

"""The same tests on the embedded broker and, with `-m kafka`, on an Apache Kafka."""

from itertools import count

import pytest

from sinks.embedded_broker import EmbeddedBroker
from sinks.kafka_config import KafkaConfig
from tests.kafka_servers import KafkaServer

PREFIXES = count(1)


@pytest.fixture(scope="session")
def embedded_kafka():
    """Address of librdkafka's broker."""
    with EmbeddedBroker() as address:
        yield address


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory):
    """A running Apache Kafka; a test that stops it starts it again."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def kafka(request):
    """Settings for topics of the test's own, on each broker in turn."""
    if request.param == "embedded":
        address = request.getfixturevalue("embedded_kafka")
    else:
        address = request.getfixturevalue("apache_kafka").address
    return settings(address)


@pytest.fixture
def apache(apache_kafka):
    """Settings for topics of the test's own on Apache Kafka."""
    return settings(apache_kafka.address)


def settings(address):
    return KafkaConfig(
        bootstrap_servers=address, generation="g1", topic_prefix=f"t{next(PREFIXES)}."
    )

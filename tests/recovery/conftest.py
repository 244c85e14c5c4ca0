"""The Apache Kafka of these tests."""

import pytest

from tests.kafka_servers import KafkaServer


@pytest.fixture(scope="session")
def apache_servers(tmp_path_factory):
    """Address of a running Apache Kafka."""
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server.address

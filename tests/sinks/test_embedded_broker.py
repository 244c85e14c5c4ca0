import subprocess
import sys

import pytest
from confluent_kafka import KafkaException, Producer

from sinks.embedded_broker import EmbeddedBroker
from sinks.kafka_config import KafkaConfig
from sinks.kafka_topics import find_cluster
from tests.sinks.kafka_harness import read

PRODUCE = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1]})
producer.produce("from-afar", b"hello", key=b"k", headers=[("h", b"1")])
sys.exit(producer.flush(20))
"""


def test_another_process_can_write_to_it():
    with EmbeddedBroker() as address:
        assert address.startswith("127.0.0.1:")
        subprocess.run([sys.executable, "-c", PRODUCE, address], check=True)
        config = KafkaConfig(bootstrap_servers=address)
        assert find_cluster(config).is_embedded
        (record,) = read(config, "from-afar")
        assert (record.key, record.value) == ("k", b"hello")


def test_it_ends_with_its_object():
    broker = EmbeddedBroker().start()
    address = broker.address
    broker.stop()
    assert not broker.address
    client = Producer({"bootstrap.servers": address, "log_level": 0})
    with pytest.raises(KafkaException):
        client.list_topics(timeout=0.5)

"""What the tests of the Kafka sink share: reading topics, killing partitions, waiting."""

import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import count

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from operators.model.streams import topic
from sinks.codec import encode
from sinks.kafka import KafkaSink

DEADLINE_S = 30.0
GROUPS = count(1)


@dataclass(frozen=True)
class Record:
    partition: int
    key: str
    value: bytes
    headers: dict


def read(config, name, isolation="read_committed"):
    """All records of a topic, by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": config.bootstrap_servers,
            "group.id": f"tests-{next(GROUPS)}",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 20,
            "log_level": 0,
        }
    )
    full = config.topic_prefix + name
    try:
        partitions = consumer.list_topics(full, timeout=DEADLINE_S).topics[full].partitions
        consumer.assign([TopicPartition(full, number, OFFSET_BEGINNING) for number in partitions])
        return list(_read_to_the_ends(consumer, set(partitions)))
    finally:
        consumer.close()


def _read_to_the_ends(consumer, unfinished):
    records = []
    deadline = time.monotonic() + DEADLINE_S
    while unfinished:
        assert time.monotonic() < deadline, f"no end of partitions {unfinished}"
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error() is not None:
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            unfinished.discard(message.partition())
            continue
        headers = {name: value.decode() for name, value in message.headers()}
        records.append(
            Record(message.partition(), message.key().decode(), message.value(), headers)
        )
    return sorted(records, key=lambda record: record.partition)


def assert_once_and_in_order(config, messages):
    """The topics hold exactly these messages: per root once, in order, byte for byte."""
    expected = defaultdict(list)
    for message in messages:
        expected[message.stream, message.root].append(encode(message))
    for stream in {message.stream for message in messages}:
        found = defaultdict(list)
        for record in read(config, topic(stream)):
            found[stream, record.key].append(record.value)
        assert found == {key: values for key, values in expected.items() if key[0] == stream}


def build(config, number=0, state=None, gate=None):
    """One built partition of a sink of its own, open."""
    part = KafkaSink(config, gate).build_part("sink", f"{number:03d}", state)
    part.writer.wait_open()
    return part


def kill(part):
    """Stop a partition's thread where it is, as a dying process does: nothing is flushed."""
    part.writer._stop.set()
    with part.writer._changed:
        part.writer._closing = True
        part.writer._changed.notify_all()
    part.writer._thread.join(DEADLINE_S)
    assert not part.writer._thread.is_alive()


def wait_until(condition, what):
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.005)

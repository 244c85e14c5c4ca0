"""What a partition of our topics holds: read from known offsets to the end, at a (re)start."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from operators.model.errors import StateError
from operators.model.streams import DEAD_LETTERS, EVENT_STREAMS, topic
from sinks.kafka_client import LastError, consumer_settings
from sinks.kafka_config import KafkaConfig
from sinks.kafka_headers import DIGEST, DLQ_PART, DLQ_STREAM, GENERATION, SEQ
from sinks.kafka_topics import Cluster
from sinks.outbox import Key

TOPICS: Final = {**{topic(stream): stream for stream in EVENT_STREAMS}, DEAD_LETTERS: None}
"""Topic without prefix → its stream; the dead letters tell theirs in a header."""

CLOCK_MARGIN_MS: Final = 600_000
"""How far apart the clocks of worker and broker may be when a generation's start is looked up."""

READ_MAX: Final = 1_000
"""Records taken from the client at a time."""


@dataclass(slots=True)
class Tail:
    """What was found."""

    held: dict[Key, dict[int, str]] = field(default_factory=dict)
    """(stream, root) → seq → digest, of this generation."""
    stops: dict[str, int] = field(default_factory=dict)
    """Topic without prefix → offset to read from the next time."""


def read_tail(
    config: KafkaConfig, cluster: Cluster, partition: int, starts: Mapping[str, int]
) -> Tail:
    """Committed records of this generation at the end of one partition of every event topic.

    Args:
        config: Where, and which generation.
        cluster: What kind of broker it is.
        partition: Which partition.
        starts: Topic without prefix → offset to read from; where unknown, from the generation's
            beginning.

    Raises:
        StateError: An offset lies beyond the topic's end: it was made anew.
        KafkaException: The broker fails.
    """
    consumer = Consumer(consumer_settings(config, LastError()))
    try:
        places = {
            config.topic_prefix + name: _start(consumer, config, cluster, name, partition, starts)
            for name in TOPICS
        }
        tail = Tail(stops={name: places[config.topic_prefix + name] for name in TOPICS})
        consumer.assign([TopicPartition(name, partition, at) for name, at in places.items()])
        _read_to_the_ends(consumer, config, tail, set(places))
        return tail
    finally:
        consumer.close()


def _start(
    consumer: Consumer,
    config: KafkaConfig,
    cluster: Cluster,
    name: str,
    partition: int,
    starts: Mapping[str, int],
) -> int:
    place = TopicPartition(config.topic_prefix + name, partition)
    low, stop = consumer.get_watermark_offsets(place, timeout=config.start_timeout_s)
    if name in starts:
        if starts[name] > stop:
            raise StateError(
                f"kafka: topic {place.topic} partition {partition} ends at offset {stop}, the "
                f"recovery store knows {starts[name]}: the topic was made anew; start a new "
                "generation"
            )
        # What the topic no longer keeps was delivered, and whoever wanted it has read it.
        return max(starts[name], low)
    # The embedded broker knows no times.
    if cluster.is_embedded or config.generation_ts_ms <= CLOCK_MARGIN_MS:
        return low
    place.offset = config.generation_ts_ms - CLOCK_MARGIN_MS
    (found,) = consumer.offsets_for_times([place], timeout=config.start_timeout_s)
    if found.error is not None:
        raise KafkaException(found.error)
    return found.offset if found.offset >= 0 else stop


def _read_to_the_ends(
    consumer: Consumer, config: KafkaConfig, tail: Tail, unfinished: set[str]
) -> None:
    deadline = time.monotonic() + config.start_timeout_s
    while unfinished:
        records = consumer.consume(READ_MAX, timeout=0.2)
        if records:
            deadline = time.monotonic() + config.start_timeout_s
        elif time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "reading the ends of topics"))
        for record in records:
            name = _take(record, config, tail)
            if name is not None:
                unfinished.discard(name)


def _take(record: Message, config: KafkaConfig, tail: Tail) -> str | None:
    """Note one record; the topic's name if it was its end."""
    name, offset, error = record.topic(), record.offset(), record.error()
    assert name is not None
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    assert offset is not None
    plain = name.removeprefix(config.topic_prefix)
    if error is not None:
        tail.stops[plain] = max(tail.stops[plain], offset)
        return name
    tail.stops[plain] = offset + 1
    found: dict[str, Any] = dict(record.headers() or ())
    if found.get(GENERATION) == config.generation.encode():
        _note(tail, plain, record, found)
    return None


def _note(tail: Tail, plain: str, record: Message, found: Mapping[str, bytes]) -> None:
    stream = TOPICS[plain]
    if stream is None:
        part, parts = found[DLQ_PART].split(b"/")
        if part != parts:
            return
        stream = found[DLQ_STREAM].decode()
    key = record.key()
    assert isinstance(key, bytes)
    digests = tail.held.setdefault((stream, key.decode()), {})
    digests[int(found[SEQ])] = found[DIGEST].decode()

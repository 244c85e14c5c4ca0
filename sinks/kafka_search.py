"""Reads a topic from the beginning to where it ends now: a signal on it, or all there is."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from operators.model.errors import DeliveryError
from operators.model.streams import SIGNALS, topic
from sinks.kafka_client import MISSING, LastError, consumer_settings, start_error
from sinks.kafka_config import KafkaConfig
from sinks.published import Published
from sinks.relay.kafka_record import published_of

OnProgress = Callable[[int, int], None]
"""Called with records read, and how many there are."""
READ_MAX: Final = 10_000
"""Records taken from the client at a time."""


def find_signal(
    config: KafkaConfig, signal_id: str, on_progress: OnProgress | None = None
) -> list[Published]:
    """Every revision of a signal on the topic, generation by generation; none if it is not there.

    Args:
        config: Where the topic is.
        signal_id: Of the signal.
        on_progress: Told how far it is.

    Raises:
        DeliveryError: The broker does not answer, or has no such topic.
    """
    wanted = signal_id.encode()
    found: list[Published] = []
    for record in _records(config, SIGNALS, on_progress):
        value, key = record.value(), record.key()
        if value is None or wanted not in value:
            continue
        told: dict[str, Any] = dict(record.headers() or ())
        headers = {name: of for name, of in told.items() if of is not None}
        _, ts_ms = record.timestamp()
        assert key is None or isinstance(key, bytes)
        found.append(published_of(topic(SIGNALS), key, value, headers, ts_ms))
    return sorted(found, key=lambda each: (each.generation_ts_ms, each.generation, each.seq))


def values_of(
    config: KafkaConfig, stream: str, on_progress: OnProgress | None = None
) -> Iterator[bytes]:
    """The JSON of each message on a stream's topic, generations as they come.

    Raises:
        DeliveryError: as `find_signal`.
    """
    for record in _records(config, stream, on_progress):
        if (value := record.value()) is not None:
            yield value


def _records(config: KafkaConfig, stream: str, on_progress: OnProgress | None) -> Iterator[Message]:
    last = LastError()
    consumer = Consumer(consumer_settings(config, last))
    try:
        yield from _read(consumer, config, stream, on_progress)
    except KafkaException as error:
        raise start_error(config, error, last) from error
    finally:
        consumer.close()


def _read(
    consumer: Consumer, config: KafkaConfig, stream: str, on_progress: OnProgress | None
) -> Iterator[Message]:
    name = config.topic_prefix + topic(stream)
    listed = consumer.list_topics(name, timeout=config.start_timeout_s).topics.get(name)
    if listed is None or not listed.partitions or listed.error is not None:
        if listed is not None and listed.error is not None and listed.error.code() not in MISSING:
            raise KafkaException(listed.error)
        raise DeliveryError(
            f"kafka: {config.bootstrap_servers} has no topic {name}; see kafka.topic_prefix"
        )
    places = [TopicPartition(name, number, OFFSET_BEGINNING) for number in listed.partitions]
    ends = {
        place.partition: consumer.get_watermark_offsets(place, timeout=config.start_timeout_s)
        for place in places
    }
    total = sum(high - low for low, high in ends.values())
    unfinished = {number for number, (low, high) in ends.items() if high > low}
    consumer.assign([place for place in places if place.partition in unfinished])
    read = 0
    deadline = time.monotonic() + config.start_timeout_s
    while unfinished:
        records = consumer.consume(READ_MAX, timeout=0.2)
        if records:
            deadline = time.monotonic() + config.start_timeout_s
        elif time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "reading the topic"))
        for record in records:
            error = record.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                unfinished.discard(record.partition() or 0)
                continue
            read += 1
            yield record
        if on_progress is not None:
            on_progress(read, total)

"""State streams on Kafka: latest wins, and what cannot be sent in time is superseded."""

import logging
from dataclasses import dataclass
from threading import Condition, Thread
from time import time_ns
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from operators.model.streams import Message, topic
from sinks.kafka_client import LastError, producer_settings
from sinks.kafka_config import KafkaConfig
from sinks.kafka_headers import headers
from sinks.outbox import entry_of

LOG: Final = logging.getLogger(__name__)

IN_FLIGHT_MAX: Final = 1_000
"""Messages that the client may hold; the others wait where a newer one replaces them."""
POLL_S: Final = 0.1
TIMEOUT_MS: Final = 5_000
"""A state older than this is not worth sending any more."""


@dataclass(slots=True)
class StateCounters:
    """What the process sent on its state streams."""

    sent: int = 0
    conflated: int = 0
    """Messages replaced by a newer one of their key before they were sent, or crowded out."""
    failed: int = 0
    """Messages that the broker did not take in time."""


class KafkaStates:
    """Producer and thread for all state streams of a process.

    Delivery: at-most-once, because the next message of a key supersedes the last. At most
    `state_keys_max` messages wait.
    """

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._changed = Condition()
        self._waiting: dict[tuple[str, str], tuple[int, Message]] = {}
        self._closing = False
        self._failure: Exception | None = None
        self._producer = Producer(
            producer_settings(config, LastError()) | {"message.timeout.ms": TIMEOUT_MS}
        )
        self._thread = Thread(target=self._run, name="kafka-states", daemon=True)
        self._thread.start()
        self.counters = StateCounters()

    def offer(self, partition: int, message: Message) -> None:
        """Send it soon, or something newer of its stream and root instead. Never waits."""
        with self._changed:
            if self._failure is not None:
                raise self._failure
            key = (message.stream, message.root)
            if self._waiting.pop(key, None) is not None:
                self.counters.conflated += 1
            elif len(self._waiting) >= self._config.state_keys_max:
                self._waiting.pop(next(iter(self._waiting)))
                self.counters.conflated += 1
            self._waiting[key] = (partition, message)
            self._changed.notify()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    def close(self) -> None:
        """Send what waits, for at most `flush_timeout_s`. Never raises."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(self._config.flush_timeout_s + 2 * POLL_S)

    def _run(self) -> None:
        try:
            while self._send_some():
                pass
            self._producer.flush(self._config.flush_timeout_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the flow must hear of it
            self._failure = error

    def _send_some(self) -> bool:
        """Send what waits while there is room; False once closed and empty."""
        with self._changed:
            if not self._waiting and not self._closing and not len(self._producer):
                self._changed.wait()
            room = IN_FLIGHT_MAX - len(self._producer)
            chosen = [self._waiting.pop(key) for key in list(self._waiting)[:room]]
            if not chosen and self._closing and not self._waiting:
                return False
        for partition, message in chosen:
            self._send(partition, message)
        self._producer.poll(POLL_S if not chosen else 0)
        return True

    def _send(self, partition: int, message: Message) -> None:
        item = entry_of(message)
        self._producer.produce(
            self._config.topic_prefix + topic(message.stream),
            value=item.value,
            key=item.root.encode(),
            partition=partition,
            headers=headers(item, self._config, time_ns()),
            on_delivery=self._note,
        )

    def _note(self, error: KafkaError | None, record: Any) -> None:
        if error is None:
            self.counters.sent += 1
        else:
            self.counters.failed += 1
            LOG.info("kafka: %s: %s", record.topic(), error.str())

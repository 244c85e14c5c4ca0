"""Transactions of one sink partition: the client, without a thread or a memory of its own."""

from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from operators.model.streams import DEAD_LETTERS, topic
from sinks.kafka_client import LastError, hear, producer_settings, start_error
from sinks.kafka_config import KafkaConfig
from sinks.kafka_headers import Headers, dead_letter_headers, headers
from sinks.outbox import Entry

CALL_S: Final = 1.0
"""Longest single wait inside the client: how late a stop is noticed."""
DEAD_LETTER_PART_BYTES: Final = 500_000
"""A dead letter may be dead because it is large: it travels in parts of this size."""

PURGED: Final = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)

Place = tuple[str, str, int]
"""(stream, root, seq)"""


class _Sent:
    """What the broker said of the messages of one transaction."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.error: KafkaError | None = None
        self.stops: dict[str, int] = {}

    def note(self, error: KafkaError | None, record: Any) -> None:
        """Delivery report of one record. Only the first error says why: later ones follow it."""
        if error is None:
            name = record.topic().removeprefix(self._prefix)
            self.stops[name] = max(self.stops.get(name, 0), record.offset() + 1)
        elif self.error is None:
            self.error = error


class Transactions:
    """A transactional producer that writes to one partition of every event topic.

    Delivery: exactly once within a transaction for those who read committed records; the caller
    finds out after a failure what a transaction left behind.
    """

    def __init__(self, config: KafkaConfig, partition: int, check_stop: Callable[[], None]) -> None:
        """`check_stop` is called between waits and may raise to leave them."""
        self._config = config
        self._partition = partition
        self._check_stop = check_stop
        self._last_error = LastError()
        name = f"{config.topic_prefix}{config.transactional_prefix}-{partition}"
        self._producer = Producer(
            producer_settings(config, self._last_error)
            | {
                "transactional.id": name,
                "transaction.timeout.ms": int(config.transaction_timeout_s * 1_000),
            }
        )

    def fence(self) -> None:
        """End the predecessor of the same name, and what it left open.

        Raises:
            DeliveryError: The broker does not answer, or refuses.
        """
        try:
            self._producer.init_transactions(self._config.start_timeout_s)
        except KafkaException as error:
            hear(self._producer)
            raise start_error(self._config, error, self._last_error) from None

    def send(self, batch: Sequence[Entry], dead: Mapping[Place, str]) -> dict[str, int]:
        """Send a batch in one transaction; topic → offset behind its newest record there.

        Args:
            batch: The messages, in order.
            dead: Those of them that go to the dead letters, and why.

        Raises:
            KafkaException: It failed; call `abort` before the next.
        """
        sent = _Sent(self._config.topic_prefix)
        self._producer.begin_transaction()
        for item in batch:
            head = headers(item, self._config, time_ns())
            if dead and (reason := dead.get((*item.key, item.seq))) is not None:
                self._produce_dead(item, head, reason, sent)
            else:
                self._produce(topic(item.stream), item, item.value, head, sent)
        while self._producer.flush(CALL_S) and sent.error is None:
            self._check_stop()
        # Why messages were purged is known to the transaction, which cannot be committed any more.
        if sent.error is None or sent.error.code() in PURGED:
            self._commit()
        if sent.error is not None:
            raise KafkaException(sent.error)
        return sent.stops

    def abort(self) -> None:
        """Take back the transaction under way, if there is one.

        Raises:
            KafkaException: It is not taken back yet; call again.
        """
        try:
            self._producer.abort_transaction(CALL_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._STATE:
                raise

    def _produce_dead(self, item: Entry, original: Headers, reason: str, sent: _Sent) -> None:
        step = min(DEAD_LETTER_PART_BYTES, self._config.message_bytes_max // 2)
        pieces = [item.value[at : at + step] for at in range(0, len(item.value), step)]
        for part, piece in enumerate(pieces, start=1):
            head = dead_letter_headers(original, item, reason, part, len(pieces))
            self._produce(DEAD_LETTERS, item, piece, head, sent)

    def _produce(self, name: str, item: Entry, value: bytes, head: Headers, sent: _Sent) -> None:
        while True:
            try:
                self._producer.produce(
                    self._config.topic_prefix + name,
                    value=value,
                    key=item.root.encode(),
                    partition=self._partition,
                    headers=head,
                    on_delivery=sent.note,
                )
            except BufferError:
                self._producer.poll(CALL_S)
                self._check_stop()
            else:
                return

    def _commit(self) -> None:
        # An outcome that is not known yet is asked for again: aborting it could send twice.
        while True:
            try:
                self._producer.commit_transaction(CALL_S)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                self._check_stop()
            else:
                return

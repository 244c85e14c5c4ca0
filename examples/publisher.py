"""Publisher: a journal's lines on a topic, each once and in order.

A line is published when it is durable in the journal, so the topic is a copy of it and a crash
costs nothing: at the start, and after any failure, the end of the topic says which line it holds
last. A transactional id fences a copy of the program that still lives. All lines go to partition 0:
they are few, and their order over all roots is worth more than spreading them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from examples.errors import ConsumerError
from examples.journal import START, Head, read
from examples.reader import REFUSED

BATCH_MAX: Final = 500
CALL_S: Final = 5.0
LOOK_BACK: Final = 1_000
NUMBER: Final = "journal-n"
"""Header with the line's number."""
HASH: Final = "journal-previous"


class Publisher:
    """Copies a journal to a topic. Delivery: exactly once for readers of committed records."""

    def __init__(self, servers: str, topic: str, journal: Path, client: Mapping[str, str]) -> None:
        self._topic = topic
        self._journal = journal
        self._head: Head | None = None
        self._common: dict[str, Any] = {**client, "bootstrap.servers": servers, "log_level": 0}
        name = {"transactional.id": f"{topic}-publisher"}
        self._producer = Producer({**self._common, **name, "linger.ms": 0})
        self._is_fenced_off = False
        self.published = 0
        self.retried = 0
        """Batches that failed and were, or will be, tried again."""

    def catch_up(self) -> bool:
        """Publish what the journal holds and the topic does not; False: try again later.

        Raises:
            ConsumerError: Another copy of the program took over, or the topic is another journal's.
        """
        try:
            if not self._is_fenced_off:
                self._producer.init_transactions(CALL_S)
                self._is_fenced_off = True
            if self._head is None:
                self._prepare()
                self._head = self._find()
            while batch := self._next(self._head):
                self._publish(batch)
                self._head = batch[-1][1]
        except KafkaException as error:
            self._fail(error.args[0])
            return False
        return True

    def _prepare(self) -> None:
        """Make sure of the topic."""
        found = self._producer.list_topics(self._topic, timeout=CALL_S)
        # librdkafka's built-in broker makes a topic when it is asked for, and has no admin calls.
        if found.topics[self._topic].partitions or str(found.cluster_id).startswith("mockCluster"):
            return
        wanted = [NewTopic(self._topic, num_partitions=1)]
        # Named, because it must live until its answer is there.
        admin = AdminClient(self._common)
        made = admin.create_topics(wanted, operation_timeout=CALL_S)
        try:
            made[self._topic].result(timeout=CALL_S + 1)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise ConsumerError(
                    f"{self._topic} is missing and could not be created ({error.args[0].str()}): "
                    "create it with one partition"
                ) from None

    def _next(self, head: Head) -> list[tuple[dict[str, Any], Head]]:
        batch = []
        for item in read(self._journal, head):
            batch.append(item)
            if len(batch) >= BATCH_MAX and not item[0].get("more"):
                break
        return batch

    def _publish(self, batch: list[tuple[dict[str, Any], Head]]) -> None:
        self._producer.begin_transaction()
        for entry, _ in batch:
            self._producer.produce(
                self._topic,
                value=json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode(),
                key=str(entry["source"]["root"]).encode(),
                partition=0,
                headers=[
                    ("content-type", b"application/json"),
                    (NUMBER, str(entry["n"]).encode()),
                    (HASH, str(entry["previous"]).encode()),
                ],
            )
        self._producer.commit_transaction(CALL_S)
        self.published += len(batch)

    def _fail(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH):
            raise ConsumerError(f"{self._topic}: another copy of this program took over; ending")
        if error.fatal() or error.code() in REFUSED:
            raise ConsumerError(f"{self._topic}: {error.str()}; start again: it resumes")
        self.retried += 1
        # Whether the last batch is there is known to the topic alone.
        self._head = None
        try:
            self._producer.abort_transaction(CALL_S)
        except KafkaException as failure:
            # There was none, or it is taken back by the next try.
            if failure.args[0].fatal():
                raise ConsumerError(f"{self._topic}: {failure.args[0].str()}") from None

    def _find(self) -> Head:
        """The journal's head up to which the topic holds it."""
        held = self._last_line()
        if held is None:
            return Head()
        number, previous = held
        before = START
        for entry, head in read(self._journal):
            before = entry["previous"]
            if head.count == number:
                if before == previous:
                    return head
                break
        raise ConsumerError(
            f"{self._topic} holds line {number} of another journal than {self._journal}: give "
            "another --topic, or the state folder that belongs to it"
        )

    def _last_line(self) -> tuple[int, str] | None:
        """Number and `previous` of the newest line on the topic; None if it is empty."""
        consumer = Consumer(
            {
                **self._common,
                "group.id": f"{self._topic}-publisher",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        try:
            consumer.list_topics(self._topic, timeout=CALL_S)
            place = TopicPartition(self._topic, 0)
            low, stop = consumer.get_watermark_offsets(place, timeout=CALL_S)
            back = LOOK_BACK
            while True:
                start = max(low, stop - back)
                found = _last_of(consumer, TopicPartition(self._topic, 0, start))
                if found is not None or start == low:
                    return found
                # Only marks of transactions there: look further back.
                back *= 10
        except KafkaException as error:
            if error.args[0].code() in (KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC):
                return None
            raise
        finally:
            consumer.close()


def _last_of(consumer: Consumer, place: TopicPartition) -> tuple[int, str] | None:
    consumer.assign([place])
    found = None
    while True:
        record = consumer.poll(CALL_S)
        if record is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        error = record.error()
        if error is None:
            headers: dict[str, Any] = dict(record.headers() or ())
            if NUMBER in headers and HASH in headers:
                found = int(headers[NUMBER]), headers[HASH].decode()
        elif error.code() == KafkaError._PARTITION_EOF:
            return found
        elif not error.retriable():
            raise KafkaException(error)

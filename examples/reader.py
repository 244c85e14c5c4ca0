"""Reader of IFD's topics: committed records only, every partition, from where it stopped.

It assigns partitions itself and takes part in no rebalancing: one reader has one journal, so a
second one would have to do all of it again and not half of it. Offsets are committed to the group
for those who watch its lag; what counts is the checkpoint beside the journal.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from examples.errors import ConsumerError

READ_MAX: Final = 500
"""Records of one batch at most."""
RETRY_S: Final = 0.5
REFUSED: Final = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
    }
)
"""A person must act; all else passes, for the client goes on when the broker is back."""

OWN_SETTINGS: Final = frozenset(
    {"bootstrap.servers", "group.id", "isolation.level", "enable.auto.commit", "auto.offset.reset"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderConfig:
    """Which topics, and where."""

    bootstrap_servers: str = "127.0.0.1:9092"
    topics: tuple[str, ...] = ("ifd.signals.v1",)
    group: str = "ifd-examples"
    timeout_s: float = 10.0
    """For the broker to answer at the start, above 0."""
    client: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further librdkafka settings for TLS and SASL; hidden, since they hold secrets."""

    def __post_init__(self) -> None:
        if not self.bootstrap_servers:
            raise ValueError("bootstrap_servers must not be empty")
        if not self.timeout_s > 0:
            raise ValueError(f"timeout_s must be above 0, was {self.timeout_s}")
        for name in sorted(OWN_SETTINGS & self.client.keys()):
            raise ValueError(f"client must not set {name}: the reader depends on its own value")


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies on a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Reader:
    """Reads batches of records. Delivery: at-least-once; `examples.sequence` drops repeats."""

    def __init__(self, config: ReaderConfig) -> None:
        self._config = config
        self._complaint = ""
        self._ends: set[tuple[str, int]] = set()
        self._places: dict[tuple[str, int], int] = {}
        self.failed_commits = 0
        """Commits that the broker did not take; the next one makes up for them."""
        self._consumer = Consumer(self._settings())

    def connect(self) -> str:
        """Id of the cluster.

        Raises:
            ConsumerError: Nobody answers, or the credentials are refused.
        """
        try:
            found = self._consumer.list_topics(timeout=self._config.timeout_s)
        except KafkaException as error:
            text = self._complaint or error.args[0].str()
            raise ConsumerError(
                f"--bootstrap-servers: no answer from {self._config.bootstrap_servers} within "
                f"{self._config.timeout_s:g} s ({text}); start Kafka there or give another address"
            ) from None
        return str(found.cluster_id or "")

    def start(
        self, offsets: Mapping[str, int], is_stopped: Callable[[], bool], *, from_beginning: bool
    ) -> dict[str, int]:
        """Assign every partition; waits for topics that are not there yet.

        Args:
            offsets: `topic/partition` → next offset; others start at their beginning or end.
            is_stopped: Asked while waiting.
            from_beginning: Where partitions without an offset start.

        Returns:
            `topic/partition` → next offset of all of them; empty if stopped.

        Raises:
            ConsumerError: The broker refuses.
        """
        waiting = ""
        while not is_stopped():
            try:
                places = [place for topic in self._config.topics for place in self._of(topic)]
                chosen = [self._begin(place, offsets, from_beginning) for place in places]
            except KafkaException as error:
                self._raise_final(error.args[0])
                chosen = []
            if chosen and len({place.topic for place in chosen}) == len(self._config.topics):
                self._consumer.assign(chosen)
                self._places = {(p.topic, p.partition): p.offset for p in chosen}
                return self.offsets()
            if not waiting:
                waiting = " and ".join(self._config.topics)
                say(f"waiting for {waiting} at {self._config.bootstrap_servers}")
            time.sleep(RETRY_S)
        return {}

    def read(self, wait_s: float) -> list[Record]:
        """The next records, at most READ_MAX; empty after `wait_s` without any.

        Raises:
            ConsumerError: The broker refuses for good.
        """
        # The first as soon as it comes, then what is there already.
        first = self._consumer.poll(wait_s)
        if first is None:
            return []
        records = []
        for found in [first, *self._consumer.consume(READ_MAX - 1, timeout=0)]:
            error = found.error()
            if error is None:
                records.append(self._record(found))
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ends.add((str(found.topic()), int(found.partition() or 0)))
            else:
                self._raise_final(error)
        return records

    def is_at_end(self) -> bool:
        """Whether every partition was read to where its end was."""
        return bool(self._places) and self._ends >= self._places.keys()

    def offsets(self) -> dict[str, int]:
        """`topic/partition` → offset of the next record."""
        return {f"{topic}/{number}": at for (topic, number), at in self._places.items()}

    def commit(self) -> None:
        """Tell the group how far it is; call it when the effects are durable."""
        places = [TopicPartition(topic, part, at) for (topic, part), at in self._places.items()]
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException:
            self.failed_commits += 1

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _settings(self) -> dict[str, Any]:
        own = {
            "bootstrap.servers": self._config.bootstrap_servers,
            "group.id": self._config.group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            # Where retention was faster than we: go on with what is left, seq shows the hole.
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 100,
            "queued.max.messages.kbytes": 16_384,
            "error_cb": self._note,
            "log_level": 0,
        }
        return {**self._config.client, **own}

    def _of(self, topic: str) -> list[TopicPartition]:
        found = self._consumer.list_topics(topic, timeout=self._config.timeout_s).topics[topic]
        return [TopicPartition(topic, number) for number in sorted(found.partitions)]

    def _begin(
        self, place: TopicPartition, offsets: Mapping[str, int], from_beginning: bool
    ) -> TopicPartition:
        offset = offsets.get(f"{place.topic}/{place.partition}")
        if offset is None:
            low, stop = self._consumer.get_watermark_offsets(place, timeout=self._config.timeout_s)
            offset = low if from_beginning else stop
        return TopicPartition(place.topic, place.partition, offset)

    def _record(self, found: Any) -> Record:
        place = (found.topic(), found.partition())
        self._places[place] = found.offset() + 1
        headers = {name: value or b"" for name, value in found.headers() or ()}
        return Record(*place, found.offset(), found.key(), found.value(), headers)

    def _raise_final(self, error: KafkaError) -> None:
        if error.code() in REFUSED or error.fatal():
            raise ConsumerError(
                f"{self._config.bootstrap_servers}: {error.str()}; check --client-config and the "
                "rights of its user"
            )

    def _note(self, error: KafkaError) -> None:
        text = error.str().split(" (after")[0]
        if self._places and not self._complaint:
            say(f"{text}; waiting for Kafka")
        self._complaint = text


def topics_of(streams: Sequence[str], prefix: str = "") -> tuple[str, ...]:
    """Topics of streams: `signals` is `ifd.signals.v1`."""
    return tuple(f"{prefix}ifd.{stream}.v1" for stream in streams)


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)

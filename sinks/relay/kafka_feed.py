"""Kafka feed: what the topics hold, and then what comes, into the relay's hub.

Every replica reads every partition by itself, without a consumer group: all of them know the same.
Delivery: at-least-once into the hub, which drops what it has seen by its seq.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from operators.model.streams import STATE_STREAMS
from sinks.kafka_client import LastError, common_settings
from sinks.kafka_config import KafkaConfig
from sinks.published import Published
from sinks.relay.kafka_record import STREAM_OF, published_of

LOG: Final = logging.getLogger(__name__)

READ_MAX: Final = 500
"""Records handed to the hub at once."""
POLL_S: Final = 0.1
FETCH_WAIT_MS: Final = 5
"""How long the broker may hold an empty answer. The embedded one always holds it so long, even when
a message comes meanwhile: at 100 ms the median way from sink to relay took 80 ms, at 5 ms 7."""
LOOK_S: Final = 5.0
"""For the broker to say what a partition holds; then the feed tries again."""
PAUSE_S_MAX: Final = 5.0
CLOSE_S: Final = 1.0
STATES_KEPT: Final = 2_000
"""Records of a state topic's partition that are read back: at least the last of every key."""
_PASSING: Final = frozenset(
    {
        KafkaError._PARTITION_EOF,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)
"""A topic that nobody has written to yet: it comes."""

Publish = Callable[[Sequence[Published]], Coroutine[Any, Any, None]]
"""Hands a batch to the hub, in its loop."""
OnState = Callable[[str], None]
"""Told in the loop why nothing can be read, in one line; empty text: it can again."""


@dataclass(slots=True)
class KafkaFeedCounters:
    """What the feed has read."""

    read: int = 0
    """Records handed to the hub."""
    malformed: int = 0
    """Records that are no message of ours, passed over."""
    failures: int = 0
    """Times that reading had to begin anew."""


class _Complaints(LastError):
    """Knows, too, whether every broker is gone: a reader that waits would not notice."""

    def __init__(self) -> None:
        super().__init__()
        self.all_down: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        super().__call__(error)
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.all_down = error


class KafkaFeed:
    """A thread that reads while the object is started.

    Bounded: one batch of READ_MAX records is under way, and the next is read when the hub has it.
    """

    def __init__(
        self, config: KafkaConfig, history: int, publish: Publish, on_state: OnState
    ) -> None:
        """`history`: records of an event topic's partition that are read back at the start."""
        self._config = config
        self._history = history
        self._publish = publish
        self._on_state = on_state
        self._stop = Event()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._complaints = _Complaints()
        self.counters = KafkaFeedCounters()

    def start(self) -> None:
        """Read from now on; called in the loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._run, name="relay-kafka", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Stop reading. A thread that waits for a broker that is away ends with the process."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, CLOSE_S)

    def _run(self) -> None:
        pause_s = 0.1
        while not self._stop.is_set():
            began_s = time.monotonic()
            try:
                self._read()
            except KafkaException as error:
                self.counters.failures += 1
                why = self._complaints.text or error.args[0].str()
                text = f"{self._config.bootstrap_servers}: {why}"
                LOG.info("kafka feed: %s", text)
                self._tell(text)
            # A long time without failure: the next one is news again.
            pause_s = 0.1 if time.monotonic() - began_s > 60 else min(2 * pause_s, PAUSE_S_MAX)
            self._stop.wait(pause_s)

    def _read(self) -> None:
        """Until the stop; a failure of the client begins anew, and the hub knows what it has."""
        complaints = self._complaints = _Complaints()
        consumer = Consumer(
            common_settings(self._config, complaints)
            | {
                "group.id": f"{self._config.topic_prefix}ifd-relay",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": FETCH_WAIT_MS,
                # Topics that come later are noticed within seconds.
                "topic.metadata.refresh.interval.ms": 5_000,
            }
        )
        try:
            consumer.list_topics(timeout=LOOK_S)
            consumer.assign(self._places(consumer))
            self._tell("")
            while not self._stop.is_set():
                # The first as soon as it comes, then what is there already.
                first = consumer.poll(POLL_S)
                if first is not None:
                    self._take([first, *consumer.consume(READ_MAX - 1, timeout=0)])
                elif complaints.all_down is not None:
                    raise KafkaException(complaints.all_down)
        finally:
            consumer.close()

    def _places(self, consumer: Consumer) -> list[TopicPartition]:
        places = []
        for name, stream in STREAM_OF.items():
            kept = STATES_KEPT if stream in STATE_STREAMS else self._history
            for partition in range(self._config.partitions):
                place = TopicPartition(self._config.topic_prefix + name, partition)
                place.offset = _offset(consumer, place, kept)
                places.append(place)
        return places

    def _take(self, records: Sequence[Message]) -> None:
        batch = []
        for record in records:
            error = record.error()
            if error is None:
                if (message := self._message(record)) is not None:
                    batch.append(message)
            elif error.code() not in _PASSING:
                raise KafkaException(error)
        if batch:
            self.counters.read += len(batch)
            self._hand_over(batch)

    def _message(self, record: Message) -> Published | None:
        name = (record.topic() or "").removeprefix(self._config.topic_prefix)
        key, value = record.key(), record.value()
        try:
            assert not isinstance(key, str)
            assert not isinstance(value, str)
            head: Any = dict(record.headers() or ())
            return published_of(name, key, value, head, record.timestamp()[1])
        except (ValueError, UnicodeDecodeError) as error:
            self.counters.malformed += 1
            LOG.info("kafka feed: %s at offset %s: %s", name, record.offset(), error)
            return None

    def _hand_over(self, batch: list[Published]) -> None:
        """Wait until the hub has them: what is not read stays on the topic."""
        assert self._loop is not None
        # The loop ends after this thread, or never hears of it.
        if self._loop.is_closed():
            return
        done = asyncio.run_coroutine_threadsafe(self._publish(batch), self._loop)
        while not self._stop.is_set():
            try:
                done.result(POLL_S)
            except TimeoutError:
                continue
            return

    def _tell(self, text: str) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_state, text)


def _offset(consumer: Consumer, place: TopicPartition, kept: int) -> int:
    """Where to begin, so that about the last `kept` records are read."""
    try:
        low, stop = consumer.get_watermark_offsets(place, timeout=LOOK_S)
    except KafkaException as error:
        if error.args[0].code() not in _PASSING:
            raise
        return OFFSET_BEGINNING
    return int(max(low, stop - kept)) if stop > low else OFFSET_BEGINNING

"""What the tests of the examples share: messages, records on topics, runs of a consumer."""

import json
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from examples.message import Message as Read
from examples.message import Position
from examples.program import Program, ProgramConfig
from examples.reader import ReaderConfig, topics_of
from operators.model.signals import Contract
from operators.model.streams import EXECUTIONS, SIGNALS, Message, topic
from sinks.codec import encode
from sinks.kafka_config import KafkaConfig
from sinks.kafka_headers import headers
from sinks.kafka_topics import find_cluster, prepare_topics
from sinks.outbox import entry
from tests.sinks.messages import EXECUTION, SIGNAL

PREFIXES = count(1)
NOW_NS = 1_800_000_000_000_000_000


def signal(seq: int, **changes: Any) -> Message:
    """A LONG signal of ES unless told otherwise; `root` also names the stream's root."""
    fields = {"action": "LONG", "strength": "HIGH", "price_e9": 5_000_000_000_000, **changes}
    value = replace(SIGNAL, **fields)
    return Message(SIGNALS, value.root, seq, value)


def life(*changes: str, name: str = "a", first: int = 1, **fields: Any) -> list[Message]:
    """Revisions of one signal, numbered from `first`."""
    return [
        signal(
            first + at,
            id=name,
            revision=at + 1,
            change=change,
            **{**fields, **({"action": "IGNORE"} if change in ("closed", "retracted") else {})},
        )
        for at, change in enumerate(changes)
    ]


def execution(seq: int, **changes: Any) -> Message:
    value = replace(EXECUTION, **changes)
    return Message(EXECUTIONS, value.root, seq, value)


def read(message: Message, generation: str = "g1", **known: Any) -> Read:
    """The message as a consumer is given it."""
    at = Position(generation, 1, message.stream, message.root, message.seq)
    value = json.loads(encode(message))
    return Read(at, NOW_NS, value, **known)


def unread(seq: int, root: str = "ES", **known: Any) -> Read:
    return Read(Position("g1", 1, SIGNALS, root, seq), NOW_NS, None, **known)


def contract(symbol: str, tick_value: float | None = 12.5) -> Contract:
    return replace(SIGNAL.contract, symbol=symbol, tick_value=tick_value)


def played(consumer: Any, messages: list[Read]) -> list[dict[str, Any]]:
    """Entries of a consumer that takes messages one after another."""
    found = []
    for message in messages:
        for made in consumer.take(message):
            source = {name: getattr(message.at, name) for name in Position.__slots__}
            whole = {**made, "source": source}
            consumer.apply(whole)
            found.append(whole)
    return found


class Topics:
    """Topics of one test's own."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.prefix = f"x{next(PREFIXES)}."
        self._producer = Producer({"bootstrap.servers": servers, "log_level": 0})
        config = KafkaConfig(bootstrap_servers=servers, topic_prefix=self.prefix)
        prepare_topics(config, find_cluster(config))

    def name(self, stream: str = SIGNALS) -> str:
        return self.prefix + topic(stream)

    def put(self, *messages: Message, generation: str = "g1", since_ms: int = 1_000) -> None:
        """Publish as the sink does."""
        config = KafkaConfig(generation=generation, generation_ts_ms=since_ms)
        for message in messages:
            ts_event, value = message.value.ts_event, encode(message)
            item = entry(message.stream, message.root, message.seq, ts_event, value)
            head = headers(item, config, time.time_ns())
            self.raw(value, dict(head), message.root.encode(), message.stream)

    def raw(self, value: Any, head: Any, key: Any = b"ES", stream: str = SIGNALS) -> None:
        """Publish whatever it is."""
        self._producer.produce(
            self.name(stream), value=value, key=key, headers=list(head.items()), partition=1
        )
        assert self._producer.flush(30) == 0

    def head(self, seq: int, **changes: bytes) -> dict[str, bytes]:
        """Headers that a record needs, with changes; underscores stand for dashes."""
        found = {
            "ifd-schema": b"ifd.signals.v1",
            "ifd-generation": b"g1",
            "ifd-generation-ts": b"1000",
            "ifd-seq": str(seq).encode(),
        }
        return found | {name.replace("_", "-"): value for name, value in changes.items()}

    def config(self, state: Path, streams: tuple[str, ...] = (SIGNALS,), **more: Any) -> Any:
        reader = ReaderConfig(
            bootstrap_servers=self.servers,
            topics=topics_of(streams, self.prefix),
            group=f"{self.prefix}tests",
            timeout_s=10.0,
        )
        given = {"journal": "journal.jsonl", "from_beginning": True, "until_end": True, **more}
        return ProgramConfig(reader=reader, state=state, **given)

    def run(self, state: Path, consumer: Any, **more: Any) -> list[dict[str, Any]]:
        """Run to the end of the topics; all that the journal then holds."""
        config = self.config(state, **more)
        Program(config, consumer, None).run()
        return lines(state / config.journal)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Notes:
    """A consumer that writes down what it was given."""

    def __init__(self) -> None:
        self.applied: list[dict[str, Any]] = []

    def take(self, message: Read) -> list[dict[str, Any]]:
        return [
            {
                "id": None if message.value is None else message.value["id"],
                "missing": message.missing,
                "replaced": message.replaced,
                "is_outdated": message.is_outdated,
            }
        ]

    def apply(self, entry: dict[str, Any]) -> None:
        self.applied.append(entry)

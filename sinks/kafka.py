"""Kafka sink: every event message once and in order, the state streams as they come.

Delivery of event streams: effectively once. What is not acknowledged is part of the snapshot, a
resume reads what the topics hold and skips it, and a transactional id fences a predecessor that
still lives; readers read committed records. Parallel by Kafka partition: sink partition p writes
to partition p of every topic, and shard s to partition s modulo `partitions`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.model.streams import EVENT_STREAMS, Message
from sinks.gate import Gate
from sinks.kafka_config import KafkaConfig
from sinks.kafka_state import KafkaStates, StateCounters
from sinks.kafka_topics import Cluster, find_cluster, prepare_topics
from sinks.kafka_writer import KafkaCounters, KafkaWriter
from sinks.outbox import entry_of


@dataclass(slots=True)
class SinkCounters:
    """Totals of the sink in this process."""

    events: KafkaCounters
    states: StateCounters


class KafkaSink(FixedPartitionedSink[object, dict[str, Any]]):
    """Writes `(shard key, Message)` items; items that are no `Message` are passed over."""

    def __init__(self, config: KafkaConfig, gate: Gate | None = None) -> None:
        """Without `gate` the sink has one of its own, and only waiting slows the flow.

        Raises:
            ValueError: The address or the generation is missing.
        """
        for name in ("bootstrap_servers", "generation"):
            if not getattr(config, name):
                raise ValueError(f"{name} must not be empty")
        self._config = config
        self._gate = Gate() if gate is None else gate
        self._lock = Lock()
        self._cluster: Cluster | None = None
        self._states: KafkaStates | None = None
        self._parts: dict[int, KafkaPartition] = {}
        self._open: set[int] = set()

    def prepare(self) -> Cluster:
        """Find the broker and make sure of the topics; only the first call does anything.

        Raises:
            DeliveryError: Nobody answers within `start_timeout_s`, or a topic cannot be had.
        """
        with self._lock:
            if self._cluster is None:
                cluster = find_cluster(self._config)
                prepare_topics(self._config, cluster)
                self._cluster = cluster
            return self._cluster

    def list_parts(self) -> list[str]:
        """Names of the partitions; a broker that is not there is found out here, at the start."""
        self.prepare()
        return [f"{partition:03d}" for partition in range(self._config.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Shard of a key; the engine takes it modulo the number of partitions."""
        return int(item_key)

    def build_part(
        self,
        step_id: str,
        for_part: str,
        resume_state: dict[str, Any] | None,
    ) -> "KafkaPartition":
        """Resume or start one partition.

        A resume, at the start of the flow, waits for the broker. A new partition, which the engine
        builds when its first message comes, opens beside the flow; a failure is raised later.

        Raises:
            DeliveryError: The broker does not answer or refuses, or holds another output.
            StateError: The state belongs to another cluster, generation or number of partitions.
        """
        cluster = self.prepare()
        number = int(for_part)
        writer = KafkaWriter(self._config, cluster, number, self._gate, resume_state)
        writer.start()
        if resume_state is not None:
            writer.wait_open()
        with self._lock:
            if self._states is None or self._states.is_closed:
                self._states = KafkaStates(self._config)
            part = KafkaPartition(number, writer, self._states, self._note_closed)
            self._parts[number] = part
            self._open.add(number)
        return part

    def counters(self) -> SinkCounters:
        """Totals over the partitions built in this process; a copy."""
        events = KafkaCounters()
        for part in self._parts.values():
            for item in fields(KafkaCounters):
                total = getattr(events, item.name) + getattr(part.writer.counters, item.name)
                setattr(events, item.name, total)
        return SinkCounters(events, self._states.counters if self._states else StateCounters())

    def undelivered(self) -> int:
        """Messages that wait, or that waited when all was closed."""
        return self.counters().events.outbox_count

    def _note_closed(self, number: int) -> None:
        with self._lock:
            self._open.discard(number)
            if not self._open and self._states is not None:
                self._states.close()


class KafkaPartition(StatefulSinkPartition[object, dict[str, Any]]):
    """One Kafka partition of every topic."""

    def __init__(
        self,
        number: int,
        writer: KafkaWriter,
        states: KafkaStates,
        on_close: Callable[[int], None],
    ) -> None:
        self.writer = writer
        self._number = number
        self._states = states
        self._on_close = on_close

    def write_batch(self, values: list[object]) -> None:
        """Hand messages over; waits only while the outbox is full.

        Raises:
            DeliveryError: Delivery has failed for good.
            StateError: A seq is not the next of its stream and root.
        """
        entries = []
        for message in values:
            if not isinstance(message, Message):
                continue
            if message.stream in EVENT_STREAMS:
                entries.append(entry_of(message))
            else:
                self._states.offer(self._number, message)
        if entries:
            self.writer.put(entries)

    def snapshot(self) -> dict[str, Any]:
        """State to resume from; see `KafkaWriter.snapshot`."""
        return self.writer.snapshot()

    def close(self) -> None:
        """Flush and stop; what stays undelivered is in the snapshot."""
        self.writer.close()
        self._on_close(self._number)

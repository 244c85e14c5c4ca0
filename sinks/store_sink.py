"""Store sink: every message of the event streams into the store, once.

Delivery: at least once, and harmless when repeated, since the store knows each message by its key;
what is not yet written is part of the snapshot. Parallel by shard: sink partition p takes shards s
with s modulo `partitions` = p; the partitions of a process share a thread and its transactions.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from threading import Lock
from time import time_ns
from typing import Any, ClassVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.model.errors import StateError
from operators.model.streams import EVENT_STREAMS, Message
from sinks.gate import Gate
from sinks.published import Published, published
from sinks.store import Store
from sinks.store_config import StoreConfig
from sinks.store_writer import StoreCounters, StoreWriter

Publish = Callable[[Message], Published]


class StoreSink(FixedPartitionedSink[object, dict[str, Any]]):
    """Writes `(shard key, Message)` items; state streams and items that are no `Message` pass."""

    def __init__(
        self,
        config: StoreConfig,
        generation: str,
        generation_ts_ms: int,
        gate: Gate | None = None,
    ) -> None:
        """Does not connect: `prepare` does. Raises ValueError without an address or generation."""
        if not config.url or not generation:
            raise ValueError("url and generation must not be empty")
        self._config = config
        self._generation = generation
        self._generation_ts_ms = generation_ts_ms
        self._gate = Gate() if gate is None else gate
        self._lock = Lock()
        self._store: Store | None = None
        self._writer: StoreWriter | None = None
        self._open = 0
        self._past = StoreCounters()

    def prepare(self) -> None:
        """Open the database and bring it to this version; only the first call does anything.

        Raises:
            ConfigError: The address cannot be used.
            StateError: The database holds something else, or is of a newer version.
            DeliveryError: It does not answer within `start_timeout_s`.
        """
        with self._lock:
            self._opened()

    def list_parts(self) -> list[str]:
        """Names of the partitions; a database that is not there is found out here, at the start."""
        self.prepare()
        return [f"{partition:03d}" for partition in range(self._config.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Shard of a key; the engine takes it modulo the number of partitions."""
        return int(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "StorePartition":
        """Start one partition, or resume it with what its predecessor had not written.

        Raises:
            StateError: The state is of another version or number of partitions.
            DeliveryError: As `prepare`.
        """
        number = int(for_part)
        with self._lock:
            if self._writer is None:
                self._writer = StoreWriter(self._config, self._opened(), self._gate)
                self._store = None  # The writer's now.
            writer = self._writer
            part = StorePartition(self._config, number, writer, self._publish, self._note_closed)
            writer.open(number, part.resumed(resume_state))
            self._open += 1
        return part

    def counters(self) -> StoreCounters:
        """Totals of this process; a copy."""
        return replace(self._writer.counters if self._writer is not None else self._past)

    def undelivered(self) -> int:
        """Messages that wait, or that waited when all was closed."""
        return self.counters().outbox_count

    def _opened(self) -> Store:
        if self._store is None:
            config = self._config
            self._store = Store(
                config.url,
                busy_timeout_s=config.busy_timeout_s,
                start_timeout_s=config.start_timeout_s,
            ).open()
        return self._store

    def _publish(self, message: Message) -> Published:
        return published(message, self._generation, self._generation_ts_ms, time_ns())

    def _note_closed(self) -> None:
        with self._lock:
            self._open -= 1
            if self._open == 0 and self._writer is not None:
                self._writer.close()
                self._past, self._writer = self._writer.counters, None


class StorePartition(StatefulSinkPartition[object, dict[str, Any]]):
    """One partition. State: the messages that are not yet written."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self,
        config: StoreConfig,
        number: int,
        writer: StoreWriter,
        publish: Publish,
        on_close: Callable[[], None],
    ) -> None:
        self._config = config
        self._number = number
        self._writer = writer
        self._publish = publish
        self._on_close = on_close

    def write_batch(self, values: list[object]) -> None:
        """Hand messages over; waits only while the outbox is full.

        Raises:
            DeliveryError: The store refused for good.
        """
        messages = [
            self._publish(value)
            for value in values
            if isinstance(value, Message) and value.stream in EVENT_STREAMS
        ]
        if messages:
            self._writer.put(self._number, messages)

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state. Raises DeliveryError as `write_batch`."""
        return {
            "version": self.STATE_VERSION,
            "partitions": self._config.partitions,
            "waiting": tuple(astuple(message) for message in self._writer.waiting(self._number)),
        }

    def resumed(self, state: dict[str, Any] | None) -> Sequence[Published]:
        """What a snapshot says was not written. Raises StateError."""
        if state is None:
            return ()
        expected = {"version": self.STATE_VERSION, "partitions": self._config.partitions}
        for name, value in expected.items():
            if state[name] != value:
                raise StateError(
                    f"store: {name} was {state[name]} in the recovery store, is {value}: set it "
                    "back or start a new generation"
                )
        return [Published(*fields) for fields in state["waiting"]]

    def close(self) -> None:
        """Write what waits, for a while; what stays is in the snapshot."""
        self._on_close()

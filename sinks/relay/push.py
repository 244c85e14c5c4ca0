"""Push sink: what a worker publishes goes to relays directly, without a broker.

Delivery: at-least-once into the hub of a relay that is there or comes back in time; the hub drops
what it has seen by its seq, and says where the ring was too short. A worker never waits for one.
Parallel by shard: sink partition p takes the shards s with s modulo `partitions` = p.
"""

from collections import deque
from threading import Lock
from time import time_ns
from typing import Any

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.model.streams import EVENT_STREAMS, Message
from sinks.published import Published, published
from sinks.relay.push_config import PushConfig
from sinks.relay.push_link import PushLinks
from sinks.relay.push_ring import size_of


class PushSink(FixedPartitionedSink[object, dict[str, Any]]):
    """Writes `(shard key, Message)` items; items that are no `Message` are passed over."""

    def __init__(self, config: PushConfig) -> None:
        """Raises ValueError where no relay or no generation is given."""
        for name in ("relays", "generation"):
            if not getattr(config, name):
                raise ValueError(f"{name} must not be empty")
        self._config = config
        self._lock = Lock()
        self._links: PushLinks | None = None
        self._open = 0

    def list_parts(self) -> list[str]:
        """Names of the partitions."""
        return [f"{partition:03d}" for partition in range(self._config.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Shard of a key; the engine takes it modulo the number of partitions."""
        return int(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "PushPartition":
        """Start one partition, or resume it with what its predecessor had published last."""
        with self._lock:
            if self._links is None:
                self._links = PushLinks(self._config)
            self._open += 1
            return PushPartition(self._config, self._links, resume_state, self._note_closed)

    def _note_closed(self) -> None:
        with self._lock:
            self._open -= 1
            if self._open == 0 and self._links is not None:
                self._links.close()
                self._links = None


class PushPartition(StatefulSinkPartition[object, dict[str, Any]]):
    """One partition. State: its newest event messages, at most `snapshot_bytes_max` bytes."""

    def __init__(
        self, config: PushConfig, links: PushLinks, state: dict[str, Any] | None, on_close: Any
    ) -> None:
        self._config = config
        self._links = links
        self._on_close = on_close
        self._kept: deque[Published] = deque()
        self._kept_bytes = 0
        if state is not None:
            # The generation began before the kill; what is pushed again still belongs to it.
            kept = [Published(*fields) for fields in state["kept"]]
            self._keep(kept)
            links.add(kept)

    def write_batch(self, values: list[object]) -> None:
        """Hand messages over; never waits."""
        now_ns = time_ns()
        config = self._config
        messages = [
            published(value, config.generation, config.generation_ts_ms, now_ns)
            for value in values
            if isinstance(value, Message)
        ]
        self._keep([m for m in messages if m.stream in EVENT_STREAMS])
        self._links.add(messages)

    def snapshot(self) -> dict[str, Any]:
        """The newest event messages, as plain data."""
        return {
            "kept": tuple(
                (
                    m.generation, m.generation_ts_ms, m.stream, m.root, m.seq, m.ts_event,
                    m.ts_published_ns, m.value,
                )
                for m in self._kept
            )
        }  # fmt: skip

    def close(self) -> None:
        """Send what waits, for a moment."""
        self._on_close()

    def _keep(self, messages: list[Published]) -> None:
        for message in messages:
            self._kept.append(message)
            self._kept_bytes += size_of(message)
        while self._kept_bytes > self._config.snapshot_bytes_max:
            self._kept_bytes -= size_of(self._kept.popleft())

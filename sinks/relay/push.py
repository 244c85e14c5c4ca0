"""Push sink: what a worker publishes goes to relays directly, without a broker.

Delivery: at-least-once into the hub of a relay that is there or comes back in time; the hub drops
what it has seen by its seq, and says where the ring was too short. A worker never waits for one.
Parallel by shard: sink partition p takes the shards s with s modulo `partitions` = p.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from time import time_ns
from typing import Any, ClassVar, Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.model.errors import StateError
from operators.model.streams import EVENT_STREAMS, Message
from sinks.published import Published, published
from sinks.relay.push_config import PushConfig
from sinks.relay.push_frames import VALUE_BYTES_MAX
from sinks.relay.push_link import LinkCounters, PushLinks
from sinks.relay.push_ring import size_of

LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class PushCounters:
    """What the sink did in this process."""

    links: Mapping[str, LinkCounters]
    """Address → what its link did."""
    overwritten: int = 0
    """Event messages dropped from the ring by newer ones, whether or not anybody missed them."""
    crowded_out: int = 0
    """State values dropped from the ring for want of room."""
    oversize: int = 0
    """Messages above VALUE_BYTES_MAX, which are not pushed; relays see a hole."""


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
        self._counters = PushCounters({})

    def list_parts(self) -> list[str]:
        """Names of the partitions."""
        return [f"{partition:03d}" for partition in range(self._config.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Shard of a key; the engine takes it modulo the number of partitions."""
        return int(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "PushPartition":
        """Start one partition, or resume it with what its predecessor had published last.

        Raises:
            StateError: The state belongs to another generation or version.
        """
        with self._lock:
            if self._links is None:
                self._links = PushLinks(self._config)
                self._counters = PushCounters(self._links.counters)
            part = PushPartition(self._config, self._links, self._note_oversize, self._note_closed)
            self._open += 1
        if resume_state is not None:
            part.resume(resume_state)
        return part

    def counters(self) -> PushCounters:
        """Totals since the first partition was built; a copy."""
        with self._lock:
            if self._links is not None:
                self._counters.overwritten = self._links.ring.dropped
                self._counters.crowded_out = self._links.ring.crowded_out
            return replace(self._counters)

    def _note_oversize(self, message: Published) -> None:
        with self._lock:
            self._counters.oversize += 1
        LOG.warning(
            "push: %s of %s seq %d has %d bytes, expected at most %d: not pushed",
            *(*message.key, message.seq, len(message.value), VALUE_BYTES_MAX),
        )

    def _note_closed(self) -> None:
        with self._lock:
            self._open -= 1
            if self._open:
                return
            links, self._links = self._links, None
        if links is not None:
            links.close()


class PushPartition(StatefulSinkPartition[object, dict[str, Any]]):
    """One partition. State: its newest event messages, at most `snapshot_bytes_max` bytes."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self,
        config: PushConfig,
        links: PushLinks,
        on_oversize: Callable[[Published], None],
        on_close: Callable[[], None],
    ) -> None:
        self._config = config
        self._links = links
        self._on_oversize = on_oversize
        self._on_close = on_close
        self._kept: deque[Published] = deque()
        self._kept_bytes = 0

    def resume(self, state: dict[str, Any]) -> None:
        """Publish again what the predecessor had published last: a relay drops what it has.

        Raises:
            StateError: The state belongs to another generation or version.
        """
        expected = {"version": self.STATE_VERSION, "generation": self._config.generation}
        for name, value in expected.items():
            if state[name] != value:
                raise StateError(
                    f"relay: {name} was {state[name]} in the recovery store, is {value}: start a "
                    "new generation"
                )
        life = (self._config.generation, self._config.generation_ts_ms)
        kept = [Published(*life, *fields) for fields in state["kept"]]
        self._keep(kept)
        self._links.add(kept)

    def write_batch(self, values: list[object]) -> None:
        """Hand messages over; never waits."""
        now_ns = time_ns()
        messages = []
        for value in values:
            if not isinstance(value, Message):
                continue
            message = published(
                value, self._config.generation, self._config.generation_ts_ms, now_ns
            )
            if len(message.value) <= VALUE_BYTES_MAX:
                messages.append(message)
            else:
                self._on_oversize(message)
        self._keep([message for message in messages if message.stream in EVENT_STREAMS])
        self._links.add(messages)

    def snapshot(self) -> dict[str, Any]:
        """The newest event messages, as plain data."""
        kept = tuple(
            (m.stream, m.root, m.seq, m.ts_event, m.ts_published_ns, m.value, m.late)
            for m in self._kept
        )
        generation = self._config.generation
        return {"version": self.STATE_VERSION, "generation": generation, "kept": kept}

    def close(self) -> None:
        """Send what waits, for a moment."""
        self._on_close()

    def _keep(self, messages: Sequence[Published]) -> None:
        for message in messages:
            self._kept.append(message)
            self._kept_bytes += size_of(message)
        while self._kept_bytes > self._config.snapshot_bytes_max:
            self._kept_bytes -= size_of(self._kept.popleft())

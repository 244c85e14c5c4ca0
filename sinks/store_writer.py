"""Way to the store: what waits, partition by partition, and the one thread that writes it.

While a transaction is under way the next gathers, so a slow database makes transactions larger, not
the flow slower. A locked, full or absent database is tried again until it takes what it was given.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition, Event, Thread
from typing import Final

from operators.model.errors import DeliveryError, IfdError
from operators.model.streams import EVENT_STREAMS
from sinks.gate import Gate
from sinks.published import Published
from sinks.store import Store
from sinks.store_config import StoreConfig
from sinks.store_database import is_final

LOG: Final = logging.getLogger(__name__)

BACKOFF_FIRST_S: Final = 0.05
BACKOFF_LAST_S: Final = 5.0
HOLD_RATIO: Final = 0.75
"""Share of a bound of the outbox from which the gate is held."""
RELEASE_RATIO: Final = 0.5
"""Share below which it is let go."""
ROOM_CHECK_S: Final = 0.05
"""How often a write that waits for room looks for a failure or a stop."""
TRANSACTION_BYTES_MAX: Final = 8_388_608
PRUNE_STEP_S: Final = 0.05
"""Between two steps while there is more that is too old."""
DAY_NS: Final = 86_400_000_000_000
HOLDER: Final = "store"


@dataclass(slots=True)
class StoreCounters:
    """What a process did since it started, and what waits now."""

    written: int = 0
    """Messages that were new to the store."""
    repeated: int = 0
    """Messages that the store had already, after a resume."""
    transactions: int = 0
    retried: int = 0
    """Transactions that failed and were made again."""
    pruned: int = 0
    """Messages deleted because they were too old."""
    prunes_failed: int = 0
    outbox_count: int = 0
    outbox_bytes: int = 0


class StoreWriter:
    """Outboxes and the thread; bounded by `outbox_count_max` and `outbox_bytes_max` together."""

    def __init__(self, config: StoreConfig, store: Store, gate: Gate) -> None:
        """Takes over `store`, which is open: `close` closes it."""
        self._config = config
        self._store = store
        self._gate = gate
        self._changed = Condition()
        self._waiting: dict[int, deque[Published]] = {}
        self._closing = False
        self._stop = Event()
        self._failure: IfdError | None = None
        self._prune_due_s = time.monotonic() + config.prune_every_s
        self._thread = Thread(target=self._run, name="store", daemon=True)
        self.counters = StoreCounters()
        self._thread.start()

    def open(self, partition: int, messages: Sequence[Published]) -> None:
        """Begin a partition, with what its snapshot says was not written."""
        with self._changed:
            self._waiting[partition] = deque()
            self._add(partition, messages)

    def put(self, partition: int, messages: Sequence[Published]) -> None:
        """Take messages; waits only while the outbox is full.

        Raises:
            DeliveryError: The store refused for good.
        """
        with self._changed:
            for message in messages:
                self._wait_for_room()
                self._add(partition, (message,))
            self._note()

    def waiting(self, partition: int) -> list[Published]:
        """What of a partition is not yet written, oldest first. Raises DeliveryError as `put`."""
        with self._changed:
            self._raise_failure()
            return list(self._waiting[partition])

    def flush(self, timeout_s: float) -> int:
        """Wait until all is written, not longer than that; how many are not."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self.counters.outbox_count and self._failure is None:
                if (left_s := deadline - time.monotonic()) <= 0:
                    break
                self._changed.wait(left_s)
            return self.counters.outbox_count

    def close(self) -> None:
        """Flush for `flush_timeout_s` and stop. Never raises: the engine could not bear it."""
        left = self.flush(self._config.flush_timeout_s)
        with self._changed:
            self._closing = True
            self._stop.set()
            self._changed.notify_all()
        # A transaction under way ends by its own time limits.
        self._thread.join(2 * self._config.busy_timeout_s)
        self._gate.release(HOLDER)
        self._store.close()
        if left:
            LOG.warning("store: closed with %d messages unwritten; they are in the snapshot", left)

    # With the lock held.

    def _add(self, partition: int, messages: Sequence[Published]) -> None:
        self._waiting[partition].extend(messages)
        self.counters.outbox_count += len(messages)
        self.counters.outbox_bytes += sum(len(message.value) for message in messages)
        self._changed.notify_all()

    def _wait_for_room(self) -> None:
        self._raise_failure()
        while self._filled() >= 1.0 and not self._gate.is_draining():
            self._note()
            self._changed.wait(ROOM_CHECK_S)
            self._raise_failure()

    def _filled(self) -> float:
        return max(
            self.counters.outbox_count / self._config.outbox_count_max,
            self.counters.outbox_bytes / self._config.outbox_bytes_max,
        )

    def _note(self) -> None:
        filled = self._filled()
        if filled >= HOLD_RATIO:
            self._gate.hold(HOLDER)
        elif filled < RELEASE_RATIO:
            self._gate.release(HOLDER)
        self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    # In the thread.

    def _run(self) -> None:
        try:
            while not self._closing:
                if batch := self._next_batch():
                    self._deliver(batch)
                else:
                    self._prune()
        except IfdError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the flow must hear of it
            self._fail(DeliveryError(f"store: {error!r}"))

    def _fail(self, error: IfdError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _next_batch(self) -> dict[int, list[Published]]:
        """Partition → its oldest messages; none when it is time to look for old ones, or closed."""
        with self._changed:
            while not self.counters.outbox_count and not self._closing:
                if (left_s := self._prune_due_s - time.monotonic()) <= 0:
                    break
                self._changed.wait(left_s)
            return self._oldest()

    def _oldest(self) -> dict[int, list[Published]]:
        """Up to the bounds of a transaction; the next one begins with another partition."""
        count, size = self._config.transaction_count_max, TRANSACTION_BYTES_MAX
        batch: dict[int, list[Published]] = {}
        for partition, waiting in self._waiting.items():
            for message in waiting:
                if count <= 0 or size <= 0:
                    break
                batch.setdefault(partition, []).append(message)
                count -= 1
                size -= len(message.value)
        for partition in batch:
            self._waiting[partition] = self._waiting.pop(partition)
        return batch

    def _deliver(self, batch: dict[int, list[Published]]) -> None:
        messages = [message for one in batch.values() for message in one]
        wait_s = BACKOFF_FIRST_S
        while not self._stop.is_set():
            try:
                new = self._store.put(messages)
            except DeliveryError as error:
                if is_final(error):
                    raise
                self.counters.retried += 1
                LOG.warning("%s; trying again in %.1f s", error, wait_s)
                self._stop.wait(wait_s)
                wait_s = min(2 * wait_s, BACKOFF_LAST_S)
            else:
                self._acknowledge(batch, new)
                return

    def _acknowledge(self, batch: dict[int, list[Published]], new: int) -> None:
        with self._changed:
            for partition, messages in batch.items():
                for message in messages:
                    self._waiting[partition].popleft()
                    self.counters.outbox_bytes -= len(message.value)
                self.counters.outbox_count -= len(messages)
                self.counters.repeated += len(messages)
            self.counters.repeated -= new
            self.counters.written += new
            self.counters.transactions += 1
            self._note()

    def _prune(self) -> None:
        """One small step for each stream; the next comes soon if there is more to delete."""
        more = False
        try:
            for stream in EVENT_STREAMS:
                if days := self._config.days(stream):
                    before_ns = time.time_ns() - round(days * DAY_NS)
                    gone = self._store.prune(stream, before_ns, self._config.prune_count_max)
                    self.counters.pruned += gone
                    more |= gone == self._config.prune_count_max
        except DeliveryError as error:
            self.counters.prunes_failed += 1
            LOG.warning("%s; old messages are deleted later", error)
        self._prune_due_s = time.monotonic() + (
            PRUNE_STEP_S if more else self._config.prune_every_s
        )

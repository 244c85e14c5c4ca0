"""One sink partition's way to Kafka: an outbox, and a thread that empties it in transactions.

A transaction is filled with the oldest messages of the outbox and committed; only then do they
leave it. While one is under way the next gathers, so a slow broker makes transactions larger, not
the flow slower. After any failure the transaction is aborted and the ends of the topics are read
again: what they hold, and nothing else, counts as delivered.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Event, Thread
from typing import Any, ClassVar, Final

from confluent_kafka import KafkaError, KafkaException

from operators.model.errors import DeliveryError, IfdError, StateError
from sinks.gate import Gate
from sinks.kafka_client import MISSING, UNFIT, LastError, final_error, start_error
from sinks.kafka_config import KafkaConfig
from sinks.kafka_tail import read_tail
from sinks.kafka_topics import Cluster
from sinks.kafka_transaction import CALL_S, Place, Transactions
from sinks.outbox import Entry, Outbox

LOG: Final = logging.getLogger(__name__)

BACKOFF_FIRST_S: Final = 0.1
BACKOFF_LAST_S: Final = 5.0
HOLD_RATIO: Final = 0.75
"""Share of a bound of the outbox from which the gate is held."""
RELEASE_RATIO: Final = 0.5
"""Share below which it is let go."""
ROOM_CHECK_S: Final = 0.05
"""How often a write that waits for room looks for a failure or a stop."""
TRANSACTION_BYTES_MAX: Final = 4_194_304


@dataclass(slots=True)
class KafkaCounters:
    """What a partition did since it was built, and what waits now."""

    delivered: int = 0
    """Messages committed, dead letters included."""
    skipped: int = 0
    """Messages of a snapshot or a replay that the topic held already."""
    retried: int = 0
    """Transactions that failed and were made again."""
    transactions: int = 0
    dead_letters: int = 0
    outbox_count: int = 0
    outbox_bytes: int = 0


class _Stopped(Exception):
    """The partition is being closed; what waits stays in the snapshot."""


class KafkaWriter:
    """Outbox and thread of one partition.

    State: offsets, one number per (stream, root), and the messages that wait, at most
    `outbox_count_max` and `outbox_bytes_max`.
    """

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self,
        config: KafkaConfig,
        cluster: Cluster,
        partition: int,
        gate: Gate,
        state: dict[str, Any] | None = None,
    ) -> None:
        self._config = config
        self._cluster = cluster
        self._partition = partition
        self._gate = gate
        self._offsets: dict[str, int] = self._resumed_offsets(state)
        self._behind_from: dict[str, int] | None = None
        """Offsets from which the topics hold what the flow has yet to give again; None: nothing."""
        self._outbox = Outbox(None if state is None else state["outbox"])
        self._changed = Condition()
        self._is_open = False
        self._closing = False
        self._stop = Event()
        self._failure: IfdError | None = None
        self._batch_max = config.transaction_count_max
        self._wait_s = BACKOFF_FIRST_S
        self._dead: dict[Place, str] = {}
        self._name = f"kafka-{config.topic_prefix}{partition}"
        self._thread = Thread(target=self._run, name=self._name, daemon=True)
        self._transactions = Transactions(config, partition, self._check_stop)
        self.counters = KafkaCounters()
        self.on_commit: Callable[[int, int], None] | None = None
        """Called in the thread after a commit with its messages and its duration in ns."""

    def start(self) -> None:
        """Start the thread: fence the predecessor, read what the topics hold, then deliver."""
        self._thread.start()

    def wait_open(self) -> None:
        """Wait until that is done; not longer than the broker is given to answer.

        Raises:
            DeliveryError: The broker does not answer or refuses, or holds another output.
            StateError: The topics are not those of the state.
        """
        with self._changed:
            while not self._is_open and self._failure is None:
                self._changed.wait(ROOM_CHECK_S)
            self._raise_failure()

    def put(self, entries: Sequence[Entry]) -> None:
        """Take messages; waits only while the outbox is full.

        Raises:
            DeliveryError: The thread has failed.
            StateError: A seq is not the next of its (stream, root), or the thread has failed.
        """
        with self._changed:
            for item in entries:
                self._wait_for_room()
                if not self._outbox.accept(item):
                    self.counters.skipped += 1
            self._note_outbox()

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state. Waits for the start, so that no epoch is stored on a failed one.

        Raises:
            DeliveryError: The thread has failed.
            StateError: The topics are not those of the state.
        """
        self.wait_open()
        with self._changed:
            if not self._outbox.is_behind():
                self._behind_from = None
            offsets = self._offsets if self._behind_from is None else self._behind_from
            return {
                "version": self.STATE_VERSION,
                "generation": self._config.generation,
                "partitions": self._config.partitions,
                "cluster": self._cluster.id,
                "offsets": dict(offsets),
                "outbox": self._outbox.snapshot(),
            }

    def close(self) -> None:
        """Flush for `flush_timeout_s` and stop. Never raises: the engine could not bear it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(0.0 if self._failure else self._config.flush_timeout_s)
            self._stop.set()
            self._thread.join(2 * CALL_S)
        self._gate.release(self._name)
        if self._outbox:
            LOG.warning(
                "kafka: partition %d closed with %d messages undelivered; they are in the snapshot",
                self._partition,
                len(self._outbox),
            )

    def _resumed_offsets(self, state: dict[str, Any] | None) -> dict[str, int]:
        if state is None:
            return {}
        expected = {
            "version": self.STATE_VERSION,
            "generation": self._config.generation,
            "partitions": self._config.partitions,
        }
        for name, value in expected.items():
            if state[name] != value:
                raise StateError(
                    f"kafka: {name} was {state[name]} in the recovery store, is {value}: set it "
                    "back or start a new generation"
                )
        if state["cluster"] == self._cluster.id:
            return dict(state["offsets"])
        if self._cluster.is_embedded:
            # It forgot everything when its process ended; what was delivered there was read there.
            return {}
        raise StateError(
            f"kafka: the recovery store belongs to cluster {state['cluster']}, "
            f"{self._config.bootstrap_servers} is {self._cluster.id}: set the address back or "
            "start a new generation"
        )

    # With the lock held.

    def _wait_for_room(self) -> None:
        self._raise_failure()
        while self._filled() >= 1.0 and not self._gate.is_draining():
            self._note_outbox()
            self._changed.wait(ROOM_CHECK_S)
            self._raise_failure()

    def _filled(self) -> float:
        return max(
            len(self._outbox) / self._config.outbox_count_max,
            self._outbox.bytes_count / self._config.outbox_bytes_max,
        )

    def _note_outbox(self) -> None:
        self.counters.outbox_count = len(self._outbox)
        self.counters.outbox_bytes = self._outbox.bytes_count
        filled = self._filled()
        if filled >= HOLD_RATIO:
            self._gate.hold(self._name)
        elif filled < RELEASE_RATIO:
            self._gate.release(self._name)
        self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    # In the thread.

    def _run(self) -> None:
        try:
            self._open()
            while batch := self._next_batch():
                self._deliver(batch)
        except _Stopped:
            pass
        except IfdError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the flow must hear of it
            self._fail(DeliveryError(f"kafka: partition {self._partition}: {error!r}"))

    def _open(self) -> None:
        self._transactions.fence()
        try:
            # A topic just made may still be without a leader.
            self._retry(self._settle, self._config.start_timeout_s)
        except KafkaException as error:
            raise start_error(self._config, error, LastError()) from None
        with self._changed:
            # What was found on the topics until now, the predecessor delivered.
            self.counters.skipped += self.counters.delivered
            self.counters.delivered = 0
            self._is_open = True
            self._changed.notify_all()

    def _fail(self, error: IfdError) -> None:
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _next_batch(self) -> list[Entry]:
        """The oldest messages, at least one; empty when closed and nothing is left."""
        with self._changed:
            while not self._outbox and not self._closing:
                self._changed.wait()
            return self._outbox.first(self._batch_max, TRANSACTION_BYTES_MAX)

    def _deliver(self, batch: list[Entry]) -> None:
        self._check_stop()
        begun_ns = time.perf_counter_ns()
        try:
            stops = self._transactions.send(batch, self._dead)
        except KafkaException as error:
            self._recover(error.args[0], batch)
        else:
            self._acknowledge(batch, stops)
            if self.on_commit is not None:
                self.on_commit(len(batch), time.perf_counter_ns() - begun_ns)

    def _acknowledge(self, batch: list[Entry], stops: dict[str, int]) -> None:
        self._batch_max = min(2 * self._batch_max, self._config.transaction_count_max)
        self._wait_s = BACKOFF_FIRST_S
        dead = [item for item in batch if self._dead.pop((*item.key, item.seq), None) is not None]
        with self._changed:
            self._offsets |= stops
            self._outbox.drop(len(batch))
            self.counters.delivered += len(batch)
            self.counters.dead_letters += len(dead)
            self.counters.transactions += 1
            self._note_outbox()

    def _recover(self, error: KafkaError, batch: Sequence[Entry]) -> None:
        LOG.warning("kafka: partition %d: transaction failed: %s", self._partition, error.str())
        self.counters.retried += 1
        if error.code() in UNFIT:
            self._find_unfit(error, batch)
        elif error.code() in MISSING:
            raise DeliveryError(
                f"kafka: {self._config.bootstrap_servers} no longer has a topic of ours "
                f"({error.str()}): create it again, then a restart resumes where it stopped"
            )
        elif (final := final_error(self._config, error)) is not None:
            raise final
        else:
            self._back_off()
        self._retry(self._transactions.abort)
        self._retry(self._settle)

    def _find_unfit(self, error: KafkaError, batch: Sequence[Entry]) -> None:
        """Halve what is sent until the message is alone that the broker will never take."""
        if len(batch) > 1:
            self._batch_max = max(1, len(batch) // 2)
            return
        (item,) = batch
        place = (*item.key, item.seq)
        if place in self._dead:
            raise DeliveryError(
                f"kafka: {item.stream} of {item.root} seq {item.seq} was refused by its topic "
                f"({self._dead[place]}) and by the dead letters ({error.str()})"
            )
        self._dead[place] = error.str()

    def _retry(self, act: Callable[[], None], timeout_s: float = math.inf) -> None:
        """Until it succeeds; after `timeout_s` its error is raised."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return act()
            except KafkaException as error:
                if (final := final_error(self._config, error.args[0])) is not None:
                    raise final from None
                if time.monotonic() > deadline:
                    raise
                LOG.info("kafka: partition %d: %s", self._partition, error.args[0].str())
            self._back_off()

    def _back_off(self) -> None:
        """Wait, longer each time until a transaction succeeds."""
        if self._stop.wait(self._wait_s):
            raise _Stopped
        self._wait_s = min(2 * self._wait_s, BACKOFF_LAST_S)

    def _settle(self) -> None:
        """Take what the topics hold as delivered, and nothing else."""
        tail = read_tail(self._config, self._cluster, self._partition, self._offsets)
        with self._changed:
            self.counters.delivered += self._outbox.settle(tail.held)
            if self._behind_from is None and self._outbox.is_behind():
                self._behind_from = dict(self._offsets)
            self._offsets |= tail.stops
            self._note_outbox()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise _Stopped

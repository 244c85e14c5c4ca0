"""DBN files as a source: the same items, in the same order, as a live feed would bring.

Delivery: effectively once, because the position in a snapshot is that of the last record given
out, to the record. Unit of parallelism: one partition for each named feed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic_ns
from typing import Any, ClassVar, Literal

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.databento.header import Header
from connectors.databento.messages import NAMES, Notice, Rare, Skipped
from connectors.databento.wire import WithRaw
from connectors.dbn_stream import DbnStream, stored_bytes
from connectors.feed_status import StatusTeller
from connectors.pace import Pace
from connectors.root_rules import RootsConfig
from connectors.roots import RootTable, Sharded
from operators.model.errors import FeedError, IfdError, StateError
from operators.model.hashing import shard_key
from operators.model.items import MboRows, Tick
from operators.model.records import MboBatch
from operators.model.streams import Flowing

Keyed = tuple[str, Flowing]
"""The key of a shard and what goes to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DbnFileConfig:
    """One feed that is read from files."""

    feed: str
    """Name of the feed and of its partition."""
    paths: tuple[str, ...]
    """`.dbn` or `.dbn.zst`, at least one, read in this order as one stream."""
    batch_rows: int = 65_536
    """Records given out at once, at least 1."""
    rows_per_epoch_max: int = 50_000_000
    """Records given out between two snapshots, at least 1."""
    speed: float | None = None
    """Event time per wall time, more than 0; None is as fast as possible."""
    skip_unknown: bool = False
    """Pass over record types that DBN does not have, counted, instead of refusing them."""
    may_grow: bool = False
    """The last file may be being written: where it ends inside a record, that is its end."""
    roots: RootsConfig = field(default_factory=RootsConfig)

    def __post_init__(self) -> None:
        if not self.feed:
            raise ValueError("feed must be a name, was empty")
        if not self.paths:
            raise ValueError("paths must name at least 1 file, was empty")
        for name in ("batch_rows", "rows_per_epoch_max"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, was {value}")
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise ValueError(f"speed must be more than 0, was {self.speed}")


@dataclass(slots=True)
class Counts:
    """What has been given out, or passed over, so far."""

    records: int = 0
    """Market-by-order records."""
    others: dict[str, int] = field(default_factory=dict)
    """Name of the record type → other records, used or of no use here."""
    unknown: dict[int, int] = field(default_factory=dict)
    """Record type → records of a type DBN does not have."""
    unknown_roots: int = 0
    reassigned: int = 0
    superseded: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a feed has come."""

    feed: str
    bytes_done: int
    bytes_total: int
    """Of all files of the feed, as they are stored."""
    counts: Counts
    """Live: changes as the reading goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the process around a source may ask of it. Called from the worker's thread."""

    may_read: Callable[[], bool] = lambda: True
    """False holds reading until it is true again: the sinks cannot follow."""
    stop: Callable[[], bool] = lambda: False
    """True ends the input cleanly, to be resumed."""
    on_progress: Callable[[Progress], None] | None = None
    """Called after every batch."""
    on_fault: Callable[[IfdError], None] | None = None
    """Given what makes a file unreadable; the input then ends as if the file did, so that what
    was read is kept. Without it the error ends the dataflow."""
    clock_ns: Callable[[], int] = monotonic_ns
    """Wall time for the pace and the status."""


class DbnFileSource(FixedPartitionedSource[Keyed, dict[str, Any]]):
    """DBN files of one or several feeds, in shards, and how each of them does.

    The status goes to the lowest shard alone, so that it is told once.

    Raises:
        FeedError: at construction, where a file is missing or cannot be read.
        ValueError: two feeds have the same name.
    """

    def __init__(self, configs: Sequence[DbnFileConfig], hooks: Hooks | None = None) -> None:
        self._configs = {config.feed: config for config in configs}
        if len(self._configs) != len(configs):
            names = [config.feed for config in configs]
            raise ValueError(f"feed must differ from source to source, was {names}")
        self._hooks = hooks or Hooks()
        for config in configs:
            for path in config.paths:
                stored_bytes(path)

    def list_parts(self) -> list[str]:
        """Names of the feeds."""
        return list(self._configs)

    def build_part(
        self,
        step_id: str,
        for_part: str,
        resume_state: dict[str, Any] | None,
    ) -> "ToldPartition":
        """Open the files of a feed, where it was left."""
        config = self._configs[for_part]
        return ToldPartition(
            DbnFilePartition(config, self._hooks, resume_state), config, self._hooks
        )


class ToldPartition(StatefulSourcePartition[Keyed, dict[str, Any]]):
    """A feed that says how it does: with its first records, once a second, and at its end."""

    def __init__(self, records: "DbnFilePartition", config: DbnFileConfig, hooks: Hooks) -> None:
        self._records = records
        self._files = len(config.paths)
        self._hooks = hooks
        self._teller = StatusTeller(config.feed, hooks.clock_ns)
        self._is_over = False

    def next_batch(self) -> list[Keyed]:
        """As the feed's, and its status where that is due.

        Raises:
            StopIteration: the call before told the end.
            FeedError: as the feed's.
        """
        if self._is_over:
            raise StopIteration
        try:
            out = self._records.next_batch()
        except StopIteration:
            self._is_over = True
            return [self._told("stopped", self._ending())]
        self._teller.note([item.rows for _, item in out if isinstance(item, MboRows)])
        if self._teller.is_due():
            out.append(self._told("replay", self._standing()))
        return out

    def next_awake(self) -> datetime | None:
        """As the feed's; the end waits for nothing."""
        return None if self._is_over else self._records.next_awake()

    def snapshot(self) -> dict[str, Any]:
        """As the feed's: when it was told last is no part of it."""
        return self._records.snapshot()

    def close(self) -> None:
        """As the feed's."""
        self._records.close()

    def _told(self, state: Literal["replay", "stopped"], text: str) -> Keyed:
        return shard_key(0), self._teller.message(state, self._records.counts.records, text)

    def _standing(self) -> str:
        if not self._hooks.may_read():
            return "reading waits until the sinks have caught up"
        progress = self._records.progress()
        percent = 100 * progress.bytes_done // max(progress.bytes_total, 1)
        return f"{percent} % of {self._files} {'file' if self._files == 1 else 'files'} read"

    def _ending(self) -> str:
        if self._records.has_failed:
            return "a file could not be read on"
        return "stopped where it stood" if self._hooks.stop() else "all files read"


class DbnFilePartition(StatefulSourcePartition[Keyed, dict[str, Any]]):
    """One feed. State: position, counts and the root table; one chunk of bytes is in memory."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self, config: DbnFileConfig, hooks: Hooks, state: dict[str, Any] | None = None
    ) -> None:
        self._config = config
        self._hooks = hooks
        self._keys = [shard_key(shard) for shard in range(config.roots.shards)]
        self._pace = None if config.speed is None else Pace(config.speed, hooks.clock_ns)
        self._is_waiting = False
        self._epoch_rows = 0
        self._fault: FeedError | None = None
        self.has_failed = False
        """A file could not be read on, and a hook took the error."""
        self._stream = DbnStream(
            config.feed,
            config.paths,
            chunk_rows=config.batch_rows,
            skip_unknown=config.skip_unknown,
            may_grow=config.may_grow,
        )
        self._table = RootTable(config.feed, config.roots)
        self.counts = Counts()
        if state is not None:
            self._restore(state)

    def next_batch(self) -> list[Keyed]:
        """What comes next, at most `batch_rows` records; empty while nothing may be given out.

        Raises:
            StopIteration: the files end, or a stop was asked for.
            FeedError: a file cannot be read on, and no hook takes the error.
        """
        self._is_waiting = False
        room_rows = self._config.rows_per_epoch_max - self._epoch_rows
        if self._hooks.stop():
            raise StopIteration
        if room_rows <= 0 or not self._hooks.may_read():
            return []
        self._fill()
        out = self._take(min(room_rows, self._config.batch_rows))
        if not out and not self._is_waiting:
            # That was a header; an empty batch would cost a pause.
            self._fill()
            out = self._take(min(room_rows, self._config.batch_rows))
        if self._hooks.on_progress is not None:
            self._hooks.on_progress(self.progress())
        return [(self._keys[shard], item) for shard, item in out]

    def next_awake(self) -> datetime | None:
        """When the next record is due, at most 100 ms from now; None if it need not wait."""
        if self._pace is None or not self._is_waiting:
            return None
        return datetime.now(UTC) + timedelta(microseconds=self._pace.wait_ns() / 1000)

    def snapshot(self) -> dict[str, Any]:
        """Position after what was given out last; a new epoch begins."""
        self._epoch_rows = 0
        counts = self.counts
        return {
            "version": self.STATE_VERSION,
            "position": self._stream.position(),
            "counts": (counts.records, dict(counts.others), dict(counts.unknown)),
            "roots": self._table.snapshot(),
        }

    def close(self) -> None:
        """Close the file being read."""
        self._stream.close()

    def _restore(self, state: dict[str, Any]) -> None:
        feed = self._config.feed
        if state["version"] != self.STATE_VERSION:
            found = f"state has version {state['version']}, expected {self.STATE_VERSION}"
            raise StateError(f"feed {feed}: {found}; start with a fresh recovery store")
        records, others, unknown = state["counts"]
        self.counts = Counts(records, dict(others), dict(unknown))
        self._table = RootTable(feed, self._config.roots, state["roots"])
        header = self._stream.go_to(state["position"])
        if header is not None:
            self._table.on_header(header, resumed=True)

    def _fill(self) -> None:
        """Make sure that something is held.

        Raises:
            StopIteration: the files end, or a hook took the error.
            FeedError: as `next_batch`.
        """
        try:
            if self._fault is not None:
                raise self._fault
            if self._stream.fill():
                return
        except FeedError as error:
            if self._hooks.on_fault is None:
                raise
            self.has_failed = True
            self._hooks.on_fault(error)
        raise StopIteration

    def _take(self, rows_max: int) -> list[Sharded]:
        """Give out what is held and due, at most so many records, and move the position."""
        out: list[Sharded] = []
        rows_left = rows_max
        try:
            while (
                rows_left > 0 and not self._is_waiting and (head := self._stream.head) is not None
            ):
                if isinstance(head, np.ndarray):
                    rows_left -= self._take_rows(head[:rows_left], out)
                else:
                    assert not isinstance(head, WithRaw), "nobody asked for the bytes"
                    self._take_item(head, out)
        except FeedError as error:
            # What was given out before it goes on its way; the next call raises it.
            self._fault = error
        return out

    def _take_rows(self, rows: MboBatch, out: list[Sharded]) -> int:
        """Give out those of `rows` that are due; how many."""
        due_rows = rows.size if self._pace is None else self._pace.due_rows(rows)
        self._is_waiting = due_rows < rows.size
        if due_rows > 0:
            out += self._table.on_rows(rows[:due_rows])
            self._stream.advance(due_rows)
            self.counts.records += due_rows
            self._epoch_rows += due_rows
        return due_rows

    def _take_item(self, item: Header | Rare, out: list[Sharded]) -> None:
        """Give out, or only count, what is no market-by-order record. Ticks keep their time."""
        if isinstance(item, Tick) and self._pace is not None:
            self._is_waiting = not self._pace.is_due(item.ts_event)
            if self._is_waiting:
                return
        if isinstance(item, Header):
            out += self._table.on_header(item)
        elif isinstance(item, Skipped) and item.name is None:
            _add_one(self.counts.unknown, item.rtype)
        elif isinstance(item, Skipped | Notice):
            _add_one(self.counts.others, str(item.name))
        else:
            _add_one(self.counts.others, NAMES[type(item)])
            out += self._table.on_item(item)
        self._stream.advance()

    def progress(self) -> Progress:
        """How far it has come."""
        self.counts.unknown_roots = self._table.unknown_roots
        self.counts.reassigned = self._table.reassigned
        self.counts.superseded = self._table.superseded
        stream = self._stream
        done, total = stream.stored_bytes_done, stream.stored_bytes_total
        return Progress(self._config.feed, done, total, self.counts)


def _add_one(counts: dict[Any, int], key: object) -> None:
    counts[key] = counts.get(key, 0) + 1

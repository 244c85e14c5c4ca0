"""A source in memory that hands out bursts at intended times, and a sink that notes arrivals."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter_ns
from typing import Any, Final

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from connectors.roots import RootTable, Sharded
from operators.model.hashing import shard_key
from operators.model.items import MboRows
from operators.model.records import F_LAST, NS_PER_S, MboBatch
from operators.model.signals import Execution, Signal
from operators.model.streams import Flowing, Message

LEAD_NS: Final = 300_000_000
"""Between the opening's end and the first burst."""


@dataclass(slots=True)
class Schedule:
    """Bursts of records, when each was meant to be sent, and when what came of it arrived."""

    bursts: list[MboBatch]
    interval_ns: int
    start_ns: int = 0
    """Of the first burst; set when the opening has passed through."""
    first_ts: list[int] = field(default_factory=list)
    """ts_event of the first record of each burst."""
    sent: int = -1
    """The latest burst that was handed out."""
    latencies_ns: list[int] = field(default_factory=list)
    """Of each message of an event stream, or of each batch where there are no steps."""

    def due_ns(self, burst: int) -> int:
        """When the burst is meant to be sent, whether or not it was."""
        return self.start_ns + burst * self.interval_ns

    def burst_of(self, ts_event: int) -> int:
        """The burst that told what stands at this time; −1 if that was the opening.

        A pane's end was told by whatever record of the root came next, so by the latest burst.
        """
        if ts_event % NS_PER_S == 0:
            return self.sent
        return int(np.searchsorted(np.asarray(self.first_ts), ts_event, side="right")) - 1


def scheduled(rows: MboBatch, burst_rows: int, interval_ns: int) -> Schedule:
    """Bursts of about `burst_rows` records, cut where an event and its instant end."""
    ts = np.maximum.accumulate(rows["ts_event"])
    ends = np.flatnonzero((rows["flags"][:-1] & F_LAST != 0) & (ts[1:] > ts[:-1])) + 1
    wanted = np.arange(burst_rows, rows.size, burst_rows)
    places = np.searchsorted(ends, wanted)
    stops = np.unique(ends[places[places < ends.size]])
    bursts = np.split(rows, stops)[:-1]
    firsts = [int(burst["ts_event"][0]) for burst in bursts]
    return Schedule(bursts, interval_ns, first_ts=firsts)


class PacedSource(FixedPartitionedSource[tuple[str, Flowing], None]):
    """The opening as fast as possible, then each burst at its time."""

    def __init__(
        self, schedule: Schedule, opening: list[Sharded], table: RootTable, batch_rows: int
    ) -> None:
        self._part = _PacedPart(schedule, opening, table, batch_rows)

    def list_parts(self) -> list[str]:
        """One."""
        return ["bench"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_PacedPart":
        """The one part."""
        return self._part


class _PacedPart(StatefulSourcePartition[tuple[str, Flowing], None]):
    def __init__(
        self, schedule: Schedule, opening: list[Sharded], table: RootTable, batch_rows: int
    ) -> None:
        self._schedule = schedule
        self._opening = opening[::-1]
        self._table = table
        self._batch_rows = batch_rows
        self._burst = 0
        self._rest: MboBatch | None = None

    def next_batch(self) -> list[tuple[str, Flowing]]:
        """What is due, at most `batch_rows` records."""
        schedule = self._schedule
        if self._opening:
            shard, item = self._opening.pop()
            return [(shard_key(shard), item)]
        if schedule.start_ns == 0:
            schedule.start_ns = perf_counter_ns() + LEAD_NS
        if self._burst == len(schedule.bursts):
            raise StopIteration
        if perf_counter_ns() < schedule.due_ns(self._burst):
            return []
        rows = schedule.bursts[self._burst] if self._rest is None else self._rest
        schedule.sent = self._burst
        self._rest = rows[self._batch_rows :]
        if self._rest.size == 0:
            self._rest = None
            self._burst += 1
        sharded = self._table.on_rows(rows[: self._batch_rows])
        return [(shard_key(shard), item) for shard, item in sharded]

    def next_awake(self) -> datetime | None:
        """When the next burst is due."""
        if self._opening or self._schedule.start_ns == 0 or self._rest is not None:
            return None
        if self._burst == len(self._schedule.bursts):
            return None
        wait_ns = self._schedule.due_ns(self._burst) - perf_counter_ns()
        return datetime.now(UTC) + timedelta(microseconds=min(max(wait_ns, 0), 100_000_000) / 1000)

    def snapshot(self) -> None:
        """Nothing is resumed."""


class ArrivalSink(DynamicSink[tuple[str, Flowing]]):
    """Notes when messages of event streams, or records where no step takes them, arrive."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_ArrivalPart":
        """One part."""
        return _ArrivalPart(self._schedule)


class _ArrivalPart(StatelessSinkPartition[Any]):
    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def write_batch(self, items: list[Any]) -> None:
        """Called once per activation: all items of it arrive now."""
        now_ns = perf_counter_ns()
        schedule = self._schedule
        if schedule.start_ns == 0:
            return
        for _, item in items:
            if isinstance(item, Message) and isinstance(item.value, Signal | Execution):
                burst = schedule.burst_of(item.value.ts_event)
            elif isinstance(item, MboRows):
                burst = schedule.burst_of(int(item.rows["ts_event"][0]))
            else:
                continue
            if burst >= 0:
                schedule.latencies_ns.append(now_ns - schedule.due_ns(burst))

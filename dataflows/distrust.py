"""Books that a new generation did not take over: the feed says that they lack what was before.

Without it they would start empty and look whole.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.dbn_file import Keyed
from dataflows.output_version import ANEW
from operators.model.controls import FeedGap, gap_controls
from operators.model.hashing import shard_key
from operators.model.items import MboRows


class DistrustingSource(FixedPartitionedSource[Keyed, dict[str, Any]]):
    """A source that begins, where its state was taken over without books, with a gap."""

    def __init__(self, source: FixedPartitionedSource[Keyed, dict[str, Any]], shards: int) -> None:
        self._source = source
        self._shards = shards

    def list_parts(self) -> list[str]:
        """As the source."""
        return self._source.list_parts()

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> StatefulSourcePartition[Keyed, dict[str, Any]]:
        """As the source, if there is nothing to distrust."""
        if resume_state is None or ANEW not in resume_state:
            return self._source.build_part(step_id, for_part, resume_state)
        state = {name: value for name, value in resume_state.items() if name != ANEW}
        part = self._source.build_part(step_id, for_part, state)
        return DistrustingPart(part, for_part, tuple(resume_state[ANEW]), self._shards)


class DistrustingPart(StatefulSourcePartition[Keyed, dict[str, Any]]):
    """A partition whose first records follow a gap of all instruments known before.

    Its snapshots before the first record keep the gap, those after it do not.
    """

    def __init__(
        self,
        part: StatefulSourcePartition[Keyed, dict[str, Any]],
        feed: str,
        ids: tuple[int, ...],
        shards: int,
    ) -> None:
        self._part = part
        self._feed = feed
        self._ids = ids
        self._shards = shards

    def next_batch(self) -> Iterable[Keyed]:
        """As the partition; before the first record, the gap, at its time."""
        batch = list(self._part.next_batch())
        if not self._ids:
            return batch
        for _, item in batch:
            if isinstance(item, MboRows):
                first = self._gap(int(item.rows["ts_event"][0]))
                self._ids = ()
                return [*first, *batch]
        return batch

    def next_awake(self) -> datetime | None:
        """As the partition."""
        return self._part.next_awake()

    def snapshot(self) -> dict[str, Any]:
        """As the partition."""
        state = self._part.snapshot()
        return {**state, ANEW: self._ids} if self._ids else state

    def close(self) -> None:
        """As the partition."""
        self._part.close()

    def _gap(self, ts_event: int) -> list[Keyed]:
        gap = FeedGap(reason="snapshot", from_ns=ts_event, to_ns=ts_event, instruments=self._ids)
        controls = gap_controls(self._feed, ts_event, gap)
        return [
            (shard_key(shard), control) for shard in range(self._shards) for control in controls
        ]

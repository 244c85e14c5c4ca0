"""History as a source of the dataflow: a stretch of time, in shards, as a live feed would bring it.

Delivery: effectively once for the stretch; a stop begins it anew, so callers keep stretches short.
Unit of parallelism: one partition, the feed.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.databento.history import HistoryFeed
from connectors.databento.messages import Notice, Skipped, SymbolMapping
from connectors.dbn_file import Counts, Hooks, Keyed, Progress
from connectors.root_rules import RootsConfig
from connectors.roots import RootTable, Sharded
from operators.model.hashing import shard_key
from operators.model.items import Control, Definition, MarketStatus, Statistic, Tick

ROWS: Final = 65_536
"""Records given out at once."""
_LOOK: Final = timedelta(milliseconds=20)
"""Between two looks whether a download has come."""


class HistorySource(FixedPartitionedSource[Keyed, dict[str, Any]]):
    """One stretch of history of one feed; `opened` begins its download."""

    def __init__(
        self,
        feed: str,
        opened: Callable[[], HistoryFeed],
        roots: RootsConfig,
        hooks: Hooks,
        windows: int,
    ) -> None:
        """`windows` is how many downloads there will be: what progress is counted in."""
        self._windows = windows
        self._feed = feed
        self._opened = opened
        self._roots = roots
        self._hooks = hooks

    def list_parts(self) -> list[str]:
        """The feed alone."""
        return [self._feed]

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "HistoryPart":
        """Begin the stretch, with the roots known before."""
        table = RootTable(
            self._feed, self._roots, None if resume_state is None else resume_state["roots"]
        )
        return HistoryPart(
            self._feed, self._opened(), table, self._roots.shards, self._hooks, self._windows
        )


class HistoryPart(StatefulSourcePartition[Keyed, dict[str, Any]]):
    """Records of the stretch. State: the root table; what the feed downloads is in files."""

    def __init__(
        self,
        name: str,
        feed: HistoryFeed,
        table: RootTable,
        shards: int,
        hooks: Hooks,
        windows: int,
    ) -> None:
        self._name = name
        self._windows = windows
        self._history = feed
        self._table = table
        self._keys = [shard_key(shard) for shard in range(shards)]
        self._hooks = hooks
        self._is_idle = False

    def next_batch(self) -> list[Keyed]:
        """What has been downloaded since; never waits.

        Raises:
            StopIteration: All has been given out, a stop was asked for, or a hook took the error.
            HistoryError: History cannot go on, and no hook takes the error.
        """
        if self._hooks.stop():
            raise StopIteration
        pieces = self._history.next(ROWS)
        self._is_idle = not pieces
        if not pieces:
            error = self._history.error
            if error is not None:
                if self._hooks.on_fault is None:
                    raise error
                self._hooks.on_fault(error)
            if error is not None or self._history.is_done:
                raise StopIteration
        out: list[Sharded] = []
        for piece in pieces:
            if isinstance(piece, np.ndarray):
                out += self._table.on_rows(piece)
                continue
            item, _ = piece
            if isinstance(
                item, SymbolMapping | Definition | MarketStatus | Statistic | Tick | Control
            ):
                out += self._table.on_item(item)
            else:
                assert isinstance(item, Notice | Skipped), "history brings nothing else"
        if pieces and self._hooks.on_progress is not None:
            done, counts = self._history.counts.windows, Counts(self._history.counts.given)
            self._hooks.on_progress(Progress(self._name, done, self._windows, counts))
        return [(self._keys[shard], item) for shard, item in out]

    def next_awake(self) -> datetime | None:
        """At once after records, else a little later."""
        return datetime.now(UTC) + _LOOK if self._is_idle else None

    def snapshot(self) -> dict[str, Any]:
        """What is known of roots."""
        return {"roots": self._table.snapshot()}

    def close(self) -> None:
        """Give up what is left."""
        self._history.close()

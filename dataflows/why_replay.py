"""Replays a root up to one of its signals, to the record, and keeps what stood around it.

The operators are those of every run, without the engine: so the book can be looked at between any
two records, and the input can be cut to single records where the signal is near. How it is cut
changes nothing of what comes out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from config.settings import Settings
from connectors.dbn_file import DbnFileConfig, DbnFilePartition, Hooks, Keyed, Progress
from connectors.tape.listing import may_grow
from dataflows.chain import Chain, steps_of
from dataflows.distrust import DistrustingPart
from dataflows.edges import roots_of
from dataflows.output_version import ANEW
from dataflows.published_signal import Revision
from dataflows.why_start import Start
from operators.baseline_history import HistoryTable
from operators.book import Book
from operators.book_levels import Rest
from operators.model.items import MboRows, Tick
from operators.model.records import F_LAST, MBO_DTYPE, NS_PER_S, MboBatch
from operators.model.signals import Signal
from operators.model.streams import SIGNALS, Flowing, Message
from sinks.codec import encode

BEFORE_ROWS: Final = 40
"""Records of the signal's contract kept before the signal, itself included."""
AFTER_ROWS: Final = 5
LEVELS: Final = 5
"""Of the books that are shown."""
_NEAR_NS: Final = 10_000_000
"""So long before the signal's time the input is cut into single records."""
_GIVEN_UP_NS: Final = 3 * NS_PER_S
"""So long after the signal's time the replay has not made it."""

Depth = tuple[list[Rest], list[Rest]]
"""Bids and asks, best first."""


@dataclass(slots=True)
class Replayed:
    """What came of a replay."""

    start: Start
    values: dict[int, bytes] = field(default_factory=dict)
    """Number of a signal message of the root → its bytes, those before the one asked for too."""
    reached: bool = False
    """The place of the signal has been passed: what is not there was not made."""
    rows: MboBatch = field(default_factory=lambda: np.zeros(0, MBO_DTYPE))
    """Records of the signal's contract around it."""
    at_row: int = 0
    """How many of them came before the signal was made, the one that made it included."""
    book_before: Depth | None = None
    """Of the contract, before the event whose record made the signal."""
    book: Depth | None = None
    """When the signal was made."""
    records: int = 0
    """Of the shard, from the beginning on."""


def replay(
    settings: Settings,
    start: Start,
    signal: Revision,
    history: HistoryTable | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Replayed:
    """Replay from a start until the message's number has come out, or its time is well past.

    Args:
        settings: With the parameters that made the signal.
        start: Where to begin.
        signal: As it was published.
        history: Baseline that a fresh beginning starts from.
        on_progress: Called as the files are read.

    Raises:
        IfdError: State, tape or files cannot be read.
    """
    look = _Look(settings, start, signal, history)
    source = _partition(settings, start, Hooks(on_progress=on_progress))
    try:
        for item in _items(source, start.shard):
            if look.on_item(item):
                break
    finally:
        source.close()
    return look.found


class _Look:
    """What is kept while items pass."""

    def __init__(
        self, settings: Settings, start: Start, signal: Revision, history: HistoryTable | None
    ) -> None:
        quiet = settings.model_copy(
            update={
                "pressure": replace(settings.pressure, publish=False),
                "book": replace(settings.book, levels_published=0),
            }
        )
        self._chain = Chain(steps_of(quiet, history), start.steps)
        self._root, self._seq = signal.fields["root"], signal.seq
        self._ts_ns = int(signal.fields["ts_event"])
        self._contract = int(signal.fields["contract"]["instrument_id"])
        self._feed = start.feed
        self._is_near = self._is_made = False
        self._is_event_open = False
        self._left = AFTER_ROWS
        self.found = Replayed(start)

    def on_item(self, item: Flowing) -> bool:
        """Take the next item of the shard; True when no more is needed."""
        if not isinstance(item, MboRows):
            return self._passed(item, item.ts_event if isinstance(item, Tick) else 0)
        rows, at = item.rows, 0
        if not self._is_near:
            near = np.flatnonzero(rows["ts_event"].astype(np.int64) >= self._ts_ns - _NEAR_NS)
            at = int(near[0]) if near.size else rows.size
            self._is_near = near.size > 0
            if at and self._passed(MboRows(item.feed, rows[:at]), 0):
                return True
        return any(self._on_row(item.feed, rows[n : n + 1]) for n in range(at, rows.size))

    def _on_row(self, feed: str, row: MboBatch) -> bool:
        is_own = int(row["instrument_id"][0]) == self._contract
        if self._is_made:
            # Only to be shown: the chain has done its part.
            if is_own:
                self.found.rows = np.concatenate([self.found.rows, row])
                self._left -= 1
            late = int(row["ts_event"][0]) > self._ts_ns + _GIVEN_UP_NS
            return self._left <= 0 or late
        if is_own and not self._is_event_open:
            self.found.book_before = self._depth()
        if is_own:
            self._is_event_open = not int(row["flags"][0]) & F_LAST
        return self._passed(MboRows(feed, row), int(row["ts_event"][0]))

    def _passed(self, item: Flowing, ts_ns: int) -> bool:
        """Let an item through the chain; True when the place of the signal lies well behind."""
        if self._is_made:
            return ts_ns > self._ts_ns + _GIVEN_UP_NS
        found = self.found
        if isinstance(item, MboRows):
            found.records += item.rows.size
            own = item.rows[item.rows["instrument_id"] == self._contract]
            if own.size:
                found.rows = np.concatenate([found.rows, own])[-BEFORE_ROWS:]
        for message in self._chain.on_item(item):
            if isinstance(message, Message) and message.stream == SIGNALS:
                assert isinstance(message.value, Signal)
                if message.root == self._root:
                    found.values[message.seq] = encode(message)
        is_late = ts_ns > self._ts_ns + _GIVEN_UP_NS
        if max(found.values, default=0) >= self._seq or is_late:
            found.reached = self._is_made = True
            found.at_row = found.rows.size
            found.book = self._depth()
        # Where its number has come long before its time there is nothing to be shown around it.
        return is_late or (self._is_made and not self._is_near)

    def _depth(self) -> Depth:
        book = self._chain.operators["book"]
        assert isinstance(book, Book)
        return book.depth(self._feed, self._contract, LEVELS)


def _partition(settings: Settings, start: Start, hooks: Hooks) -> Any:
    """The files as a feed, from where the start says."""
    config = DbnFileConfig(
        feed=start.feed,
        paths=start.paths,
        batch_rows=settings.source.batch_rows,
        rows_per_epoch_max=2**62,
        may_grow=may_grow(start.paths),
        roots=roots_of(settings),
    )
    state = start.source
    anew = () if state is None else state.get(ANEW, ())
    if state is not None:
        state = {name: value for name, value in state.items() if name != ANEW}
    part = DbnFilePartition(config, hooks, state)
    shards = settings.flow.shards
    return DistrustingPart(part, start.feed, tuple(anew), shards) if anew else part


def _items(source: Any, shard: str) -> Iterator[Flowing]:
    """What the files bring to one shard."""
    while True:
        try:
            batch: list[Keyed] = source.next_batch()
        except StopIteration:
            return
        for key, item in batch:
            if key == shard:
                yield item

"""Analyze: evidence of each root becomes signals, revised while they last.

In: `Findings`, ticks, definitions and messages of earlier steps. Out: `signals` messages in place
of the findings; every message of an event stream stamped with its seq; other items unchanged.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np

from operators.analyze_config import AnalyzeConfig
from operators.detectors.points import read_only
from operators.kernels import entry
from operators.model.controls import DELAYED, delayed_of
from operators.model.evaluations import DIRTY, FAULT, FAULTS, PANE
from operators.model.items import (
    Control,
    Definition,
    Findings,
    Instrument,
    Lateness,
    Report,
    Tick,
)
from operators.model.signals import Contract, Gap, Signal
from operators.model.streams import EVENT_STREAMS, SIGNALS, Flowing, Message
from operators.signal_book import NEVER, SignalBook

_E18: Final = 1e18


class Analyze:
    """Weigh the evidence of each root and publish what is likely: analyzer and signal generator.

    At each observation the evidence of its side within `life.window_ns` becomes log-odds (`weigh`)
    and a probability p = 1/(1 + exp(−log-odds)), marked uncalibrated with the interval 0…1. From
    0.6 on there is a signal, one per (root, side, kind). Panes and ticks tell the time that closes
    signals; a book that turns dirty takes back the signals that rested on it; a gap whose
    beginning is known those that rested on what came after it, also if they were closed at most
    `life.look_back_ns` ago. Signals made while the feed gives history say so. All of it is in data
    time and in the order of rows, so that it never depends on where the input was cut.

    Messages that pass while their feed is late are marked: on the envelope, in no state.

    State: per root at most 2 · `evidence_max` pieces of evidence, one signal per side and kind,
    `look_back_max` closed ones and a counter per stream; what each instrument is worth.

    References:
        Log-odds of independent evidence add (Good 1950, weight of evidence); groups are capped
        because theirs is not independent.
    """

    STATE_VERSION: ClassVar[int] = 2

    def __init__(self, config: AnalyzeConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._books: dict[int, SignalBook] = {}
        self._due = np.zeros(0, np.int64)
        self._index_of: dict[str, int] = {}
        """Root → its place in `_books`, once it has a book."""
        self._feed_of: dict[str, str] = {}
        self._delayed: set[str] = set()
        self._late: set[str] = set()
        self._seq: dict[tuple[str, str], int] = {}
        self._worth: dict[tuple[str, int], tuple[str, int | None, int | None, str]] = {}
        """(Feed, instrument) → symbol, tick, point value (1e-9) and currency."""
        self._counts: Counter[str] = Counter()
        if state is not None:
            self._restore(state)

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of the shard in order → messages stamped, findings replaced by signals."""
        out: list[Flowing] = []
        for item in items:
            if isinstance(item, Findings):
                self._on_findings(item, out)
            elif isinstance(item, Message):
                out.append(self._stamped(item))
                if isinstance(item.value, Gap):
                    self._on_gap(item.value, out)
            else:
                if isinstance(item, Tick):
                    self._on_tick(item, out)
                elif isinstance(item, Instrument):
                    self._learn(item)
                elif isinstance(item, Control) and item.name == DELAYED:
                    self._on_delayed(item)
                elif isinstance(item, Lateness):
                    self._on_lateness(item)
                elif isinstance(item, Definition):
                    worth = (item.symbol, item.tick_e9, item.point_value_e9, item.currency)
                    self._worth[item.feed, item.instrument_id] = worth
                out.append(item)
        return out

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        return {
            "books": tuple((index, book.pack()) for index, book in self._books.items()),
            "seq": tuple(sorted((*key, seq) for key, seq in self._seq.items())),
            "worth": tuple(self._worth.items()),
            "counts": tuple(sorted(self._counts.items())),
            "feeds": tuple(self._feed_of.items()),
            "delayed": tuple(sorted(self._delayed)),
        }

    @staticmethod
    def carried(state: dict[str, Any]) -> dict[str, Any]:
        """Of a snapshot, what holds in a new generation: what instruments are worth.

        Signals and sequence numbers begin anew.
        """
        return {**state, "books": (), "seq": (), "counts": (), "clocks": ()}

    def report(self) -> Report:
        """Messages by stream, signals by change, evidence weighed and dropped."""
        streams: Counter[str] = Counter()
        for (stream, _), seq in self._seq.items():
            streams[stream] += seq
        books = self._books.values()
        return Report(
            "analyze",
            {
                "messages": dict(streams),
                "signals": {
                    name: self._counts[name]
                    for name in ("opened", "updated", "closed", "retracted")
                },
                "evidence": self._counts["evidence"],
                "evidence_dropped": sum(book.dropped for book in books),
                "closed_forgotten": sum(book.forgotten for book in books),
                "open": sum(len(book.open) for book in books),
            },
        )

    def _on_findings(self, item: Findings, out: list[Flowing]) -> None:
        if not self._books and not item.observations:
            return
        evaluations = item.evaluations
        rows = read_only(evaluations.rows)
        self._grow_due(len(evaluations.roots))
        start = 0
        for observation in item.observations:
            self._on_rows(rows, start, observation.row, out)
            start = observation.row + 1
            row = rows[observation.row]
            root = int(row["root"])
            book = self._books.get(root)
            if book is None:
                book = self._book(root, evaluations.roots[root], evaluations.feed)
            assert book.root == evaluations.roots[root], "roots never reorder"
            self._counts["evidence"] += 1
            self._publish(root, book.observe(observation, int(row["ts_event"])), out)
        self._on_rows(rows, start, rows.size, out)

    def _on_rows(self, rows: Any, start: int, stop: int, out: list[Flowing]) -> None:
        """Panes that end something, and books that turn dirty, in rows [start, stop)."""
        while (start := _next_point(rows, start, stop, self._due)) < stop:
            row = rows[start]
            root, now_ns = int(row["root"]), int(row["ts_event"])
            book = self._books[root]
            if row["kind"] == FAULT:
                instrument_id = int(row["instrument_id"])
                symbol = self._symbol(book.feed, instrument_id)
                self._publish(root, book.distrust(instrument_id, symbol, now_ns), out)
            else:
                self._publish(root, book.advance(now_ns), out)
            start += 1

    def _on_tick(self, item: Tick, out: list[Flowing]) -> None:
        for root, book in self._books.items():
            if book.feed == item.feed and self._due[root] <= item.ts_event:
                self._publish(root, book.advance(item.ts_event), out)

    def _on_gap(self, gap: Gap, out: list[Flowing]) -> None:
        """What is known since when it is wrong; of other faults the rows tell."""
        root = self._index_of.get(gap.root)
        if root is not None and gap.change == "opened" and gap.ts_from is not None:
            self._publish(root, self._books[root].doubt(gap, gap.ts_from), out)

    def _on_delayed(self, item: Control) -> None:
        on = delayed_of(item)
        (self._delayed.add if on else self._delayed.discard)(item.feed)
        for book in self._books.values():
            book.delayed = book.feed in self._delayed

    def _on_lateness(self, item: Lateness) -> None:
        (self._late.add if item.late else self._late.discard)(item.feed)

    def _publish(self, root: int, signals: list[Signal], out: list[Flowing]) -> None:
        self._due[root] = self._books[root].due_ns()
        for signal in signals:
            self._counts[signal.change] += 1
            out.append(self._stamped(Message(SIGNALS, signal.root, 0, signal)))

    def _stamped(self, message: Message) -> Message:
        late = False
        if self._late:
            # A feed's status is keyed by the feed, which is no root.
            late = self._feed_of.get(message.root, message.root) in self._late
        if message.stream not in EVENT_STREAMS:
            return replace(message, late=True) if late else message
        key = (message.stream, message.root)
        seq = self._seq[key] = self._seq.get(key, 0) + 1
        return Message(message.stream, message.root, seq, message.value, late)

    def _book(self, index: int, root: str, feed: str) -> SignalBook:
        """A new book of a root, in its place."""
        config = self._config
        self._feed_of[root] = feed
        self._index_of[root] = index
        book = self._books[index] = SignalBook(
            root,
            feed,
            config.weights,
            config.life,
            config.params,
            partial(self._contract, feed),
            delayed=feed in self._delayed,
        )
        return book

    def _contract(
        self, feed: str, instrument_id: int, symbol: str, price_e9: int, size: int
    ) -> Contract:
        unknown = (symbol, None, None, "")
        _, tick_e9, point_e9, currency = self._worth.get((feed, instrument_id), unknown)
        tick_value = notional = None
        if point_e9 is not None:
            notional = round(size * abs(price_e9) * point_e9 / _E18, 2)
            if tick_e9 is not None:
                tick_value = tick_e9 * point_e9 / _E18
        return Contract(
            instrument_id=instrument_id,
            symbol=symbol,
            tick_e9=tick_e9,
            tick_value=tick_value,
            currency=currency,
            notional=notional,
        )

    def _learn(self, item: Instrument) -> None:
        self._feed_of[item.root] = item.feed
        _, tick, point, currency = self._worth.get(
            (item.feed, item.instrument_id), ("", None, None, "")
        )
        self._worth[item.feed, item.instrument_id] = (item.symbol, tick, point, currency)

    def _symbol(self, feed: str, instrument_id: int) -> str:
        known = self._worth.get((feed, instrument_id))
        return known[0] if known and known[0] else str(instrument_id)

    def _grow_due(self, roots: int) -> None:
        if roots > self._due.size:
            due = np.full(max(roots, 2 * self._due.size), NEVER, np.int64)
            due[: self._due.size] = self._due
            self._due = due

    def _restore(self, state: dict[str, Any]) -> None:
        self._seq = {(stream, root): seq for stream, root, seq in state["seq"]}
        self._worth = dict(state["worth"])
        self._counts = Counter(dict(state["counts"]))
        self._feed_of = dict(state["feeds"])
        self._delayed = set(state["delayed"])
        for index, plain in state["books"]:
            book = self._book(index, plain[0], plain[1])
            book.unpack(plain)
            self._grow_due(index + 1)
            self._due[index] = book.due_ns()


@entry
def _next_point(rows, start, stop, due):  # type: ignore[no-untyped-def]
    """First row from `start` on at which something ends or is taken back, else `stop`.

    Where the source knows what is missing, the message says what is taken back, not the row.
    """
    for i in range(start, stop):
        row = rows[i]
        if row.kind == PANE:
            if row.ts_event >= due[row.root]:
                return i
        elif row.kind == FAULT and (row.state & DIRTY) != 0 and due[row.root] != NEVER:
            if row.aggressor <= FAULTS:
                return i
    return stop

"""Analyze: evidence of each root becomes signals, revised while they last.

In: `Findings`, ticks, definitions and messages of earlier steps. Out: the rows of the findings as
bare `Evaluations`, `signals` messages and samples in their place between them; every message of an
event stream stamped with its seq; other items unchanged.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np

from operators.activity import Activity
from operators.analyze_config import AnalyzeConfig
from operators.calibration import Scale
from operators.calibration_scales import Scales
from operators.detectors.points import read_only
from operators.kernels import entry
from operators.model.calibration_record import CALIBRATION
from operators.model.controls import DELAYED, delayed_of
from operators.model.evaluations import DIRTY, FAULT, FAULTS, FRONT, PANE
from operators.model.items import (
    Control,
    Definition,
    Findings,
    Instrument,
    Lateness,
    Observation,
    Report,
    Sampled,
    Tick,
)
from operators.model.signals import SIDE_NAMES, Contract, Gap, Side, Signal
from operators.model.streams import SIGNALS, Flowing, Message
from operators.pieces import Pieces
from operators.sampling import CONTROL, is_drawn, mixed, salt_of, side_drawn
from operators.signal_book import NEVER, SignalBook
from operators.stamps import Stamps

_E18: Final = 1e18


class Analyze:
    """Weigh the evidence of each root and publish what is likely: analyzer and signal generator.

    At each observation the evidence of its side within `life.window_ns` becomes log-odds (`weigh`)
    and, by the calibration, a probability with its interval (`Scale`). From the threshold on, which
    comes from the budget of false alarms, there is a signal, one per (root, side, kind). Panes and
    ticks tell the time that closes signals; a book that turns dirty takes back the signals that
    rested on it; a gap whose beginning is known those that rested on what came after it, also if
    they were closed at most `life.look_back_ns` ago. Signals made while the feed gives history say
    so. All of it is in data time and in the order of rows, so that it never depends on where the
    input was cut.

    Of what it observes below the threshold it draws one in `sample_every`, and of the seconds of a
    front future without an open signal one in `control_every`: samples, which `outcome` follows up
    like signals.

    A control record `calibration` gives its feed other steps of `p_move`, and what is stated from
    there on another version; neither `p_flow` nor the threshold changes by it.

    State: per root at most 2 · `evidence_max` pieces of evidence, one signal per side and kind,
    `look_back_max` closed ones and a counter per stream; what each instrument is worth; per feed at
    most two tables of `p_move`.

    References:
        Log-odds of independent evidence add (Good 1950, weight of evidence); groups are capped
        because theirs is not independent.
    """

    STATE_VERSION: ClassVar[int] = 6

    def __init__(self, config: AnalyzeConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        made = None if state is None else state["scales"]
        self._scales = Scales(config.calibration, config.false_alarms_per_day, made)
        self._books: dict[int, SignalBook] = {}
        self._due = np.zeros(0, np.int64)
        self._salt = np.zeros(0, np.int64)
        """By root: what its panes are drawn with; 0 before it has a book."""
        self._index_of: dict[str, int] = {}
        """Root → its place in `_books`, once it has a book."""
        self._delayed: set[str] = set()
        self._stamps = Stamps()
        self._activity = Activity()
        self._worth: dict[tuple[str, int], tuple[str, int | None, int | None, str]] = {}
        """(Feed, instrument) → symbol, tick, point value (1e-9) and currency."""
        self._counts: Counter[str] = Counter()
        if state is not None:
            self._restore(state)

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of the shard in order → messages stamped, signals between the rows."""
        out: list[Flowing] = []
        for item in items:
            if isinstance(item, Findings):
                self._on_findings(item, out)
            elif isinstance(item, Message):
                out.append(self._stamps.stamped(item))
                if isinstance(item.value, Gap):
                    self._on_gap(item.value, out)
            else:
                if isinstance(item, Tick):
                    self._on_tick(item, out)
                elif isinstance(item, Instrument):
                    self._learn(item)
                elif isinstance(item, Control):
                    self._on_control(item)
                elif isinstance(item, Lateness):
                    self._stamps.on_lateness(item)
                elif isinstance(item, Definition):
                    worth = (item.symbol, item.tick_e9, item.point_value_e9, item.currency)
                    self._worth[item.feed, item.instrument_id] = worth
                out.append(item)
        return out

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        seq, feeds = self._stamps.pack()
        return {
            "books": tuple((index, book.pack()) for index, book in self._books.items()),
            "seq": seq,
            "worth": tuple(self._worth.items()),
            "counts": tuple(sorted(self._counts.items())),
            "feeds": feeds,
            "delayed": tuple(sorted(self._delayed)),
            "scales": self._scales.pack(),
            "activity": self._activity.pack(),
        }

    @staticmethod
    def carried(state: dict[str, Any]) -> dict[str, Any]:
        """Of a snapshot, what holds in a new generation: what instruments are worth.

        So do tables of `p_move`, where the calibration stays. Signals, sequence numbers and how
        busy a market is begin anew.
        """
        return {**state, "books": (), "seq": (), "counts": (), "activity": ()}

    def report(self) -> Report:
        """Messages by stream, signals by change, evidence weighed and dropped, samples."""
        streams: Counter[str] = Counter()
        for (stream, _), seq in self._stamps.seq.items():
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
                "samples": self._counts["samples"],
                "controls": self._counts["controls"],
                "evidence_dropped": sum(book.dropped for book in books),
                "calibrations_refused": self._scales.refused,
                "closed_forgotten": sum(book.forgotten for book in books),
                "open": sum(len(book.open) for book in books),
            },
        )

    def _on_findings(self, item: Findings, out: list[Flowing]) -> None:
        evaluations = item.evaluations
        rows = read_only(evaluations.rows)
        classes = self._activity.follow(evaluations)
        pieces = Pieces(evaluations, out)
        if self._books or item.observations:
            self._weigh(item, rows, classes, pieces, out)
        pieces.up_to(rows.size)

    def _weigh(
        self, item: Findings, rows: Any, classes: Any, pieces: Pieces, out: list[Flowing]
    ) -> None:
        evaluations = item.evaluations
        self._grow_due(len(evaluations.roots))
        start = 0
        for observation in item.observations:
            self._on_rows(rows, classes, start, observation.row, pieces, out)
            start = observation.row + 1
            row = rows[observation.row]
            root = int(row["root"])
            book = self._books.get(root)
            if book is None:
                book = self._book(root, evaluations.roots[root], evaluations.feed)
            assert book.root == evaluations.roots[root], "roots never reorder"
            self._counts["evidence"] += 1
            now_ns = int(row["ts_event"])
            book.activity = int(classes[observation.row])
            signals = book.observe(observation, now_ns)
            sample = None if signals else self._sample(book, observation, now_ns)
            if signals or sample is not None:
                pieces.up_to(start)
            self._publish(root, signals, out)
            if sample is not None:
                out.append(sample)
        self._on_rows(rows, classes, start, rows.size, pieces, out)

    def _on_rows(
        self, rows: Any, classes: Any, start: int, stop: int, pieces: Pieces, out: list[Flowing]
    ) -> None:
        """Panes that end something or are drawn, and books that turn dirty, in [start, stop)."""
        every = self._config.control_every
        while (start := _next_point(rows, start, stop, self._due, self._salt, every)) < stop:
            pieces.up_to(start + 1)
            row = rows[start]
            root, now_ns = int(row["root"]), int(row["ts_event"])
            book = self._books[root]
            book.activity = int(classes[start])
            if row["kind"] == FAULT:
                instrument_id = int(row["instrument_id"])
                symbol = self._symbol(book.feed, instrument_id)
                self._publish(root, book.distrust(instrument_id, symbol, now_ns), out)
            else:
                self._publish(root, book.advance(now_ns), out)
                if (sample := self._control(book, row, now_ns)) is not None:
                    out.append(sample)
            start += 1

    def _sample(self, book: SignalBook, observation: Observation, now_ns: int) -> Sampled | None:
        """What was observed, if it is below the threshold and drawn."""
        side = observation.evidence.side
        if side == "none" or not is_drawn(
            book.root, now_ns, observation, self._config.sample_every
        ):
            return None
        verdict = book.verdict(side)
        if verdict is None or book.is_likely(verdict.log_odds):
            return None
        self._counts["samples"] += 1
        lead = verdict.lead
        instrument = lead.evidence.instrument_id, lead.evidence.symbol
        return Sampled(
            feed=book.feed,
            root=book.root,
            contract=self._contract(book.feed, *instrument, lead.mid_e9, verdict.size),
            ts_event=now_ns,
            kind=verdict.kind,
            side=side,
            **_stated(book.scale, verdict.log_odds),
        )

    def _control(self, book: SignalBook, row: Any, now_ns: int) -> Sampled | None:
        """A second of the front future without a signal, if it is drawn, on a side by chance."""
        salt = int(self._salt[row["root"]])
        if not row["state"] & FRONT or row["state"] & DIRTY:
            return None
        if int(mixed(now_ns, salt)) % self._config.control_every:
            return None
        side: Side = SIDE_NAMES[side_drawn(now_ns, salt)]
        verdict = book.verdict(side)
        log_odds = self._config.weights.bias if verdict is None else verdict.log_odds
        if book.open or book.is_likely(log_odds):
            return None
        self._counts["controls"] += 1
        instrument_id = int(row["instrument_id"])
        symbol = self._symbol(book.feed, instrument_id)
        return Sampled(
            feed=book.feed,
            root=book.root,
            contract=self._contract(book.feed, instrument_id, symbol, 0, 0),
            ts_event=now_ns,
            kind=CONTROL,
            side=side,
            **_stated(book.scale, log_odds),
        )

    def _on_tick(self, item: Tick, out: list[Flowing]) -> None:
        for root, book in self._books.items():
            if book.feed == item.feed and self._due[root] <= item.ts_event:
                self._publish(root, book.advance(item.ts_event), out)

    def _on_gap(self, gap: Gap, out: list[Flowing]) -> None:
        """What is known since when it is wrong; of other faults the rows tell."""
        root = self._index_of.get(gap.root)
        if root is not None and gap.change == "opened" and gap.ts_from is not None:
            self._publish(root, self._books[root].doubt(gap, gap.ts_from), out)

    def _on_control(self, item: Control) -> None:
        if item.name == DELAYED:
            on = delayed_of(item)
            (self._delayed.add if on else self._delayed.discard)(item.feed)
            for book in self._books.values():
                book.delayed = book.feed in self._delayed
        elif item.name == CALIBRATION and self._scales.on_control(item):
            for book in self._books.values():
                book.scale = self._scales.of(book.feed)

    def _publish(self, root: int, signals: list[Signal], out: list[Flowing]) -> None:
        self._due[root] = self._books[root].due_ns()
        for signal in signals:
            self._counts[signal.change] += 1
            out.append(self._stamps.made(SIGNALS, signal.root, signal))

    def _book(self, index: int, root: str, feed: str) -> SignalBook:
        """A new book of a root, in its place."""
        config = self._config
        self._stamps.feed_of[root] = feed
        self._index_of[root] = index
        self._salt[index] = salt_of(root)
        book = self._books[index] = SignalBook(
            root,
            feed,
            config.weights,
            self._scales.of(feed),
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
        self._stamps.feed_of[item.root] = item.feed
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
            salt = np.zeros(due.size, np.int64)
            salt[: self._salt.size] = self._salt
            self._due, self._salt = due, salt

    def _restore(self, state: dict[str, Any]) -> None:
        self._stamps = Stamps(state["seq"], state["feeds"])
        self._activity = Activity(state["activity"])
        self._worth = dict(state["worth"])
        self._counts = Counter(dict(state["counts"]))
        self._delayed = set(state["delayed"])
        for index, plain in state["books"]:
            self._grow_due(index + 1)
            book = self._book(index, plain[0], plain[1])
            book.unpack(plain)
            self._due[index] = book.due_ns()


def _stated(scale: Scale, log_odds: float) -> dict[str, Any]:
    """What a sample says of its log-odds."""
    move = scale.move(log_odds)
    return {
        "probability": scale.flow(log_odds).p,
        "log_odds": log_odds,
        "calibration": scale.version,
        "p_move": None if move is None else move.p,
    }


@entry
def _next_point(rows, start, stop, due, salt, every):  # type: ignore[no-untyped-def]
    """First row from `start` on at which something ends, is taken back or drawn, else `stop`.

    Where the source knows what is missing, the message says what is taken back, not the row.
    """
    for i in range(start, stop):
        row = rows[i]
        if row.kind == PANE:
            if row.ts_event >= due[row.root]:
                return i
            if (row.state & FRONT) != 0 and (row.state & DIRTY) == 0 and salt[row.root] != 0:
                if mixed(row.ts_event, salt[row.root]) % every == 0:
                    return i
        elif row.kind == FAULT and (row.state & DIRTY) != 0 and due[row.root] != NEVER:
            if row.aggressor <= FAULTS:
                return i
    return stop

"""Outcome: what the market did after each signal, and after sampled points that made none.

In: bare `Evaluations`, signals and samples between them, gaps, market status and ticks. Out: an
`outcomes` message per point and horizon; evaluations and samples end here, all else goes on.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Final

import numpy as np

from operators.calendar_kernel import span_at
from operators.calibration import strength_of
from operators.detectors.points import grown, read_only
from operators.model.accuracy import Drift, Tally, judged
from operators.model.accuracy import unpacked as unpacked_tally
from operators.model.items import (
    Evaluations,
    Instrument,
    Lateness,
    MarketStatus,
    Report,
    Sampled,
    Tick,
)
from operators.model.signals import Gap, Signal
from operators.model.streams import OUTCOMES, Flowing, Message
from operators.outcome_config import OutcomeConfig
from operators.outcome_kernel import NEVER, QUOTE_DTYPE, REASONS, USABLE, scan, take
from operators.pending import Pending, Point, unpacked
from operators.stamps import Stamps

_BUCKET_S: Final = 1800
"""Of the calendar's day; any would do."""
_KEPT: Final = ("ts_event", "bid", "ask", "root", "instrument_id", "why", "known")


class Outcome:
    """Follow up each signal that opened, and each sample, through the horizons.

    With mid the mean of bid and ask of the signal's contract at the first row at or after t and at
    or after t + h, in ticks:

        markout_h = s·(mid_{t+h} − mid_t) − half the spread at t;  hit = markout_h > 0

    A second in which nothing happens to an instrument has no row: when the clock of the root is
    `wait_ns` past t + h and no row has come, the mid that stood is that of t + h. It is not known,
    and that is said, where the book is dirty (`gap`) or has become so since, crossed or has one
    side only (`no_quote`), has stood longer than `stale_max_ns` (`stale`), where the exchange is
    closed, the tick is unknown, the signal was retracted, or too many are followed up (`full`).
    Of one signal only its opening is followed up: later revisions are other news. All is in data
    time, in the order of rows. What was told stays told, also if a gap is known later to have begun
    before it. Wrong for instruments that are quoted wide: a mid there is no price.

    The tally of a root by horizon is what a recalibration after the session starts from; it comes
    as a control record, at its place in the stream, and changes `analyze`, not this step.

    State: per root at most `pending_max` points, a tally per horizon and a counter; the newest
    quote of each instrument, 33 bytes; instruments that do not trade.

    References:
        Markouts after half the spread: Kolm, Turiel, Westray 2023, Deep order flow imbalance, for
        how soon such forecasts are exhausted. Tallies: `operators.model.accuracy`.
    """

    STATE_VERSION: ClassVar[int] = 2

    def __init__(self, config: OutcomeConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._horizons_s = config.horizons_s
        self._calendar = None if config.calendar is None else config.calendar.arrays
        self._quotes = np.zeros(0, QUOTE_DTYPE)
        self._due = np.zeros(0, np.int64)
        """By root: when the mid that stands becomes that of the first horizon waited for."""
        self._roots: dict[str, int] = {}
        """Root → its place in the rows."""
        self._pending: dict[str, Pending] = {}
        self._halted: set[tuple[str, int]] = set()
        self._tallies: dict[tuple[str, int], Tally] = {}
        self._counts: Counter[str] = Counter()
        self._stamps = Stamps()
        if state is not None:
            self._restore(state)

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of the shard in order → messages with outcomes between them."""
        out: list[Flowing] = []
        for item in items:
            if isinstance(item, Evaluations):
                self._on_rows(item, out)
                continue
            if isinstance(item, Sampled):
                self._on_sampled(item, out)
                continue
            out.append(item)
            if isinstance(item, Message):
                if isinstance(item.value, Signal):
                    self._on_signal(item.value, out)
                elif isinstance(item.value, Gap):
                    self._on_gap(item.value, out)
            elif isinstance(item, Tick):
                self._on_tick(item, out)
            elif isinstance(item, MarketStatus):
                self._on_status(item)
            elif isinstance(item, Instrument):
                self._stamps.feed_of[item.root] = item.feed
            elif isinstance(item, Lateness):
                self._stamps.on_lateness(item)
        return out

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        seq, feeds = self._stamps.pack()
        known = np.flatnonzero(self._quotes["known"])
        kept = self._quotes[: known[-1] + 1 if known.size else 0]
        return {
            "roots": tuple(self._roots),
            "quotes": {name: kept[name].copy() for name in _KEPT},
            "pending": tuple(one.pack() for one in self._pending.values()),
            "halted": tuple(sorted(self._halted)),
            "tallies": tuple((*key, one.pack()) for key, one in self._tallies.items()),
            "counts": tuple(sorted(self._counts.items())),
            "seq": seq,
            "feeds": feeds,
        }

    @staticmethod
    def carried(state: dict[str, Any]) -> dict[str, Any]:
        """Of a snapshot, what holds in a new generation: which feed a root is of.

        Signals that were followed up are over with theirs, and numbers and tallies begin anew.
        """
        empty = np.zeros(0, QUOTE_DTYPE)
        return {
            **state,
            "roots": (),
            "quotes": {name: empty[name].copy() for name in _KEPT},
            **dict.fromkeys(("pending", "halted", "tallies", "counts", "seq"), ()),
        }

    def report(self) -> Report:
        """Outcomes known and unknown by reason, points followed up, scores by root and horizon."""
        scores: dict[str, list[dict[str, Any]]] = {}
        for (root, horizon_s), tally in sorted(self._tallies.items()):
            score = tally.score(horizon_s, self._config.drift_ece_max)
            scores.setdefault(root, []).append(asdict(score))
        return Report(
            "outcome",
            {
                "signals": self._counts["signals"],
                "samples": self._counts["samples"],
                "samples_left_out": self._counts["samples_left_out"],
                "known": self._counts["known"],
                "unknown": {
                    name.removeprefix("unknown "): count
                    for name, count in sorted(self._counts.items())
                    if name.startswith("unknown ")
                },
                "pending": sum(len(one.points) for one in self._pending.values()),
                "scores": scores,
            },
        )

    def _on_rows(self, item: Evaluations, out: list[Flowing]) -> None:
        rows = read_only(item.rows)
        self._hold(item.roots, 1 + int(rows["slot"].max()) if rows.size else 0)
        start = 0
        while (start := scan(rows, start, self._quotes, self._due)) < rows.size:
            root, slot = int(rows["root"][start]), int(rows["slot"][start])
            now_ns = int(rows["ts_event"][start])
            pending = self._pending.get(item.roots[root])
            if pending is not None and self._due[root] <= now_ns:
                self._expire(pending, now_ns, out)
            take(rows, start, self._quotes)
            if pending is not None and self._quotes["why"][slot] == USABLE:
                self._settle(pending, slot, now_ns, out)
            start += 1

    def _on_tick(self, item: Tick, out: list[Flowing]) -> None:
        for pending in self._pending.values():
            due_ns = int(self._due[self._roots[pending.root]])
            if pending.feed == item.feed and due_ns <= item.ts_event:
                self._expire(pending, item.ts_event, out)

    def _on_status(self, item: MarketStatus) -> None:
        if item.is_trading is not None:
            key = item.feed, item.instrument_id
            (self._halted.discard if item.is_trading else self._halted.add)(key)

    def _on_gap(self, gap: Gap, out: list[Flowing]) -> None:
        """Mids later than the last instant that is whole were none."""
        pending = self._pending.get(gap.root)
        if pending is None or gap.change != "opened" or gap.ts_from is None:
            return
        for point in list(pending.points):
            if point.instrument_id == gap.instrument_id and point.ts_from > gap.ts_from:
                self._give_up(pending, point, "gap", gap.ts_event, out)
        self._wait(pending)

    def _on_signal(self, signal: Signal, out: list[Flowing]) -> None:
        if signal.change == "opened":
            self._counts["signals"] += 1
            contract = signal.contract
            point = {
                "signal_id": signal.id,
                "kind": signal.kind,
                "side": signal.side,
                "probability": signal.probability,
                "log_odds": signal.log_odds,
                "calibration": signal.calibration,
                "p_move": signal.p_move,
                "ts_from": signal.ts_event,
            }
            feed = self._stamps.feed_of.get(signal.root, "")
            self._follow(signal.root, feed, contract, point, out)
        elif signal.change == "retracted" and (pending := self._pending.get(signal.root)):
            for one in [one for one in pending.points if one.signal_id == signal.id]:
                self._give_up(pending, one, "retracted", signal.ts_event, out)
            self._wait(pending)

    def _on_sampled(self, item: Sampled, out: list[Flowing]) -> None:
        pending = self._pending.get(item.root)
        if pending is not None and len(pending.points) >= self._config.pending_max:
            self._counts["samples_left_out"] += 1
            return
        self._counts["samples"] += 1
        names = ("kind", "side", "probability", "log_odds", "calibration", "p_move")
        point = {name: getattr(item, name) for name in names}
        point |= {"signal_id": "", "ts_from": item.ts_event}
        self._follow(item.root, item.feed, item.contract, point, out)

    def _follow(
        self, root: str, feed: str, contract: Any, given: dict[str, Any], out: list[Flowing]
    ) -> None:
        """Take a point up, or say at once why nothing will be known of it."""
        assert root in self._roots, "rows come before what is said of them"
        pending = self._pending.get(root)
        if pending is None:
            pending = self._pending[root] = Pending(root, feed)
        pending.numbered += 1
        slot = self._slot(root, contract.instrument_id)
        point = Point(
            number=pending.numbered,
            slot=slot,
            feed=feed,
            strength=strength_of(given["probability"]),
            instrument_id=contract.instrument_id,
            symbol=contract.symbol,
            tick_e9=contract.tick_e9,
            tick_value=contract.tick_value,
            currency=contract.currency,
            due_ns=given["ts_from"],
            **given,
        )
        why = ""
        if not contract.tick_e9:
            why = "no_tick"
        elif slot < 0:
            why = "no_quote"
        elif len(pending.points) >= self._config.pending_max:
            why = "full"
        pending.points.append(point)
        if why:
            self._give_up(pending, point, why, point.ts_from, out)
        elif self._quotes["why"][slot] == USABLE:
            # The row of the point is the newest of all that have been taken.
            if int(self._quotes["ts_event"][slot]) >= point.ts_from:
                self._settle(pending, slot, point.ts_from, out)
        self._wait(pending)

    def _settle(self, pending: Pending, slot: int, now_ns: int, out: list[Flowing]) -> None:
        """The newest quote of an instrument is the first at or after what was waited for."""
        for point in list(pending.points):
            if point.slot == slot:
                while point.due_ns <= now_ns and self._advance(pending, point, now_ns, out):
                    pass
        self._wait(pending)

    def _expire(self, pending: Pending, now_ns: int, out: list[Flowing]) -> None:
        """The clock passed what was waited for: the mid that stands is it, or there is none."""
        limit_ns = now_ns - self._config.wait_ns
        while (point := pending.first(limit_ns)) is not None:
            self._advance(pending, point, now_ns, out)
        self._wait(pending)

    def _advance(self, pending: Pending, point: Point, now_ns: int, out: list[Flowing]) -> bool:
        """The quote of the instrument is that of the point's next horizon, if it is one.

        Whether there are further horizons.
        """
        quote = self._quotes[point.slot]
        why = self._why(point, quote, point.due_ns)
        pair = int(quote["bid"]), int(quote["ask"])
        if point.stage == 0:
            if why:
                self._give_up(pending, point, why, now_ns, out)
                return False
            point.bid_e9, point.ask_e9 = pair
        else:
            horizon_s = self._horizons_s[point.stage - 1]
            self._tell(pending.root, point, horizon_s, now_ns, None if why else pair, why, out)
        goes_on = point.go_on(self._horizons_s)
        if not goes_on:
            pending.points.remove(point)
        return goes_on

    def _why(self, point: Point, quote: Any, due_ns: int) -> str:
        """Why the quote is no mid of an instant, or nothing."""
        if (point.feed, point.instrument_id) in self._halted or not self._is_open(due_ns):
            return "closed"
        if quote["why"] != USABLE:
            return REASONS[quote["why"]]
        return "stale" if due_ns - int(quote["ts_event"]) > self._config.stale_max_ns else ""

    def _is_open(self, ts: int) -> bool:
        return self._calendar is None or bool(span_at(self._calendar, ts, _BUCKET_S)[2])

    def _give_up(
        self, pending: Pending, point: Point, why: str, now_ns: int, out: list[Flowing]
    ) -> None:
        """All horizons that are left are unknown."""
        for horizon_s in self._horizons_s[max(point.stage - 1, 0) :]:
            self._tell(pending.root, point, horizon_s, now_ns, None, why, out)
        pending.points.remove(point)

    def _tell(
        self,
        root: str,
        point: Point,
        horizon_s: int,
        now_ns: int,
        quote: tuple[int, int] | None,
        why: str,
        out: list[Flowing],
    ) -> None:
        value = point.outcome(root, horizon_s, now_ns, quote, why)
        self._counts[f"unknown {why}" if why else "known"] += 1
        tally = self._tallies.get((root, horizon_s))
        if tally is None:
            tally = self._tallies[root, horizon_s] = Tally(Drift(self._config.drift_outcomes))
        probability, calibration = judged(value.probability, value.p_move, value.calibration)
        tally.add(
            probability=probability,
            kind=value.kind,
            sampled=value.sampled,
            markout_ticks=value.markout_ticks,
            unknown=why,
            calibration=calibration,
        )
        out.append(self._stamps.made(OUTCOMES, root, value))

    def _wait(self, pending: Pending) -> None:
        """Note when rows and the clock matter next."""
        wanted = pending.wanted()
        due = self._quotes["due"]
        for slot in pending.slots:
            due[slot] = NEVER
        for slot, due_ns in wanted.items():
            due[slot] = due_ns
        pending.slots = tuple(wanted)
        at_end = min(wanted.values()) + self._config.wait_ns if wanted else NEVER
        self._due[self._roots[pending.root]] = at_end

    def _slot(self, root: str, instrument_id: int) -> int:
        """Place of an instrument, −1 if there has been no row of it."""
        quotes = self._quotes
        own = (quotes["instrument_id"] == instrument_id) & (quotes["known"] == 1)
        found = np.flatnonzero(own & (quotes["root"] == self._roots[root]))
        return int(found[0]) if found.size else -1

    def _hold(self, roots: tuple[str, ...], slots: int) -> None:
        """Make room for so many roots and instruments."""
        if (known := self._due.size) < len(roots):
            self._roots |= {root: known + place for place, root in enumerate(roots[known:])}
            self._due = np.append(self._due, np.full(len(roots) - known, NEVER))
        if (known := self._quotes.size) < slots:
            self._quotes = grown(self._quotes, slots)
            self._quotes["due"][known:] = NEVER
            self._quotes["why"][known:] = REASONS.index("no_quote")

    def _restore(self, state: dict[str, Any]) -> None:
        kept = state["quotes"]
        self._hold(state["roots"], kept["known"].size)
        for name, values in kept.items():
            self._quotes[name][: values.size] = values
        self._halted = set(state["halted"])
        self._counts = Counter(dict(state["counts"]))
        self._stamps = Stamps(state["seq"], state["feeds"])
        block = self._config.drift_outcomes
        for root, horizon_s, plain in state["tallies"]:
            self._tallies[root, horizon_s] = unpacked_tally(plain, block)
        for plain in state["pending"]:
            pending = unpacked(plain)
            self._pending[pending.root] = pending
            self._wait(pending)

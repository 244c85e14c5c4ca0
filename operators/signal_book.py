"""Signal book: the open evidence and open signals of one root, and when they change."""

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from operators.calibration import Scale, strength_of
from operators.model.calibration import UNKNOWN_ACTIVITY
from operators.model.items import Observation
from operators.model.signals import Action, Change, Contract, Gap, Side, Signal
from operators.pile import Pile
from operators.plain import pack_observation, pack_signal, unpack_observation, unpack_signal
from operators.signal_book_config import LifeConfig
from operators.weigh import (
    KINDS,
    OPPOSED,
    VETOES,
    Verdict,
    weigh,
    weighed,
)
from operators.weigh_config import WeighConfig

NEVER: Final = 2**63 - 1
REASONS_MAX: Final = 5
_ROUNDING: Final = 0.01
"""More than the parts of a verdict can gain by being rounded."""

_RANK: Final = ("LOW", "MODERATE", "HIGH", "VERY_HIGH", "EXTREME")
_NS_PER_S: Final = 1_000_000_000

ContractOf = Callable[[int, str, int, int], Contract]
"""(instrument_id, symbol, price 1e-9, contracts) → what that is worth."""


@dataclass(slots=True)
class Open:
    """An open signal, or one that was: its last revision and when evidence last came."""

    last: Signal
    ts_evidence: int
    rests_on: dict[int, int]
    """Instrument → its newest evidence (`ts_last`) in any revision."""

    def revise(self, signal: Signal) -> Signal:
        """The signal is the last revision from now on."""
        self.last = signal
        for one in signal.evidence:
            newest = self.rests_on.get(one.instrument_id, one.ts_last)
            self.rests_on[one.instrument_id] = max(newest, one.ts_last)
        return signal

    def rests_on_later(self, instrument_id: int, from_ns: int) -> bool:
        """Whether it rests on data of the instrument after an instant."""
        return self.rests_on.get(instrument_id, from_ns) > from_ns


@dataclass(slots=True)
class SignalBook:
    """State of one root.

    At most `evidence_max` pieces of evidence a side and as many vetoes, one signal a kind and
    `look_back_max` closed.
    All methods take `now_ns`, the time of the evaluation point or tick, and return revisions in the
    order in which they are published.
    """

    root: str
    feed: str
    weights: WeighConfig
    scale: Scale
    life: LifeConfig
    params: str
    contract_of: ContractOf
    evidence: dict[Side, Pile] = field(
        default_factory=lambda: {"buy": Pile(), "sell": Pile(), "none": Pile()}
    )
    """By side; under `none` the vetoes, whatever side they speak against."""
    open: dict[tuple[Side, str], Open] = field(default_factory=dict)
    cooling: dict[tuple[Side, str], int] = field(default_factory=dict)
    """(side, kind) → until when it may not open."""
    ended: deque[Open] = field(default_factory=deque)
    """Closed signals that can still be retracted, the oldest first."""
    delayed: bool = False
    """What comes is history."""
    activity: int = UNKNOWN_ACTIVITY
    """How busy the market is: the place among ACTIVITIES."""
    forgotten: int = 0
    """Closed signals for which there was no place before their time was over."""
    dropped: int = 0
    """Evidence that had no place."""

    def is_likely(self, log_odds: float) -> bool:
        """Whether it is worth a signal now."""
        return self.scale.is_likely(log_odds, self.activity)

    def due_ns(self) -> int:
        """When `advance` has something to do; NEVER if the book is empty."""
        due = min((o.ts_evidence + self.life.hold_ns for o in self.open.values()), default=NEVER)
        for pile in self.evidence.values():
            if pile:
                due = min(due, pile.newest_ns() + self.life.window_ns)
        return due

    def advance(self, now_ns: int) -> list[Signal]:
        """Close what had no evidence for `hold_ns` and forget evidence out of its window.

        Evidence goes in the order in which it came: what came late stays as long as its neighbours.
        """
        closed = []
        for key, entry in list(self.open.items()):
            due_ns = entry.ts_evidence + self.life.hold_ns
            if due_ns <= now_ns:
                reason = f"Closed: no further evidence for {self.life.hold_ns / _NS_PER_S:g} s"
                closed.append(self._end(key, "closed", reason, now_ns))
                # From when it was over, not from when the clock of a quiet market told so.
                self.cooling[key] = due_ns + self.life.cooldown_ns
        for pile in self.evidence.values():
            pile.forget(now_ns - self.life.window_ns)
        return closed

    def observe(self, observation: Observation, now_ns: int) -> list[Signal]:
        """Weigh one more observation; advances first."""
        signals = self.advance(now_ns)
        evidence = observation.evidence
        side = evidence.side
        is_veto = evidence.detector in VETOES
        if evidence.ts_last + self.life.window_ns <= now_ns or (side == "none" and not is_veto):
            self.dropped += 1
            return signals
        pile = self.evidence["none" if is_veto else side]
        key = (evidence.detector, evidence.instrument_id, observation.key)
        pile.drop(key)
        if len(pile) == self.life.evidence_max:
            pile.drop(pile.oldest()[0])
            self.dropped += 1
        pile.put(key, weighed(observation, self.weights))
        if is_veto:
            return [*signals, *self._weakened(side, now_ns)]
        if not self._matters(side):
            return signals
        verdict = self.verdict(side)
        assert verdict is not None
        signal = self._revise(side, KINDS[evidence.detector], verdict, now_ns)
        return signals if signal is None else [*signals, signal]

    def _matters(self, side: Side) -> bool:
        """Whether the side's evidence can say anything: most of it, by far, cannot.

        What opposes and vetoes only take off, so that their sum is enough to know it.
        """
        if any(key[0] == side for key in self.open):
            return True
        most = self.evidence[side].most(self.weights.rest_share, self.weights.rest_max)
        return self.is_likely(self.weights.bias + most + _ROUNDING)

    def doubt(self, gap: Gap, from_ns: int) -> list[Signal]:
        """An instrument's data after an instant proved bad: its evidence goes, and signals with it.

        Signals that rested on it are revised or retracted, closed ones retracted. What is older
        stands, and ends when its time is over.
        """
        now_ns, instrument_id = gap.ts_event, gap.instrument_id
        signals = self.advance(now_ns)
        for pile in self.evidence.values():
            for place, piece in list(pile.items()):
                if place[1] == instrument_id and piece.ts_last > from_ns:
                    pile.drop(place)
        reason = f"Retracted: data of {gap.symbol} is missing or bad ({gap.reason})"
        doubted = [k for k, one in self.open.items() if one.rests_on_later(instrument_id, from_ns)]
        signals += [self._without(key, reason, now_ns) for key in doubted]
        self._forget(now_ns)
        ended = [one for one in self.ended if one.rests_on_later(instrument_id, from_ns)]
        for one in ended:
            self.ended.remove(one)
            signals.append(self._revised(one.last, "retracted", reason, now_ns))
        return signals

    def distrust(self, instrument_id: int, symbol: str, now_ns: int) -> list[Signal]:
        """An instrument's data proved bad: its evidence goes, and the signals that rested on it."""
        signals = self.advance(now_ns)
        for pile in self.evidence.values():
            for place in [place for place, _ in pile.items() if place[1] == instrument_id]:
                pile.drop(place)
        reason = f"Retracted: the data of {symbol} proved bad"
        for key, entry in list(self.open.items()):
            if any(e.instrument_id == instrument_id for e in entry.last.evidence):
                signals.append(self._without(key, reason, now_ns))
        return signals

    def pack(self) -> tuple[Any, ...]:
        """Plain copied state."""
        return (
            self.root,
            self.feed,
            tuple(
                (side, key, pack_observation(piece.observation))
                for side, pile in self.evidence.items()
                for key, piece in pile.items()
            ),
            tuple((*key, _packed(entry)) for key, entry in self.open.items()),
            tuple((*key, until) for key, until in self.cooling.items()),
            tuple(_packed(entry) for entry in self.ended),
            self.activity,
            self.forgotten,
            self.dropped,
        )

    def unpack(self, plain: tuple[Any, ...]) -> None:
        """Take back what `pack` gave, apart from root and feed."""
        _, _, evidence, opened, cooling, ended, *counts = plain
        self.activity, self.forgotten, self.dropped = counts
        for side, key, observation in evidence:
            self.evidence[side].put(key, weighed(unpack_observation(observation), self.weights))
        self.open = {(side, kind): _unpacked(entry) for side, kind, entry in opened}
        self.ended = deque(_unpacked(entry) for entry in ended)
        self.cooling = {(side, kind): until for side, kind, until in cooling}

    def verdict(self, side: Side) -> Verdict | None:
        """What the side's evidence amounts to; None without any."""
        own, other = self.evidence[side], self.evidence["sell" if side == "buy" else "buy"]
        vetoes = [
            piece
            for piece in self.evidence["none"].latest_first()
            if piece.observation.evidence.side in (side, "none")
        ]
        return weigh(own, other, self.weights, vetoes) if own else None

    def _weakened(self, side: Side, now_ns: int) -> list[Signal]:
        """Open signals that a veto of the side, or of both, brings to a lower strength or ends."""
        found = []
        for key, entry in list(self.open.items()):
            verdict = self.verdict(key[0]) if side in (key[0], "none") else None
            if verdict is None or not verdict.vetoes:
                continue
            rank = _RANK.index(self._strength(verdict))
            if not self.is_likely(verdict.log_odds):
                text = verdict.vetoes[0].observation.evidence.text
                found.append(self._end(key, "closed", f"Closed: no longer likely. {text}", now_ns))
            elif rank < _RANK.index(entry.last.strength):
                found.append(self._publish(key, entry.last, verdict, now_ns))
        return found

    def _strength(self, verdict: Verdict) -> str:
        return strength_of(self.scale.flow(verdict.log_odds).p)

    def _kinds(self, side: Side) -> set[str]:
        return {KINDS[detector] for detector in self.evidence[side].detectors()}

    def _revise(self, side: Side, kind: str, verdict: Verdict, now_ns: int) -> Signal | None:
        """Update the side's signal of that kind, or the one it supports, or open one.

        Only a signal whose own kind is still seen can be supported. Beside it another opens only
        for a kind whose evidence would suffice alone.
        """
        kinds = self._kinds(side)
        candidates = ((side, kind), (side, verdict.kind), *self.open)
        key = next(
            (k for k in candidates if k in self.open and k[0] == side and k[1] in kinds), None
        )
        likely = self.is_likely(verdict.log_odds)
        if key is None:
            return self._opened((side, verdict.kind), verdict, now_ns) if likely else None
        if key[1] != kind and likely:
            alone = self.is_likely(verdict.alone(kind, self.weights.bias))
            signal = self._opened((side, kind), verdict, now_ns) if alone else None
            if signal is not None:
                return signal
        entry = self.open[key]
        entry.ts_evidence = max(entry.ts_evidence, now_ns)
        if not likely or not self._is_news(entry.last, verdict, now_ns):
            return None
        return self._publish(key, entry.last, verdict, now_ns)

    def _is_news(self, last: Signal, verdict: Verdict, now_ns: int) -> bool:
        rank, before = _RANK.index(self._strength(verdict)), _RANK.index(last.strength)
        since_ns = now_ns - last.ts_event
        if rank > before or since_ns >= self.life.refresh_ns:
            return True
        grown = (
            verdict.log_odds >= last.log_odds + self.life.log_odds_step
            or verdict.size >= self.life.size_factor * max(last.size, 1)
        )
        return since_ns >= self.life.revision_gap_ns and (rank < before or grown)

    def _opened(self, key: tuple[Side, str], verdict: Verdict, now_ns: int) -> Signal | None:
        if self.cooling.get(key, now_ns) > now_ns:
            return None
        self.cooling.pop(key, None)
        return self._publish(key, None, verdict, now_ns)

    def _publish(
        self, key: tuple[Side, str], last: Signal | None, verdict: Verdict, now_ns: int
    ) -> Signal:
        """The next revision of the signal of `key`, which it opens if there is no last one."""
        side, kind = key
        lead = verdict.lead
        flow, move = self.scale.flow(verdict.log_odds), self.scale.move(verdict.log_odds)
        strength = strength_of(flow.p)
        price_e9 = self._mid_e9(side, lead)
        instrument = (lead.evidence.instrument_id, lead.evidence.symbol)
        change: Change = "opened" if last is None else "updated"
        signal = Signal(
            id=self._id(side, kind, lead, now_ns) if last is None else last.id,
            revision=1 if last is None else last.revision + 1,
            change=change,
            root=self.root,
            kind=kind,
            side=side,
            action=_action(side, strength),
            ts_event=now_ns,
            ts_opened=now_ns if last is None else last.ts_opened,
            price_e9=price_e9,
            contract=self.contract_of(*instrument, price_e9, verdict.size),
            size=verdict.size,
            probability=flow.p,
            probability_low=flow.low,
            probability_high=flow.high,
            calibration=self.scale.version,
            strength=strength,
            log_odds=verdict.log_odds,
            bias=self.weights.bias,
            contributions=verdict.contributions,
            evidence=tuple([piece.observation.evidence for piece in verdict.counted]),
            reasons=_reasons(verdict),
            baseline="WARM" if lead.warm else "WARMING",
            baseline_sessions=lead.sessions,
            quality=min(piece.observation.evidence.quality for piece in verdict.counted),
            params=self.params,
            delayed=self.delayed or (last is not None and last.delayed),
            p_move=None if move is None else move.p,
            p_move_low=None if move is None else move.low,
            p_move_high=None if move is None else move.high,
            p_move_horizon_s=self.scale.move_horizon_s,
        )
        if last is None:
            self.open[key] = Open(signal, now_ns, {})
        return self.open[key].revise(signal)

    def _without(self, key: tuple[Side, str], reason: str, now_ns: int) -> Signal:
        """The next revision of a signal whose evidence was taken away, or its retraction."""
        verdict = self.verdict(key[0])
        stands = key[1] in self._kinds(key[0])
        if verdict is not None and stands and self.is_likely(verdict.log_odds):
            return self._publish(key, self.open[key].last, verdict, now_ns)
        return self._end(key, "retracted", reason, now_ns)

    def _end(self, key: tuple[Side, str], change: Change, reason: str, now_ns: int) -> Signal:
        entry = self.open.pop(key)
        self.cooling[key] = now_ns + self.life.cooldown_ns
        signal = self._revised(entry.last, change, reason, now_ns)
        if change == "closed":
            entry.last = signal
            self.ended.append(entry)
            self._forget(now_ns)
        return signal

    def _revised(self, last: Signal, change: Change, reason: str, now_ns: int) -> Signal:
        """The revision that ends a signal, or takes back one that has ended."""
        return replace(
            last,
            revision=last.revision + 1,
            change=change,
            action="IGNORE",
            ts_event=now_ns,
            reasons=(reason, *last.reasons),
            delayed=self.delayed or last.delayed,
        )

    def _forget(self, now_ns: int) -> None:
        """Closed signals whose time is over, or for which there is no place."""
        while self.ended and self.ended[0].last.ts_event + self.life.look_back_ns <= now_ns:
            self.ended.popleft()
        while len(self.ended) > self.life.look_back_max:
            self.ended.popleft()
            self.forgotten += 1

    def _mid_e9(self, side: Side, lead: Observation) -> int:
        """Newest mid known of the leading instrument."""
        for piece in self.evidence[side].latest_first():
            if piece.observation.evidence.instrument_id == lead.evidence.instrument_id:
                return piece.observation.mid_e9
        return lead.mid_e9

    def _id(self, side: Side, kind: str, lead: Observation, now_ns: int) -> str:
        evidence = lead.evidence
        point = (now_ns, evidence.instrument_id, evidence.sequence_first, evidence.sequence_last)
        text = "|".join(map(str, (self.root, side, kind, *point)))
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _packed(entry: Open) -> tuple[Any, ...]:
    return pack_signal(entry.last), entry.ts_evidence, tuple(entry.rests_on.items())


def _unpacked(plain: tuple[Any, ...]) -> Open:
    last, ts_evidence, rests_on = plain
    return Open(unpack_signal(last), ts_evidence, dict(rests_on))


def _action(side: Side, strength: str) -> Action:
    """The side is followed from HIGH on."""
    if _RANK.index(strength) < _RANK.index("HIGH"):
        return "MONITOR"
    return "LONG" if side == "buy" else "SHORT"


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    """What a trader reads, the weightiest first."""
    pieces = sorted(verdict.counted, key=lambda piece: -piece.value)
    pieces = [piece for piece in pieces if piece not in verdict.vetoes][:REASONS_MAX]
    reasons = [piece.observation.evidence.text for piece in pieces]
    reasons += [f"Weakened: {veto.observation.evidence.text}" for veto in verdict.vetoes]
    if any(part.detector == OPPOSED for part in verdict.contributions):
        reasons.append("Weakened: the same was seen on the other side")
    if not verdict.lead.warm:
        sessions = verdict.lead.sessions
        reasons.append(f"No baseline yet ({sessions} sessions): judged by absolute thresholds")
    return tuple(reasons)

"""Pending: what is followed up of one root, and when it is next looked at."""

from dataclasses import astuple, dataclass, field, fields
from typing import Any, Final

from operators.model.signals import Outcome, Side, Strength
from operators.outcome_kernel import NEVER

_NS_PER_S: Final = 1_000_000_000


@dataclass(slots=True, kw_only=True, eq=False)
class Point:
    """A signal or sample on its way through the horizons. No two are the same."""

    number: int
    """In order of arrival within the root."""
    slot: int
    feed: str
    signal_id: str
    kind: str
    side: Side
    probability: float
    strength: Strength
    log_odds: float
    calibration: str
    instrument_id: int
    symbol: str
    tick_e9: int | None
    tick_value: float | None
    currency: str
    ts_from: int
    due_ns: int
    """When the mid is wanted that is wanted next: at first at `ts_from`."""
    stage: int = 0
    """0: the mid to measure from is wanted; then the place of the next horizon, plus 1."""
    bid_e9: int = 0
    """At the point, once stage is above 0."""
    ask_e9: int = 0
    p_move: float | None = None

    def go_on(self, horizons_s: tuple[int, ...]) -> bool:
        """Wait for the next horizon; whether there is one."""
        self.stage += 1
        if self.stage > len(horizons_s):
            return False
        self.due_ns = self.ts_from + horizons_s[self.stage - 1] * _NS_PER_S
        return True

    def outcome(
        self, root: str, horizon_s: int, now_ns: int, quote: tuple[int, int] | None, unknown: str
    ) -> Outcome:
        """What became of it at a horizon, of the bid and ask then or why there are none.

        Integers until here: markout = (side·(bid' + ask' − bid − ask) − (ask − bid)) / (2·tick).
        """
        markout = move = half_spread = None
        from_e9 = None if self.stage == 0 else (self.bid_e9 + self.ask_e9) // 2
        to_e9 = None if quote is None else (quote[0] + quote[1]) // 2
        if quote is not None and self.tick_e9 is not None:
            bid_e9, ask_e9 = quote
            way = 1 if self.side == "buy" else -1
            moved = way * (bid_e9 + ask_e9 - self.bid_e9 - self.ask_e9)
            double = 2 * self.tick_e9
            move = round(moved / double, 6)
            markout = round((moved - (self.ask_e9 - self.bid_e9)) / double, 6)
            half_spread = round((ask_e9 - bid_e9) / double, 6)
        return Outcome(
            root=root,
            signal_id=self.signal_id,
            revision=1 if self.signal_id else 0,
            ts_event=now_ns,
            horizon_s=horizon_s,
            side=self.side,
            probability=self.probability,
            markout_ticks=markout,
            hit=None if markout is None else markout > 0,
            unknown=unknown,
            sampled=not self.signal_id,
            kind=self.kind,
            strength=self.strength,
            log_odds=self.log_odds,
            calibration=self.calibration,
            instrument_id=self.instrument_id,
            symbol=self.symbol,
            ts_from=self.ts_from,
            price_from_e9=from_e9,
            price_to_e9=to_e9,
            move_ticks=move,
            half_spread_ticks=half_spread,
            tick_value=self.tick_value,
            currency=self.currency,
            p_move=self.p_move,
        )


@dataclass(slots=True)
class Pending:
    """Points of one root in order of arrival; how many there may be is the caller's to keep."""

    root: str
    feed: str
    points: list[Point] = field(default_factory=list)
    numbered: int = 0
    slots: tuple[int, ...] = ()
    """Of instruments whose mid is wanted, as last noted; not part of the state."""

    def wanted(self) -> dict[int, int]:
        """Slot → when a mid of the instrument is wanted next."""
        found: dict[int, int] = {}
        for one in self.points:
            if one.due_ns < found.get(one.slot, NEVER):
                found[one.slot] = one.due_ns
        return found

    def first(self, limit_ns: int) -> Point | None:
        """The point whose mid is wanted first, at or before an instant; of equals the earlier."""
        found, first_ns = None, limit_ns + 1
        for one in self.points:
            if one.due_ns < first_ns:
                found, first_ns = one, one.due_ns
        return found

    def pack(self) -> tuple[Any, ...]:
        """Plain copied state."""
        return self.root, self.feed, self.numbered, tuple(astuple(one) for one in self.points)


def unpacked(plain: tuple[Any, ...]) -> Pending:
    """What `pack` was called of."""
    root, feed, numbered, points = plain
    names = [one.name for one in fields(Point)]
    made = [Point(**dict(zip(names, values, strict=True))) for values in points]
    return Pending(root, feed, made, numbered)

"""Following: what trading one contract with each signal would have made. A simulation, no record.

A market order for one contract at the first horizon after the signal was known, so that nothing is
bought at a price that was there before anybody could see the signal; out at a later horizon; half
the spread is paid both times, and the fee. Every signal is traded with the same size, whatever is
open already: positions of a root may overlap, and then trades are not independent. Nobody's order
moves the market, no order is left unfilled, what a signal's retraction would have changed is left
out, and a signal made from history is traded as if it had come in time: real trading does worse.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from operators.model.accuracy import Z_95

FOLLOWED: Final = ("HIGH", "VERY_HIGH", "EXTREME")
"""Strengths whose signals say LONG or SHORT."""
STATED: Final = (
    "simulation: one contract with each signal, market orders, half-spread and fees paid"
)
FEE: Final = 2.5
SIGNALS_MAX: Final = 100_000
UNSTATED: Final = "unstated"
"""Of a currency that nobody has named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What simulated trades made, net of spread and fees, in the unit that is said beside it."""

    trades: int
    wins: int
    total: float
    mean: float | None
    error: float | None
    """Standard error of the mean, as if trades were independent; None of fewer than two."""
    low: float | None
    """95 % interval of the mean."""
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Simulated trades in at one horizon after signals and out at another."""

    text: str
    enter_s: int
    leave_s: int
    fee: float
    """Currency units for each contract and side."""
    trades: int
    left_out: int
    """Signals without a known outcome at both horizons, or whose tick has no known value."""
    forgotten: int
    """Signals too many to be held: the first ones that came."""
    wins: int
    total_ticks: float
    mean_ticks: float | None
    error_ticks: float | None
    """Standard error of the mean, as if trades were independent."""
    low_ticks: float | None
    """95 % interval of the mean."""
    high_ticks: float | None
    drawdown_ticks: float
    """Deepest fall of the running total, trades in order of their signals."""
    by_kind: dict[str, Gain]
    """Kind of signal → its trades, in ticks."""
    by_currency: dict[str, Gain]
    """Currency → its trades, in units of it."""


class _Key(NamedTuple):
    """A signal, in the order of trades."""

    tape: str
    ts_from: int
    root: str
    signal_id: str


class _Trade(NamedTuple):
    kind: str
    currency: str
    ticks: float
    tick_value: float


@dataclass(slots=True)
class _Signal:
    """What is needed of a signal to trade it."""

    kind: str
    currency: str
    tick_value: float | None
    at: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Horizon in s → move and half the spread then, ticks, where both are known."""


@dataclass(slots=True)
class Following:
    """Signals that say LONG or SHORT, through their horizons. State: at most 100,000 of them."""

    signals: dict[_Key, _Signal] = field(default_factory=dict)
    forgotten: int = 0

    def add(self, one: Mapping[str, Any], tape: str = "") -> None:
        """Take up an outcome as its topic has it, in any order; `tape` tells histories apart."""
        if not one["signal_id"] or one["strength"] not in FOLLOWED:
            return
        key = _Key(tape, int(one["ts_from"]), one["root"], one["signal_id"])
        if (known := self.signals.get(key)) is None:
            if len(self.signals) >= SIGNALS_MAX:
                del self.signals[next(iter(self.signals))]
                self.forgotten += 1
            currency = one["currency"] or UNSTATED
            known = self.signals[key] = _Signal(one["kind"], currency, one["tick_value"])
        if one["move_ticks"] is not None:
            known.at[one["horizon_s"]] = one["move_ticks"], one["half_spread_ticks"]

    def followed(self, *, enter_s: int, leave_s: int, fee: float = FEE) -> Followed:
        """Trade them all, in at one horizon, out at another. `enter_s` < `leave_s`."""
        assert enter_s < leave_s, "a trade ends after it began"
        made = [_made(self.signals[key], enter_s, leave_s, fee) for key in sorted(self.signals)]
        trades = [one for one in made if one is not None]
        ticks = _gain([one.ticks for one in trades])
        return Followed(
            text=STATED,
            enter_s=enter_s,
            leave_s=leave_s,
            fee=fee,
            trades=ticks.trades,
            left_out=len(made) - len(trades),
            forgotten=self.forgotten,
            wins=ticks.wins,
            total_ticks=ticks.total,
            mean_ticks=ticks.mean,
            error_ticks=ticks.error,
            low_ticks=ticks.low,
            high_ticks=ticks.high,
            drawdown_ticks=_drawdown(one.ticks for one in trades),
            by_kind=_by(trades, lambda one: one.kind, lambda one: one.ticks),
            by_currency=_by(
                trades, lambda one: one.currency, lambda one: one.ticks * one.tick_value
            ),
        )


def _made(signal: _Signal, enter_s: int, leave_s: int, fee: float) -> _Trade | None:
    """One trade, its result in ticks net of costs; None where something of it is not known."""
    first, last = signal.at.get(enter_s), signal.at.get(leave_s)
    if first is None or last is None or not signal.tick_value:
        return None
    cost = first[1] + last[1] + 2 * fee / signal.tick_value
    return _Trade(signal.kind, signal.currency, last[0] - first[0] - cost, signal.tick_value)


def _by(
    trades: Sequence[_Trade], name: Callable[[_Trade], str], value: Callable[[_Trade], float]
) -> dict[str, Gain]:
    groups: dict[str, list[float]] = {}
    for one in trades:
        groups.setdefault(name(one), []).append(value(one))
    return {key: _gain(groups[key]) for key in sorted(groups)}


def _gain(values: Sequence[float]) -> Gain:
    count, total = len(values), math.fsum(values)
    mean = total / count if count else None
    error = low = high = None
    if mean is not None and count > 1:
        spread = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
        error = math.sqrt(spread / count)
        low, high = mean - Z_95 * error, mean + Z_95 * error
    return Gain(
        trades=count,
        wins=sum(value > 0 for value in values),
        total=round(total, 6),
        mean=mean,
        error=error,
        low=low,
        high=high,
    )


def _drawdown(values: Iterable[float]) -> float:
    total, peak, fall = 0.0, 0.0, 0.0
    for value in values:
        total += value
        peak = max(peak, total)
        fall = max(fall, peak - total)
    return round(fall, 6)

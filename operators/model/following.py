"""Following: what trading one contract with each signal would have made. A simulation, no record.

A market order for one contract at the first horizon after the signal was known, so that nothing is
bought at a price that was there before anybody could see the signal; out at a later horizon; half
the spread is paid both times, and the fee. Nobody's order moves the market, no order is left
unfilled, and what a signal's retraction would have changed is left out: real trading does worse.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

FOLLOWED: Final = ("HIGH", "VERY_HIGH", "EXTREME")
"""Strengths whose signals say LONG or SHORT."""
STATED: Final = (
    "simulation: one contract with each signal, market orders, half-spread and fees paid"
)


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
    wins: int
    total_ticks: float
    mean_ticks: float | None
    error_ticks: float | None
    """Standard error of the mean, as if trades were independent."""
    drawdown_ticks: float
    """Deepest fall of the running total, trades in order of their signals."""


def follow(
    outcomes: Iterable[Mapping[str, Any]], *, leave_s: int, enter_s: int = 1, fee: float = 2.5
) -> Followed:
    """Simulate; `outcomes` as their topic has them, in any order. `enter_s` < `leave_s`."""
    assert enter_s < leave_s, "a trade ends after it began"
    found: dict[tuple[int, str, str], dict[int, Mapping[str, Any]]] = {}
    for one in outcomes:
        if one["signal_id"] and one["strength"] in FOLLOWED:
            key = int(one["ts_from"]), one["root"], one["signal_id"]
            if (horizon_s := one["horizon_s"]) in (enter_s, leave_s):
                found.setdefault(key, {})[horizon_s] = one
    made = [_made(found[key], enter_s, leave_s, fee) for key in sorted(found)]
    known = [one for one in made if one is not None]
    total, peak, fall = 0.0, 0.0, 0.0
    for result in known:
        total += result
        peak = max(peak, total)
        fall = max(fall, peak - total)
    mean = total / len(known) if known else None
    return Followed(
        text=STATED,
        enter_s=enter_s,
        leave_s=leave_s,
        fee=fee,
        trades=len(known),
        left_out=len(made) - len(known),
        wins=sum(one > 0 for one in known),
        total_ticks=round(total, 6),
        mean_ticks=mean,
        error_ticks=_error(known),
        drawdown_ticks=round(fall, 6),
    )


def _made(
    both: Mapping[int, Mapping[str, Any]], enter_s: int, leave_s: int, fee: float
) -> float | None:
    """Net result of one trade in ticks; None where something of it is not known."""
    first, last = both.get(enter_s), both.get(leave_s)
    if first is None or last is None or not first["tick_value"]:
        return None
    if first["move_ticks"] is None or last["move_ticks"] is None:
        return None
    spread: float = first["half_spread_ticks"] + last["half_spread_ticks"]
    moved: float = last["move_ticks"] - first["move_ticks"]
    return moved - spread - 2 * fee / float(first["tick_value"])


def _error(values: list[float]) -> float | None:
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(spread / len(values))

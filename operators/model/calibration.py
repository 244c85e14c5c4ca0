"""Calibration tables: log-odds → how often it was so, with an interval, and false alarms.

Made by `ifd calibrate` from labelled markets; `config/calibration.json` holds the one in force.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

HOURS_PER_DAY: Final = 23.0
"""A trading day of CME Globex."""


ACTIVITIES: Final = ("quiet", "usual", "busy")
"""How busy the market of a root is, for the time of the day."""
UNKNOWN_ACTIVITY: Final = -1


class Stated(NamedTuple):
    """A probability and its interval."""

    p: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Steps:
    """A rising function of log-odds that is constant between its knots."""

    log_odds: tuple[float, ...]
    """Where each step begins, ascending; the first also holds below itself."""
    p: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        lengths = {len(column) for column in (self.log_odds, self.p, self.low, self.high)}
        if len(lengths) != 1 or not self.log_odds:
            raise ValueError("steps must have columns of one length, at least 1")
        if any(a >= b for a, b in zip(self.log_odds, self.log_odds[1:], strict=False)):
            raise ValueError("log_odds must ascend")
        if any(a > b for a, b in zip(self.p, self.p[1:], strict=False)):
            raise ValueError("p must not fall")
        for p, low, high in zip(self.p, self.low, self.high, strict=True):
            if not 0 <= low <= p <= high <= 1:
                raise ValueError(f"p must be within low and high, 0 to 1, was {low}, {p}, {high}")

    def at(self, log_odds: float) -> Stated:
        """What holds at these log-odds."""
        place = max(0, bisect_right(self.log_odds, log_odds) - 1)
        return Stated(self.p[place], self.low[place], self.high[place])


class Alarms(NamedTuple):
    """False alarms at a threshold."""

    log_odds: float
    per_hour: float
    """Of a root, signals while nothing is labelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What log-odds mean. Made for one set of weights: of others it says nothing."""

    version: str
    """Names the table: a hash of it, stated in each signal."""
    flow: Steps
    """That an institution of the side is at work."""
    move: Steps | None = None
    """That the price moves the side's way by more than half the spread; None: not known."""
    move_horizon_s: int = 0
    """Within so many seconds."""
    alarms: tuple[Alarms, ...] = ()
    """Over all markets, ascending by log-odds."""
    alarms_by_activity: tuple[tuple[Alarms, ...], ...] = ()
    """The same in the time of each of ACTIVITIES; none: their thresholds are that of all."""

    def __post_init__(self) -> None:
        if len(self.alarms_by_activity) not in (0, len(ACTIVITIES)):
            raise ValueError(f"alarms_by_activity must be of {', '.join(ACTIVITIES)}, or none")

    def log_odds_within(self, per_day: float, activity: int = UNKNOWN_ACTIVITY) -> float:
        """The threshold that keeps a budget of false alarms per root and day.

        Between two thresholds of the table in proportion to the logarithms of their rates; beyond
        its last one nothing is known: that one then.
        """
        if activity == UNKNOWN_ACTIVITY or not self.alarms_by_activity:
            return _within(self.alarms, per_day / HOURS_PER_DAY)
        return _within(self.alarms_by_activity[activity], per_day / HOURS_PER_DAY)


def _within(alarms: tuple[Alarms, ...], per_hour: float) -> float:
    if not alarms:
        return math.inf
    for looser, tighter in pairwise(alarms):
        if looser.per_hour > per_hour >= tighter.per_hour > 0:
            share = math.log(looser.per_hour / per_hour)
            share /= math.log(looser.per_hour / tighter.per_hour)
            return round(looser.log_odds + share * (tighter.log_odds - looser.log_odds), 4)
    return alarms[0].log_odds if alarms[0].per_hour <= per_hour else alarms[-1].log_odds

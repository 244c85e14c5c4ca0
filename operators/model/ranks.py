"""Ranks: does more follow where more was stated, beside points like it that made no signal?

The information coefficient is the rank correlation of the stated probability with the markout in
the signal's direction. Points are compared with their like alone: of the same root, half hour of
the day (UTC) and class of volatility. All that an outcome tells of volatility before the fact is
the spread at the point, so that is the class: wrong where a spread is a tick whatever happens.

References:
    Spearman 1904, The proof and measurement of association between two things; stratified as by
    van Elteren 1960: ranks are compared within a stratum and then put together. Interval: Fisher's
    z with the variance 1.06/(n − 3) of Fieller, Hartley, Pearson 1957, Tests for rank correlation
    coefficients. Grinold, Kahn 2000, Active Portfolio Management: the information coefficient.
    Spreads go with volatility: Wyart et al. 2008, Relation between bid–ask spread, impact and
    volatility in order-driven markets.
"""

import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from operators.model.accuracy import Z_95

_STRATUM_NS: Final = 1_800_000_000_000
_DAY: Final = 48
_STEPS: Final = 50
"""Steps of probability told apart."""
_HALF_TICKS_MAX: Final = 40
_HALF_SPREADS_TICKS: Final = (0.5, 1.0, 2.0)
"""Bounds of the classes of volatility, each included below."""
_ROOTS_MAX: Final = 64
_OTHER: Final = "other"
_CERTAIN: Final = 1 - 1e-9
"""A correlation of one has no z."""
COUNT_MIN: Final = 10
"""Fewer points have no correlation worth a number."""


class Stratum(NamedTuple):
    """Points that are compared with each other."""

    root: str
    """Or whatever else points must share, such as root and tape's regime."""
    half_hour: int
    """Of the day, UTC, 0…47."""
    volatility: int
    """Class by the spread at the point, 0…3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """Rank correlation of stated probability and markout, signals and matched points together."""

    coefficient: float | None
    """−1…1; above 0 where more was stated more followed. None of fewer than ten points."""
    low: float | None
    """95 % interval, as if points were independent."""
    high: float | None
    count: int
    """Signals that have their like."""
    control_count: int
    """Points that made no signal, of the same root, half hour and class of volatility."""
    unmatched: int
    """Signals without such a point: left out."""
    strata: int
    """Roots, half hours and classes that hold both."""
    markout_difference_ticks: float | None
    """Mean markout of signals less that of their controls, strata weighted by their signals."""


@dataclass(slots=True)
class Ranks:
    """Points by stratum, probability and markout in half ticks.

    State: at most 65 roots · 48 · 4 strata of 51 · 81 · 2 counts; only cells that were met.
    """

    cells: Counter[tuple[Stratum, int, int, bool]] = field(default_factory=Counter)
    """The last says whether it was a signal."""
    roots: set[str] = field(default_factory=set)

    def add(
        self,
        root: str,
        ts_from: int,
        probability: float,
        markout_ticks: float,
        *,
        half_spread_ticks: float,
        is_signal: bool,
    ) -> None:
        """Count one point; `half_spread_ticks` as it was at the point."""
        if root not in self.roots and len(self.roots) >= _ROOTS_MAX:
            root = _OTHER
        self.roots.add(root)
        half_ticks = max(-_HALF_TICKS_MAX, min(_HALF_TICKS_MAX, round(2 * markout_ticks)))
        volatility = bisect_left(_HALF_SPREADS_TICKS, round(half_spread_ticks, 6))
        stratum = Stratum(root, ts_from // _STRATUM_NS % _DAY, volatility)
        self.cells[stratum, round(probability * _STEPS), half_ticks, is_signal] += 1

    def information(self) -> Information:
        """Of the strata that hold signals and points that made none."""
        matched, unmatched = self._matched()
        covariance = first = second = 0.0
        signals = controls = 0
        difference = 0.0
        for _, cells in sorted(matched.items()):
            xs, ys = _ranks(cells, 0), _ranks(cells, 1)
            for (x, y, _), count in sorted(cells.items()):
                covariance += count * xs[x] * ys[y]
                first += count * xs[x] ** 2
                second += count * ys[y] ** 2
            here, there = _means(cells)
            signals, controls = signals + here[0], controls + there[0]
            difference += here[0] * (here[1] - there[1])
        spread = math.sqrt(first * second)
        count = signals + controls
        has = count >= COUNT_MIN and spread > 0
        coefficient = max(-1.0, min(1.0, covariance / spread)) if has else None
        low, high = _interval(coefficient, count - len(matched) + 1)
        return Information(
            coefficient=coefficient,
            low=low,
            high=high,
            count=signals,
            control_count=controls,
            unmatched=unmatched,
            strata=len(matched),
            markout_difference_ticks=difference / signals if signals else None,
        )

    def _matched(self) -> tuple[dict[Stratum, Counter[tuple[int, int, bool]]], int]:
        """Strata with both, and how many signals have no other point in theirs."""
        strata: dict[Stratum, Counter[tuple[int, int, bool]]] = {}
        for (stratum, x, y, is_signal), count in self.cells.items():
            strata.setdefault(stratum, Counter())[x, y, is_signal] += count
        kinds = {stratum: {cell[2] for cell in cells} for stratum, cells in strata.items()}
        alone = [cells for stratum, cells in strata.items() if kinds[stratum] == {True}]
        both = {stratum: cells for stratum, cells in strata.items() if len(kinds[stratum]) == 2}
        return both, sum(cells.total() for cells in alone)


def _ranks(cells: Counter[tuple[int, int, bool]], axis: int) -> dict[int, float]:
    """Value → its mid-rank in −½…½, of as many as there are."""
    totals: Counter[int] = Counter()
    for cell, count in cells.items():
        totals[cell[axis]] += count
    below, found, every = 0, {}, totals.total()
    for value in sorted(totals):
        found[value] = (below + totals[value] / 2) / every - 0.5
        below += totals[value]
    return found


def _means(cells: Counter[tuple[int, int, bool]]) -> tuple[tuple[int, float], tuple[int, float]]:
    """Count and mean markout in ticks, of signals and of the others."""
    counts, sums = [0, 0], [0, 0]
    for (_, half_ticks, is_signal), count in cells.items():
        counts[is_signal] += count
        sums[is_signal] += count * half_ticks
    of_others, of_signals = ((n, total / (2 * n)) for n, total in zip(counts, sums, strict=True))
    return of_signals, of_others


def _interval(coefficient: float | None, count: int) -> tuple[float | None, float | None]:
    if coefficient is None or count <= 3:
        return None, None
    middle = math.atanh(max(-_CERTAIN, min(_CERTAIN, coefficient)))
    half = Z_95 * math.sqrt(1.06 / (count - 3))
    return math.tanh(middle - half), math.tanh(middle + half)

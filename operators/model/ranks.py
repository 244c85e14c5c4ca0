"""Ranks: does a higher stated probability go with a higher markout, at the same time of day?

References:
    Spearman 1904, The proof and measurement of association between two things; stratified as by
    van Elteren 1960: ranks are compared within a half hour of the day and then put together.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_STRATUM_NS: Final = 1_800_000_000_000
_DAY: Final = 48
_STEPS: Final = 50
"""Steps of probability told apart."""
_HALF_TICKS_MAX: Final = 40
COUNT_MIN: Final = 10
"""Fewer points have no correlation worth a number."""


@dataclass(slots=True)
class Ranks:
    """Points by half hour of the day (UTC), probability and markout in half ticks.

    State: at most 48 · 51 · 81 counts.
    """

    cells: Counter[tuple[int, int, int]] = field(default_factory=Counter)

    def add(self, ts_from: int, probability: float, markout_ticks: float) -> None:
        """Count one point: a signal, or one of those it is compared with."""
        half_ticks = max(-_HALF_TICKS_MAX, min(_HALF_TICKS_MAX, round(2 * markout_ticks)))
        stratum = ts_from // _STRATUM_NS % _DAY
        self.cells[stratum, round(probability * _STEPS), half_ticks] += 1

    def coefficient(self) -> float | None:
        """Rank correlation within half hours, −1…1; None of too few points or of equal ones."""
        if self.cells.total() < COUNT_MIN:
            return None
        strata: dict[int, Counter[tuple[int, int]]] = {}
        for (stratum, x, y), count in self.cells.items():
            strata.setdefault(stratum, Counter())[x, y] += count
        covariance = first = second = 0.0
        for _, cells in sorted(strata.items()):
            xs, ys = _ranks(cells, 0), _ranks(cells, 1)
            for (x, y), count in sorted(cells.items()):
                covariance += count * xs[x] * ys[y]
                first += count * xs[x] ** 2
                second += count * ys[y] ** 2
        spread = math.sqrt(first * second)
        return covariance / spread if spread > 0 else None


def _ranks(cells: Counter[tuple[int, int]], axis: int) -> dict[int, float]:
    """Value → its mid-rank in −½…½, of as many as there are."""
    totals: Counter[int] = Counter()
    for pair, count in cells.items():
        totals[pair[axis]] += count
    below, found, every = 0, {}, totals.total()
    for value in sorted(totals):
        found[value] = (below + totals[value] / 2) / every - 0.5
        below += totals[value]
    return found

"""Figures of merit: intervals, calibration error, Brier score and skill. Plain formulas."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Z_95: Final = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""
BINS: Final = 10


class Interval(NamedTuple):
    """A 95 % interval of a share."""

    low: float
    high: float


def ratio(part: float, whole: float) -> float | None:
    """Share, or rate; None where there is nothing to divide by."""
    return part / whole if whole > 0 else None


def wilson(hits: int, n: int) -> Interval | None:
    """Wilson's score interval of hits/n, 95 %; None where n is 0.

    E. B. Wilson: Probable inference, the law of succession, and statistical inference (1927).
    """
    if n == 0:
        return None
    p, z2 = hits / n, Z_95 * Z_95
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


class Bin(NamedTuple):
    """One bin of a reliability table."""

    n: int
    p_mean: float
    """Mean of the probabilities stated."""
    hit_ratio: float
    """How often it was so."""
    interval: Interval


def reliability(p: NDArray[np.float64], y: NDArray[np.bool_], bins: int = BINS) -> list[Bin]:
    """Bins of equal mass over `p`, (n,); `y`, (n,), says whether it was so.

    Equal probabilities stay in one bin, so that bins depend on the values alone, not on their
    order: a bin may be larger than n/bins, and there may be fewer bins.
    """
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    table, start = [], 0
    for number in range(1, bins + 1):
        stop = round(number * p.size / bins)
        if stop <= start:
            continue
        stop = int(np.searchsorted(p, p[stop - 1], side="right"))
        hits, n = int(y[start:stop].sum()), stop - start
        interval = wilson(hits, n)
        assert interval is not None
        table.append(Bin(n, float(p[start:stop].mean()), hits / n, interval))
        start = stop
    return table


def calibration_error(table: list[Bin]) -> float | None:
    """Expected calibration error: Σ n/N · |hit ratio − mean probability| over the bins."""
    total = sum(each.n for each in table)
    return ratio(sum(each.n * abs(each.hit_ratio - each.p_mean) for each in table), total)


def brier(p: NDArray[np.float64], y: NDArray[np.bool_]) -> float | None:
    """Mean of (p − y)²; None where there is nothing to average.

    G. W. Brier: Verification of forecasts expressed in terms of probability (1950).
    """
    return float(((p - y) ** 2).mean()) if p.size else None


def brier_skill(p: NDArray[np.float64], y: NDArray[np.bool_]) -> float | None:
    """1 − Brier/Brier of the base rate; None where y never differs and there is nothing to know."""
    score = brier(p, y)
    if score is None:
        return None
    base = float(y.mean())
    return None if base in (0.0, 1.0) else 1 - score / (base * (1 - base))

"""Reliability: of the signals that said p, how many were right. Pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BINS: Final = 10
Z_95: Final = 1.959964
"""Normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Outcomes whose stated probability lay in one bin."""

    horizon_s: int
    probability_from: float
    """Included."""
    probability_to: float
    """Excluded, but for 1."""
    count: int
    hits: int
    probability_mean: float
    """Mean of what was stated."""
    hit_ratio: float
    hit_ratio_low: float
    """95 % Wilson interval."""
    hit_ratio_high: float


def wilson(hits: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a share, from `hits` of `count`; (0, 1) of none.

    References:
        Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if count == 0:
        return 0.0, 1.0
    share, z2 = hits / count, z * z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def reliability(outcomes: Iterable[tuple[int, float, bool]]) -> list[ReliabilityBin]:
    """Non-empty bins by horizon, then probability, of (horizon_s, probability, hit)."""
    sums: dict[tuple[int, int], tuple[int, int, float]] = {}
    for horizon_s, probability, hit in outcomes:
        key = (horizon_s, min(BINS - 1, int(probability * BINS)))
        count, hits, total = sums.get(key, (0, 0, 0.0))
        sums[key] = (count + 1, hits + bool(hit), total + probability)
    return [_bin(horizon_s, number, *sums[horizon_s, number]) for horizon_s, number in sorted(sums)]


def _bin(horizon_s: int, number: int, count: int, hits: int, total: float) -> ReliabilityBin:
    low, high = wilson(hits, count)
    return ReliabilityBin(
        horizon_s=horizon_s,
        probability_from=number / BINS,
        probability_to=(number + 1) / BINS,
        count=count,
        hits=hits,
        probability_mean=total / count,
        hit_ratio=hits / count,
        hit_ratio_low=low,
        hit_ratio_high=high,
    )

"""Reliability: of the signals that said p, how many were right, and what followed them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from operators.model.accuracy import BINS, Drift, Score, Tally, judged, wilson
from operators.model.following import Followed, Following
from operators.model.ranks import Information, Ranks

DRIFT_OUTCOMES: Final = 250
DRIFT_ECE_MAX: Final = 0.05
"""As the defaults of the step `outcome`."""


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


def reliability(outcomes: Iterable[tuple[int, float, bool]]) -> list[ReliabilityBin]:
    """Non-empty bins by horizon, then probability, of (horizon_s, probability, hit)."""
    sums: dict[tuple[int, int], tuple[int, int, float]] = {}
    for horizon_s, probability, hit in outcomes:
        key = (horizon_s, min(BINS - 1, int(probability * BINS)))
        count, hits, total = sums.get(key, (0, 0, 0.0))
        sums[key] = (count + 1, hits + bool(hit), total + probability)
    return [_bin(horizon_s, number, *sums[horizon_s, number]) for horizon_s, number in sorted(sums)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonAccuracy:
    """How signals did at one horizon, beside points that made none."""

    score: Score
    information: Information
    """Whether more followed where more was stated, of signals and points like them that made none:
    same root, half hour of the day and class of volatility."""
    followed: Followed | None
    """What trading each signal would have made: a simulation. None at the first horizon."""


def accuracy(outcomes: Iterable[Mapping[str, Any]]) -> list[HorizonAccuracy]:
    """By horizon, of outcomes as their topic has them; what is held does not grow with samples."""
    tallies: dict[int, Tally] = {}
    ranks: dict[int, Ranks] = {}
    following = Following()
    for one in outcomes:
        horizon_s, markout = one["horizon_s"], one["markout_ticks"]
        probability, calibration = judged(one["probability"], one.get("p_move"), one["calibration"])
        tally = tallies.setdefault(horizon_s, Tally(Drift(DRIFT_OUTCOMES)))
        tally.add(
            probability=probability,
            kind=one["kind"],
            sampled=one["sampled"],
            markout_ticks=markout,
            unknown=one["unknown"],
            calibration=calibration,
        )
        of_horizon = ranks.setdefault(horizon_s, Ranks())
        if markout is not None:
            of_horizon.add(
                one["root"],
                int(one["ts_from"]),
                one["probability"],
                markout,
                half_spread_ticks=one["move_ticks"] - markout,
                is_signal=not one["sampled"],
            )
        following.add(one)
    first = min(tallies, default=0)
    return [
        HorizonAccuracy(
            score=tallies[horizon_s].score(horizon_s, DRIFT_ECE_MAX),
            information=ranks[horizon_s].information(),
            followed=None
            if horizon_s == first
            else following.followed(enter_s=first, leave_s=horizon_s),
        )
        for horizon_s in sorted(tallies)
    ]


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

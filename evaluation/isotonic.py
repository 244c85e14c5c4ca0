"""Isotonic regression and Venn–Abers intervals: how often it was so, rising with a score.

Plain: pool adjacent violators over sorted scores.

References:
    Ayer, Brunk, Ewing, Reid, Silverman 1955, An empirical distribution function for sampling with
    incomplete information. Vovk, Petej, Fedorova 2015, Large-scale probabilistic predictors with
    and without guarantees of validity (inductive Venn–Abers).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIGITS: Final = 6


class Step(NamedTuple):
    """A stretch of scores on which the fitted share is one."""

    score: float
    """Its lowest score."""
    share: float
    weight: float


def pool(scores: Floats, hits: Floats, weights: Floats) -> list[Step]:
    """Rising shares that fit best: adjacent steps that fall are pooled until none does.

    Args:
        scores: (n,), in any order; equal ones are one step from the start.
        hits: (n,), 0…1: whether it was so.
        weights: (n,), above 0.
    """
    steps: list[Step] = []
    for score, share, weight in _ties(scores, hits, weights):
        steps.append(Step(score, share, weight))
        while len(steps) > 1 and steps[-2].share >= steps[-1].share:
            last, before = steps.pop(), steps.pop()
            total = before.weight + last.weight
            both = (before.share * before.weight + last.share * last.weight) / total
            steps.append(Step(before.score, both, total))
    return steps


def share_at(steps: list[Step], score: float) -> float:
    """The share of the step that a score lies on; below the first one that one's."""
    found = steps[0].share
    for step in steps:
        if step.score > score:
            break
        found = step.share
    return found


def venn_abers(
    scores: Floats, hits: Floats, weights: Floats, at: float, mass: float = 1.0
) -> tuple[float, float]:
    """Interval of the share at a score: fitted with one more point there that was not, and was.

    `mass` is the weight of that point: where points come in runs that stand for one another, one
    run's.
    """
    low, high = (
        share_at(
            pool(
                np.append(scores, at),
                np.append(hits, label),
                np.append(weights, mass),
            ),
            at,
        )
        for label in (0.0, 1.0)
    )
    return low, high


def _ties(scores: Floats, hits: Floats, weights: Floats) -> list[tuple[float, float, float]]:
    """Score, share and weight of each distinct score, ascending."""
    values, place = np.unique(scores, return_inverse=True)
    weight = np.bincount(place, weights)
    hit = np.bincount(place, weights * hits)
    return list(zip(values.tolist(), (hit / weight).tolist(), weight.tolist(), strict=True))

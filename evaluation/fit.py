"""Fit the weights of evidence to labelled tapes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.design import WEIGHTS
from evaluation.evidence import Seen
from evaluation.labels import Event
from evaluation.logistic import fit_logistic
from evaluation.weighing import Points, evaluated
from operators.analyze_config import AnalyzeConfig
from operators.weigh_config import WeighConfig

ROUNDS: Final = 4
"""Weights decide which pieces of a group count: fitting and choosing take turns."""
RIDGE: Final = 3.0
RIDGE_BIAS: Final = 1e-6
VETO_MIN: Final = 0.02
"""A veto of no weight would take nothing, and so could not be fitted in the next round."""
DIGITS: Final = 3
WEIGHT_MAX: Final = 10.0


class Labelled(NamedTuple):
    """What was seen on one tape, and the truth."""

    seen: tuple[Seen, ...]
    events: tuple[Event, ...]


class Fitted(NamedTuple):
    """Weights, and how well they do on what they were fitted to."""

    weights: WeighConfig
    points: int
    runs: float
    base_rate: float
    loss: float
    """Mean log-loss, nats; each run counts one."""
    loss_before: float


def fit(tapes: Sequence[Labelled], config: AnalyzeConfig) -> Fitted:
    """Weights ≥ 0 and a bias: logistic regression with a ridge on all evaluations of the tapes.

    A weight whose detector was never seen stays what it is.
    """
    weights, before = config.weights, None
    for _ in range(ROUNDS):
        points = pooled(tapes, replace(config, weights=weights))
        if before is None:
            before = log_loss(points, points.log_odds)
        weights = _fitted(points, weights)
    points = pooled(tapes, replace(config, weights=weights))
    mass = points.mass.sum()
    assert before is not None
    return Fitted(
        weights,
        points.hits.size,
        float(mass),
        float((points.hits * points.mass).sum() / mass),
        log_loss(points, points.log_odds),
        before,
    )


def pooled(tapes: Sequence[Labelled], config: AnalyzeConfig) -> Points:
    """All evaluations of some tapes."""
    parts = [evaluated(tape.seen, tape.events, config) for tape in tapes]
    return Points(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def log_loss(points: Points, log_odds: NDArray[np.float64]) -> float:
    """Mean over the points by their mass, nats."""
    loss = np.logaddexp(0.0, log_odds) - points.hits * log_odds
    return float((points.mass * loss).sum() / points.mass.sum())


def _fitted(points: Points, weights: WeighConfig) -> WeighConfig:
    start = np.array([weights.bias, *(getattr(weights, name) for name in WEIGHTS)])
    ridge = np.array([RIDGE_BIAS, *([RIDGE] * len(WEIGHTS))])
    found = fit_logistic(points.features, points.hits, points.mass, ridge, start)
    told: dict[str, Any] = {"bias": round(float(found[0]), DIGITS)}
    for name, value, column in zip(WEIGHTS, found[1:], points.features.T, strict=True):
        if not column.any():
            continue
        least = VETO_MIN if name.startswith("veto_") else 0.0
        told[name] = min(max(round(float(value), DIGITS), least), WEIGHT_MAX)
    return replace(weights, **told)

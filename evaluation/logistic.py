"""Logistic regression with a ridge and weights that are not negative. Deterministic."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS_MAX: Final = 100
HALVINGS_MAX: Final = 40
GAIN_MIN: Final = 1e-9


def fit_logistic(
    features: Floats, hits: Floats, mass: Floats, ridge: Floats, start: Floats
) -> Floats:
    """Bias and weights (k + 1,), the weights ≥ 0, that make Σ mass·loss + ½ Σ ridge·w² least.

    Projected Newton steps: those weights that stand at 0 and would fall stay; the rest take the
    step of their own quadratic, cut at 0 and halved until the loss falls.

    Args:
        features: (n, k).
        hits: (n,), 0 or 1.
        mass: (n,), what each point counts, above 0.
        ridge: (k + 1,), of the bias and the weights, above 0.
        start: (k + 1,), where to begin; it only costs steps.

    References:
        Bertsekas 1982, Projected Newton methods for optimization problems with simple constraints.
    """
    table = np.hstack([np.ones((features.shape[0], 1)), features])
    w = start.astype(np.float64).copy()
    w[1:] = np.maximum(w[1:], 0.0)
    for _ in range(STEPS_MAX):
        p = _logistic(table @ w)
        slope = table.T @ (mass * (p - hits)) + ridge * w
        free = np.ones(w.size, np.bool_)
        free[1:] = (w[1:] > 0) | (slope[1:] < 0)
        part = table[:, free]
        curve = (part * (mass * p * (1 - p))[:, None]).T @ part + np.diag(ridge[free])
        step = np.zeros(w.size)
        step[free] = np.linalg.solve(curve, slope[free])
        moved = _least(table, hits, mass, ridge, w, step)
        if moved is None:
            break
        w = moved
    return w


def loss(table: Floats, hits: Floats, mass: Floats, ridge: Floats, w: Floats) -> float:
    """What `fit_logistic` makes least; `table` has a first column of ones."""
    z = table @ w
    of_points = np.sum(mass * (np.logaddexp(0.0, z) - hits * z))
    return float(of_points + 0.5 * np.sum(ridge * w * w))


def _least(
    table: Floats, hits: Floats, mass: Floats, ridge: Floats, w: Floats, step: Floats
) -> Floats | None:
    """The longest of step, ½ step, ¼ step … that makes the loss less; None: none does."""
    before = loss(table, hits, mass, ridge, w)
    length = 1.0
    for _ in range(HALVINGS_MAX):
        moved = w - length * step
        moved[1:] = np.maximum(moved[1:], 0.0)
        if loss(table, hits, mass, ridge, moved) < before - GAIN_MIN:
            return moved
        length /= 2
    return None


def _logistic(z: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -40, 40))))

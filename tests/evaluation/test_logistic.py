import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.logistic import fit_logistic, loss


def drawn(seed, n=400, true=(-1.0, 0.8, 0.0, 1.5)):
    """Points of a known law; the second feature says nothing, or the opposite."""
    rng = np.random.default_rng(seed)
    features = np.abs(rng.normal(size=(n, 3)))
    z = true[0] + features @ np.array(true[1:])
    hits = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(np.float64)
    return features, hits


def fitted(features, hits, ridge=1e-3):
    k = features.shape[1] + 1
    mass = np.ones(hits.size)
    return fit_logistic(features, hits, mass, np.full(k, ridge), np.zeros(k))


def test_it_finds_the_law_that_made_the_points():
    assert fitted(*drawn(1, n=40_000)) == pytest.approx([-1.0, 0.8, 0.0, 1.5], abs=0.1)


def test_what_speaks_against_gets_no_weight():
    found = fitted(*drawn(2, true=(1.0, 0.8, -1.0, 0.5)))
    assert found[2] == 0.0
    assert (found[1:] >= 0).all()


@given(st.integers(0, 30), st.integers(0, 3), st.sampled_from([-0.02, 0.02]))
def test_nothing_near_it_is_better(seed, place, by):
    features, hits = drawn(seed, n=60)
    found = fitted(features, hits, ridge=0.5)
    table = np.hstack([np.ones((60, 1)), features])
    moved = found.copy()
    moved[place] += by
    if place == 0 or moved[place] >= 0:
        arguments = table, hits, np.ones(60), np.full(4, 0.5)
        assert loss(*arguments, moved) >= loss(*arguments, found) - 1e-6


def test_a_ridge_makes_weights_smaller():
    points = drawn(3)
    assert fitted(*points, ridge=100.0)[1:].sum() < fitted(*points)[1:].sum() / 2


def test_a_point_that_counts_twice_is_two_points():
    features, hits = drawn(4, n=50)
    k, mass = 4, np.ones(50)
    twice = fit_logistic(
        np.vstack([features, features[:10]]), np.append(hits, hits[:10]), np.ones(60),
        np.full(k, 0.1), np.zeros(k),
    )  # fmt: skip
    mass[:10] = 2
    heavier = fit_logistic(features, hits, mass, np.full(k, 0.1), np.zeros(k))
    assert heavier == pytest.approx(twice, abs=1e-6)

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.isotonic import pool, share_at, venn_abers

POINTS = st.lists(
    st.tuples(st.integers(-5, 5), st.integers(0, 1), st.integers(1, 4)), min_size=1, max_size=14
)


def columns(points):
    return tuple(np.array(column, np.float64) for column in zip(*points, strict=True))


def fitted(points):
    return pool(*columns(points))


def minimax(points, at):
    """The textbook's formula: max over starts ≤ at of min over ends ≥ at of the mean between."""
    scores = sorted({score for score, _, _ in points})
    place = scores.index(at)

    def mean(low, high):
        inside = [(hit, weight) for score, hit, weight in points if low <= score <= high]
        return sum(hit * weight for hit, weight in inside) / sum(weight for _, weight in inside)

    return max(min(mean(low, high) for high in scores[place:]) for low in scores[: place + 1])


@given(POINTS)
def test_it_is_the_best_rising_fit(points):
    steps = fitted(points)
    for score in {score for score, _, _ in points}:
        assert share_at(steps, score) == pytest.approx(minimax(points, score))


@given(POINTS)
def test_steps_rise_and_keep_the_mean(points):
    steps = fitted(points)
    assert all(a.share < b.share and a.score < b.score for a, b in pairwise(steps))
    mean = sum(hit * weight for _, hit, weight in points) / sum(weight for *_, weight in points)
    total = sum(step.weight for step in steps)
    assert sum(step.share * step.weight for step in steps) / total == pytest.approx(mean)


@given(POINTS, st.randoms(use_true_random=False))
def test_the_order_of_points_does_not_matter(points, random):
    shuffled = list(points)
    random.shuffle(shuffled)
    assert np.allclose(fitted(points), fitted(shuffled))


@given(POINTS, st.integers(-6, 6))
def test_an_interval_holds_the_fit(points, at):
    scores, hits, weights = columns(points)
    low, high = venn_abers(scores, hits, weights, float(at))
    assert 0 <= low <= high <= 1
    if any(score == at for score, _, _ in points):
        assert low <= share_at(fitted(points), at) + 1e-12
        assert high >= share_at(fitted(points), at) - 1e-12


def test_more_points_make_an_interval_narrower():
    few = [(float(n % 2), n % 3 == 0, 1) for n in range(12)]
    low, high = venn_abers(*columns(few), 1.0)
    low_many, high_many = venn_abers(*columns(few * 10), 1.0)
    assert high_many - low_many < (high - low) / 5


def test_below_the_first_step_its_share_holds():
    assert share_at(fitted([(0, 0, 1), (1, 1, 1)]), -3.0) == 0.0

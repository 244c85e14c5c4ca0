"""Figures of merit against values worked out by hand, and their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics import (
    brier,
    brier_skill,
    calibration_error,
    ratio,
    reliability,
    wilson,
)


def test_wilsons_interval_of_seven_in_ten():
    # (0.7 + 0.19207)/(1.38415) ± 1.95996·√(0.021 + 0.0096036)/1.38415
    assert wilson(7, 10) == pytest.approx((0.39677, 0.89221), abs=1e-4)
    assert wilson(0, 0) is None


@given(st.integers(1, 500), st.data())
def test_an_interval_holds_the_share_and_lies_within_0_and_1(n, data):
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high <= 1


def test_bins_have_equal_mass_and_equal_values_stay_together():
    p = np.array([0.9, 0.1, 0.2, 0.2, 0.8, 0.7])
    table = reliability(p, p > 0.5, bins=3)
    assert [each.n for each in table] == [3, 1, 2]
    assert [each.hit_ratio for each in table] == [0, 1, 1]


def test_the_calibration_error_weighs_each_bin_by_its_mass():
    p = np.array([0.6] * 4 + [0.9] * 6)
    y = np.array([True, False, False, False] + [True] * 6)
    # 0.4·|0.25 − 0.6| + 0.6·|1 − 0.9|
    assert calibration_error(reliability(p, y)) == pytest.approx(0.2)


def test_a_probability_that_is_kept_has_no_error():
    p = np.array([0.25] * 4 + [0.75] * 4)
    y = np.array([True, False, False, False, True, True, True, False])
    assert calibration_error(reliability(p, y)) == pytest.approx(0)
    assert brier(p, y) == pytest.approx(0.1875)
    assert brier_skill(p, y) == pytest.approx(0.25)


def test_nothing_stated_has_no_figures():
    p, y = np.zeros(0), np.zeros(0, np.bool_)
    assert reliability(p, y) == []
    assert calibration_error([]) is None
    assert brier(p, y) is None
    assert brier_skill(p, y) is None
    assert ratio(1, 0) is None


def test_the_base_rate_has_no_skill_and_certainty_has_all():
    y = np.array([True, False, True, True])
    assert brier_skill(np.full(4, 0.75), y) == pytest.approx(0)
    assert brier_skill(y.astype(float), y) == pytest.approx(1)
    assert brier_skill(np.full(4, 0.75), np.ones(4, np.bool_)) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60), st.randoms())
def test_bins_do_not_depend_on_the_order(stated, random):
    shuffled = list(stated)
    random.shuffle(shuffled)

    def table(pairs):
        bins = reliability(np.array([p for p, _ in pairs]), np.array([y for _, y in pairs], bool))
        return [(each.n, round(each.p_mean, 9), each.hit_ratio) for each in bins]

    assert table(stated) == table(shuffled)
    assert sum(each[0] for each in table(stated)) == len(stated)

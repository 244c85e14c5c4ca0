import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.ranks import Ranks

HALF_HOUR = 1_800_000_000_000


def of(points):
    ranks = Ranks()
    for point in points:
        ranks.add(*point)
    return ranks.coefficient()


def test_what_rises_together_has_a_coefficient_of_one():
    assert of([(0, n / 50, n / 2) for n in range(20)]) == pytest.approx(1)
    assert of([(0, n / 50, -n / 2) for n in range(20)]) == pytest.approx(-1)


def test_few_points_or_equal_ones_have_none():
    assert of([(0, n / 50, n / 2) for n in range(9)]) is None
    assert of([(0, 0.5, n / 2) for n in range(20)]) is None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-10, 10)), min_size=10, max_size=60))
def test_in_one_half_hour_it_is_spearmans(pairs):
    found = of([(7 * HALF_HOUR + 5, p / 50, m / 2) for p, m in pairs])
    x, y = (midranks([pair[axis] for pair in pairs]) for axis in (0, 1))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert found is None
    else:
        assert found == pytest.approx(np.corrcoef(x, y)[0, 1])


def midranks(values):
    values = np.array(values)
    return np.array([(values < v).sum() + (values == v).sum() / 2 for v in values])


def test_a_time_of_day_at_which_all_rises_is_no_skill():
    calm = [(0, p, m) for p, m in ((0.1, 0.0), (0.2, 0.0)) for _ in range(10)]
    busy = [(20 * HALF_HOUR, p, m) for p, m in ((0.8, 9.0), (0.9, 9.0)) for _ in range(10)]
    assert of(calm + busy) is None
    mixed = [(0, n % 10 / 10, n * 7 % 10) for n in range(50)]
    assert abs(of(mixed)) < 0.5

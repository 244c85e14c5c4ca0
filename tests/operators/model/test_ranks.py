import math
from bisect import bisect_left
from itertools import groupby
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.ranks import Ranks

HALF_HOUR = 1_800_000_000_000


def of(points):
    """Of (root, ts, probability, markout, half spread, is_signal)."""
    ranks = Ranks()
    for root, ts, probability, markout, half_spread, is_signal in points:
        ranks.add(
            root, ts, probability, markout, half_spread_ticks=half_spread, is_signal=is_signal
        )
    return ranks.information()


def es(pairs, ts=0):
    """Points of one stratum, every other one a signal."""
    return [("ES", ts, p, m, 0.5, number % 2 == 0) for number, (p, m) in enumerate(pairs)]


def test_what_rises_together_has_a_coefficient_of_one():
    rising = of(es([(n / 50, n / 2) for n in range(20)]))
    assert rising.coefficient == pytest.approx(1)
    assert rising.low <= rising.coefficient
    assert (rising.count, rising.control_count, rising.unmatched, rising.strata) == (10, 10, 0, 1)
    assert of(es([(n / 50, -n / 2) for n in range(20)])).coefficient == pytest.approx(-1)


def test_few_points_or_equal_ones_have_none():
    few = of(es([(n / 50, n / 2) for n in range(9)]))
    assert (few.coefficient, few.low, few.high) == (None, None, None)
    assert of(es([(0.5, n / 2) for n in range(20)])).coefficient is None
    assert of([]).markout_difference_ticks is None


POINTS = st.lists(
    st.tuples(
        st.sampled_from(["ES", "NQ"]),
        st.sampled_from([0, 5, HALF_HOUR, 48 * HALF_HOUR + 1]),
        st.integers(0, 50).map(lambda n: n / 50),
        st.integers(-10, 10).map(lambda n: n / 2),
        st.sampled_from([0.5, 0.75, 1.5, 9.0]),
        st.booleans(),
    ),
    max_size=80,
)


@given(POINTS, st.randoms(use_true_random=False))
def test_it_is_what_plain_ranks_say_of_strata_with_signals_and_controls(points, rng):
    found = of(rng.sample(points, len(points)))
    xs, ys, strata, difference, unmatched = [], [], 0, 0.0, 0
    ordered = sorted(points, key=stratum)
    for _, some in groupby(ordered, key=stratum):
        group = list(some)
        signals = [one[3] for one in group if one[5]]
        others = [one[3] for one in group if not one[5]]
        if not others:
            unmatched += len(signals)
        if signals and others:
            strata += 1
            xs += midranks([one[2] for one in group])
            ys += midranks([one[3] for one in group])
            difference += len(signals) * (np.mean(signals) - np.mean(others))
    assert (found.strata, found.unmatched) == (strata, unmatched)
    assert found.count + found.control_count == len(xs)
    if found.count:
        assert found.markout_difference_ticks == pytest.approx(difference / found.count)
    if len(xs) < 10 or np.ptp(xs) == 0 or np.ptp(ys) == 0:
        assert found.coefficient is None
        return
    # Mid-ranks in each stratum have mean 0, so the pooled correlation is theirs put together.
    assert found.coefficient == pytest.approx(np.corrcoef(xs, ys)[0, 1], abs=1e-9)
    if abs(found.coefficient) < 0.99:
        z, half = math.atanh(found.coefficient), math.sqrt(1.06 / (len(xs) - strata - 2))
        quantile = NormalDist().inv_cdf(0.975)
        assert found.low == pytest.approx(math.tanh(z - quantile * half), abs=1e-6)
        assert found.high == pytest.approx(math.tanh(z + quantile * half), abs=1e-6)


def stratum(point):
    return point[0], point[1] // HALF_HOUR % 48, bisect_left([0.5, 1.0, 2.0], point[4])


def midranks(values):
    values = np.array(values)
    ranks = [(values < v).sum() + (values == v).sum() / 2 for v in values]
    return [rank / len(values) - 0.5 for rank in ranks]


def test_a_root_a_time_or_a_spread_at_which_all_rises_is_no_skill():
    for other in (("NQ", 0, 0.5), ("ES", 20 * HALF_HOUR, 0.5), ("ES", 0, 2.0)):
        calm = [("ES", 0, p, 0.0, 0.5, p == 0.2) for p in (0.1, 0.2) for _ in range(10)]
        root, ts, half_spread = other
        busy = [(root, ts, p, 9.0, half_spread, p == 0.9) for p in (0.8, 0.9) for _ in range(10)]
        found = of(calm + busy)
        assert (found.coefficient, found.strata, found.count) == (None, 2, 20)
        assert found.markout_difference_ticks == 0.0
    assert abs(of(es([(n % 10 / 10, n * 7 % 10) for n in range(50)])).coefficient) < 0.5


def test_signals_without_their_like_are_left_out_and_counted():
    alone = [("NQ", 0, 0.9, 40.0, 0.5, True)] * 5
    unasked = [("ES", HALF_HOUR, 0.1, -40.0, 0.5, False)] * 5
    plain = of(es([(n / 50, n / 2) for n in range(20)]))
    found = of(es([(n / 50, n / 2) for n in range(20)]) + alone + unasked)
    assert (found.coefficient, found.count, found.unmatched) == (plain.coefficient, 10, 5)


def test_roots_are_bounded():
    ranks = Ranks()
    for number in range(500):
        ranks.add(f"R{number}", 0, 0.5, 1.0, half_spread_ticks=0.5, is_signal=True)
    assert len(ranks.cells) == 65
    assert ranks.information().unmatched == 500

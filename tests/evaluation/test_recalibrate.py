from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.calibrate import Stated
from evaluation.recalibrate import OUTCOMES_MIN, STEP_MIN, Told, fitted, kept, recalibrate
from operators.model.calibration import Steps
from operators.model.calibration_record import STEPS_MAX, read_table

BASE = "6ebf1fe06a36"
ONE = Told("ES", "a", "sweep", "buy", 1, 100, 60, 0.5, False, True, BASE)
WRONG = Steps((-9.0,), (0.9,), (0.8,), (1.0,))


def drawn(count, seed=0, share=lambda x: 0.3 + 0.2 * (x > 0)):
    """Outcomes that move so often as their log-odds say; samples below 0."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        x = round(float(rng.normal()), 2)
        hit = bool(rng.random() < share(x))
        made.append(
            Told("ES", "" if x < 0 else f"s{number}", "sweep", "buy", 1, number, 60, x, x < 0, hit,
                 BASE)
        )  # fmt: skip
    return made


def made(points, old=WRONG, **changes):
    words = {"old": old, "follows": BASE, "horizon_s": 60, "sample_every": 16} | changes
    return recalibrate(points, **words)


def test_steps_follow_what_came_true():
    found = made(drawn(3000))
    steps = dict(zip(*[[row[n] for row in found.table.rows] for n in (0, 1)], strict=True))
    low = [p for x, p in steps.items() if x < -0.5]
    high = [p for x, p in steps.items() if x > 0.5]
    assert all(0.2 < p < 0.4 for p in low)
    assert all(0.4 < p < 0.6 for p in high)
    assert found.before.error == pytest.approx(0.5, abs=0.05)
    assert found.after.error < 0.05
    assert found.is_better
    assert found.judged == 1000


def test_the_table_names_what_it_follows_and_can_be_followed():
    first = made(drawn(600)).table
    second = made(drawn(600, seed=1), follows=first.version).table
    assert (first.follows, second.follows) == (BASE, first.version)
    assert second.base == BASE
    assert read_table(second.text()) == second


def test_the_same_outcomes_in_any_order_give_the_same_table():
    points = drawn(500)
    backward = kept(points[::-1], 60, BASE)
    assert made(backward.points).table == made(kept(points, 60, BASE).points).table


def test_what_is_in_force_and_right_is_not_bettered_by_chance():
    right = Steps((-9.0, 0.0), (0.3, 0.5), (0.2, 0.4), (0.4, 0.6))
    better = [made(drawn(600, seed=seed), old=right).is_better for seed in range(8)]
    assert sum(better) <= 3


def test_too_few_are_refused_and_said():
    points = drawn(OUTCOMES_MIN)
    made(points)
    with pytest.raises(ValueError, match="expected at least 300 outcomes that are known, found 29"):
        made(points[:-1])


def test_without_steps_in_force_any_are_better():
    found = made(drawn(400), old=None)
    assert found.before is None
    assert found.is_better


def test_a_sample_counts_as_one_outcome_and_weighs_as_many():
    # As many samples as would make a step by weight, but too few to be one.
    few = Stated(
        np.array([-1.0] * 10 + [1.0] * 90), np.array([0.0] * 10 + [1.0] * 90),
        np.array([16.0] * 10 + [1.0] * 90),
    )  # fmt: skip
    (p,) = fitted(few).p
    assert p == pytest.approx(90 / 250, abs=0.01)


def test_what_cannot_be_learnt_from_is_counted_by_reason():
    others = [
        ONE._replace(horizon_s=5),
        ONE._replace(kind="control"),
        ONE._replace(calibration="uncalibrated"),
        ONE._replace(calibration="000000000000.111111111111"),
        ONE._replace(hit=None),
        ONE._replace(hit=False),
    ]
    follower = ONE._replace(signal_id="b", calibration=f"{BASE}.111111111111")
    found = kept([ONE, *others, follower], 60, BASE)
    assert found.points == (ONE, follower)
    assert found.left_out == Counter(
        {"another calibration": 2, "another horizon": 1, "controls": 1, "not known": 1,
         "repeated": 1}
    )  # fmt: skip


@settings(deadline=None, max_examples=10)
@given(
    st.lists(
        st.tuples(
            st.floats(-20, 20).map(lambda x: round(x, 4)), st.booleans(), st.booleans()
        ),
        min_size=OUTCOMES_MIN, max_size=OUTCOMES_MIN + 150,
    )
)  # fmt: skip
def test_any_outcomes_give_a_table_within_bounds(values):
    points = [
        ONE._replace(signal_id=str(n), ts_from=n, log_odds=x, hit=hit, sampled=sampled)
        for n, (x, hit, sampled) in enumerate(values)
    ]
    table = made(points).table
    assert 1 <= len(table.rows) <= min(STEPS_MAX, len(points) // STEP_MIN)
    assert replace(table) == read_table(table.text())

"""How rare a sweep is in its instrument; the rule itself is in test_sweep.py, beside its oracle."""

import numpy as np
import pytest

from operators.detectors.points import points_of
from operators.detectors.sweep import CHAIN_DTYPE, Sweep
from operators.detectors.sweep_config import SweepConfig
from operators.detectors.sweep_rates import CLASSES, RATE_DTYPE
from tests.evaluations import evaluations, execution
from tests.operators.detectors.test_sweep import sweeps


def one_a_minute(first, count, levels):
    """Aggressors of so many levels, each a chain of its own."""
    return [
        execution(first + 60 * n, 1, 50, levels=levels, ask_size_before=0) for n in range(count)
    ]


def test_sweeps_that_come_all_the_time_are_weak_and_then_none():
    found = sweeps(*one_a_minute(1, 400, 3))
    strengths = [one.strength for one in found]
    assert strengths[0] == 2.5
    assert strengths == sorted(strengths, reverse=True)
    assert 1.1 < strengths[-1] < 1.4
    assert len(found) < 200
    assert sweeps(*one_a_minute(1, 400, 3), per_hour_max=61)[-1].strength < 1


def test_a_deeper_one_is_told_all_the_same_and_how_rare_it_is():
    rows = one_a_minute(1, 400, 3) + one_a_minute(30_000, 1, 6)
    last = sweeps(*rows)[-1]
    assert (last.measure, last.strength) == (6.0, 5.0)
    assert last.text.endswith("at the touch; 0 like it among the 400 before")


def test_pauses_are_no_time_in_which_sweeps_did_not_come():
    plain = one_a_minute(1, 320, 3)
    paused = plain + one_a_minute(9e5, 60, 3)
    assert len(sweeps(*paused, per_hour_max=100)) == 380
    assert sweeps(*paused, per_hour_max=100)[-1].strength == pytest.approx(
        sweeps(*plain, per_hour_max=100)[-1].strength, abs=0.05
    )


def test_counts_are_halved_before_they_outgrow_their_room():
    state = np.zeros(1, RATE_DTYPE)
    state["chains"], state["time_ns"], state["octaves"] = 65_534, 2**50, 9
    kept = {"chains": np.zeros(0, CHAIN_DTYPE), "rates": state, "pools": state[:0]}
    sweep = Sweep(SweepConfig(), kept)
    rows = [execution(1, 1, 5), execution(2, 1, 5)]
    assert sweep.observe(points_of(evaluations(rows), {}, 0.8)) == []
    kept = sweep.snapshot()["rates"][0]
    assert (kept["chains"], kept["octaves"].tolist()) == (32_767, [4] * CLASSES)
    assert 2**49 < kept["time_ns"] < 2**49 + 10**9


def test_what_is_usual_in_the_root_is_expected_of_an_instrument_that_is_new():
    crowd = [
        execution(1 + n, 1, 50, levels=3, ask_size_before=0, instrument_id=1 + n % 40)
        for n in range(400)
    ]
    late = execution(500, 1, 50, levels=3, ask_size_before=0, instrument_id=99)
    assert [one.instrument_id for one in sweeps(*crowd, late) if one.instrument_id == 99] == []
    assert [one.strength for one in sweeps(late)] == [2.5]

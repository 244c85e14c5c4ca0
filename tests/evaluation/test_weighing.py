from dataclasses import replace

import numpy as np
import pytest

from evaluation.alarms import FOREVER
from evaluation.design import WEIGHTS
from evaluation.evidence import Seen
from evaluation.labels import Event
from evaluation.weighing import (
    RUN_NS,
    evaluated,
    is_at_work,
    loosened,
    scores_of,
    signalled,
    threshold_at,
)
from operators.analyze_config import AnalyzeConfig
from operators.model.calibration import Alarms, Calibration, Steps
from operators.weigh_config import WeighConfig
from tests.evaluations import ns
from tests.operators.test_weigh import seen

CONFIG = AnalyzeConfig(weights=WeighConfig(structural_sweep=0.5, bias=-1.8))


def at(s, detector="sweep", strength=4.0, key=0, **more):
    """A piece of evidence at a second."""
    observation = seen(detector, strength, key=key, **more)
    evidence = replace(observation.evidence, ts_first=ns(s), ts_last=ns(s))
    return Seen(ns(s), "ES", replace(observation, evidence=evidence))


def event(side=1, begin=0, end=100):
    return Event(
        tape="x", kind="twap", institutional=True, root="ES", side=side,
        ts_start=ns(begin), ts_end=ns(end), difficulty="easy", regime="calm",
    )  # fmt: skip


def test_each_piece_of_evidence_with_a_side_is_an_evaluation():
    found = evaluated([at(1), at(2, side="sell"), at(3, "two_sided", side="none")], [], CONFIG)
    assert found.log_odds.tolist() == [0.2, 0.2 - 0.5 * 2.0]
    assert found.features[0, WEIGHTS.index("structural_sweep")] == 4.0


def test_a_hit_is_evidence_of_the_side_of_an_institution_at_work():
    points = [at(1), at(2, side="sell"), at(120), at(131)]
    assert evaluated(points, [event()], CONFIG).hits.tolist() == [1, 0, 1, 0]
    assert not is_at_work([event()], "NQ", 1, ns(1))


def test_points_of_a_run_count_one_together():
    first = ns(0) // RUN_NS * RUN_NS
    points = [at((first + k * 2e9 - ns(0)) / 1e9, key=k) for k in range(7)]
    assert evaluated(points, [], CONFIG).mass == pytest.approx([1 / 5] * 5 + [1 / 2] * 2)


def test_signals_are_those_of_the_threshold():
    points = [at(1), at(120, strength=6.0, key=1)]
    assert [one.log_odds for one in signalled(points, threshold_at(CONFIG, 0.2))] == [0.2, 1.2]
    assert [one.log_odds for one in signalled(points, threshold_at(CONFIG, 0.21))] == [1.2]
    assert signalled(points, threshold_at(CONFIG, 2.0)) == []


def test_scores_hold_the_log_odds_of_revisions():
    found = scores_of(signalled([at(1), at(3, side="sell")], threshold_at(CONFIG, -3.0)))
    assert (found.roots, found.hold_ns) == (("ES",), FOREVER)
    assert found.points["side"].tolist() == [-1, 1]
    assert np.unique(found.points["id"]).size == 2
    assert [one.score for one in found.alarms(0.0)] == [0.2]


def test_looser_budgets_say_more_and_tighter_ones_are_not_tried():
    alarms = (Alarms(-1.0, 48.0), Alarms(0.2, 8.0), Alarms(1.2, 4.0))
    table = Calibration(version="x", flow=Steps((0.0,), (0.5,), (0.0,), (1.0,)), alarms=alarms)
    points = [at(1), at(120, strength=6.0, key=1), at(240, strength=2.0, key=2)]
    found = loosened(points, replace(CONFIG, calibration=table, false_alarms_per_day=23 * 7.0))
    assert max(found) == -8.0
    assert [len(found[-rate].alarms(-9)) for rate in (8.0, 48.0)] == [2, 3]
    assert loosened(points, CONFIG) == {}

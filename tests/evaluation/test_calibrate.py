from dataclasses import replace

import numpy as np
import pytest

from evaluation.calibrate import MASS_MIN, Stated, flow, move, stated, steps_of
from evaluation.facts import TapeFacts
from evaluation.metrics import calibration_error, reliability
from evaluation.thresholds import Tape, thresholds
from evaluation.weighing import threshold_at
from operators.analyze_config import AnalyzeConfig
from operators.model.calibration import Calibration
from operators.model.signals import Outcome
from tests.evaluation.test_weighing import at, event
from tests.evaluations import ns
from tests.sinks.messages import OUTCOME

CONFIG = AnalyzeConfig()


def tape(seed):
    """An hour: strong sweeps with institutions, weak ones by chance, both sides."""
    rng = np.random.default_rng(seed)
    seen, events = [], []
    for number in range(36):
        s, side = 100.0 * number, 1 if rng.random() < 0.5 else -1
        if rng.random() < 0.5:
            events.append(event(side, s, s + 30))
            strength = rng.uniform(2, 6)
        else:
            strength = rng.uniform(0.5, 5)
        seen.append(at(s + 1, strength=strength, side="buy" if side > 0 else "sell"))
    facts = TapeFacts(ns(0), ns(3600), ("ES",), np.zeros(0, np.uint64), {"ES": 8})
    return Tape(tuple(seen), tuple(events), facts)


TAPES = [tape(seed) for seed in range(5)]


def drawn(n, seed=0):
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(size=n).round(2)
    hits = (rng.random(n) < 1 / (1 + np.exp(-2 * log_odds))).astype(float)
    return Stated(log_odds, hits, np.ones(n))


def test_steps_are_calibrated_where_they_were_not_fitted():
    table, fresh = steps_of(drawn(2000)), drawn(2000, seed=1)
    p = np.array([table.at(one).p for one in fresh.log_odds])
    assert calibration_error(reliability(p, fresh.hits > 0)) < 0.05


def test_a_step_is_never_certain():
    table = steps_of(Stated(np.arange(60.0), (np.arange(60) > 30) * 1.0, np.ones(60)))
    assert 0 < table.p[0] < table.p[-1] < 1


def test_steps_of_few_points_are_joined():
    assert len(steps_of(drawn(400)).p) <= 400 / MASS_MIN


def test_what_is_stated_is_revisions_and_what_is_below():
    points = stated(TAPES, threshold_at(CONFIG, 0.0))
    assert points.log_odds.size == sum(len(one.seen) for one in TAPES)
    assert {0.0, 1.0} == set(points.hits.tolist())


def test_the_flow_rises_with_evidence():
    table = flow(TAPES, replace(CONFIG, false_alarms_per_day=230.0), thresholds(TAPES, CONFIG))
    assert isinstance(table, Calibration)
    assert table.flow.at(1.0).p > table.flow.at(-1.5).p
    assert table.alarms


def outcome(log_odds, hit, **more):
    value = replace(OUTCOME, horizon_s=60, log_odds=log_odds, hit=hit, kind="sweep")
    return replace(value, **more)


def test_moves_are_learnt_from_outcomes_at_their_horizon():
    told = [outcome(n / 100, n % 100 > 50) for n in range(200)]
    assert isinstance(told[0], Outcome)
    noise = [
        outcome(5.0, True, horizon_s=1),
        outcome(5.0, None),
        outcome(5.0, True, kind="control"),
    ]
    assert move(told + noise, 16) == move(told, 16)
    assert move([], 16) is None


def test_a_sample_stands_for_all_that_were_not_drawn():
    told = [outcome(0.0, True, sampled=False)] * 48 + [outcome(0.0, False, sampled=True)] * 3
    steps = move(told, 16)
    assert steps is not None
    assert steps.p[0] == pytest.approx(0.5, abs=0.01)

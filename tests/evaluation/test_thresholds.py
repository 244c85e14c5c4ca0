from dataclasses import replace

import numpy as np
import pytest

from evaluation.evidence import Turn
from evaluation.facts import TapeFacts
from evaluation.thresholds import FALSE_MIN, Tape, false_alarms, thresholds, unlabelled_hours_by
from evaluation.weighing import threshold_at
from operators.analyze_config import AnalyzeConfig
from operators.model.calibration import ACTIVITIES
from tests.evaluation.test_calibrate import TAPES
from tests.evaluation.test_weighing import at, event
from tests.evaluations import ns

CONFIG = AnalyzeConfig()
FACTS = TapeFacts(ns(0), ns(3600), ("ES",), np.zeros(0, np.uint64), {"ES": 8})


def halves(tape):
    """A tape whose first half hour is quiet and whose second is busy, not usual for a second."""
    turns = (Turn(ns(0), "ES", 0), Turn(ns(1799), "ES", 1), Turn(ns(1800), "ES", 2))
    seen = tuple(
        one._replace(activity=0 if one.ts < ns(1799) else 1 if one.ts < ns(1800) else 2)
        for one in tape.seen
    )
    return tape._replace(seen=seen, turns=turns)


def test_rates_fall_as_thresholds_rise():
    found = thresholds(TAPES, CONFIG).alarms
    assert len(found) > 3
    assert [one.log_odds for one in found] == sorted(one.log_odds for one in found)
    rates = [one.per_hour for one in found]
    assert rates == sorted(rates, reverse=True)


def test_a_rate_is_false_alarms_over_the_hours_of_no_label():
    found = thresholds(TAPES, CONFIG).alarms[0]
    counts = false_alarms(TAPES, threshold_at(CONFIG, found.log_odds))
    hours = unlabelled_hours_by(TAPES)
    assert counts[-1] >= FALSE_MIN
    assert found.per_hour == pytest.approx(counts[-1] / hours[-1], abs=1e-4)


def test_each_class_has_its_own_hours_and_alarms():
    tapes = [halves(tape) for tape in TAPES]
    hours = unlabelled_hours_by(tapes)
    assert hours[-1] == pytest.approx(sum(hours[:-1]))
    assert hours[1] <= len(tapes) / 3600
    counts = false_alarms(tapes, threshold_at(CONFIG, -5.0))
    assert counts[-1] == sum(counts[:-1])
    assert min(counts[0], counts[2]) > 0


def test_a_class_that_never_was_leaves_one_threshold_for_all():
    assert thresholds([halves(tape) for tape in TAPES], CONFIG).by_activity == ()


def test_tapes_of_all_classes_give_a_table_of_each():
    tapes = [
        tape._replace(
            seen=tuple(one._replace(activity=place) for one in tape.seen),
            turns=(Turn(tape.facts.ts_first, "ES", place),),
        )
        for place in range(len(ACTIVITIES))
        for tape in TAPES
    ]
    found = thresholds(tapes, CONFIG)
    assert len(set(found.by_activity)) == 1
    assert found.by_activity[0][0] == found.alarms[0]


def test_labelled_time_is_nobodys():
    tape = Tape((at(10),), (event(end=1770),), FACTS, (Turn(ns(0), "ES", 2),))
    assert unlabelled_hours_by([tape])[-1] == pytest.approx(0.5)
    assert false_alarms([tape], threshold_at(CONFIG, -5.0))[-1] == 0
    wrong = replace(event(end=1770), institutional=False)
    assert false_alarms([tape._replace(events=(wrong,))], threshold_at(CONFIG, -5.0))[-1] == 0

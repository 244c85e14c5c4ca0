import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.calibration import Alarms, Calibration, Steps


@st.composite
def steps(draw):
    edges = sorted(draw(st.sets(st.integers(-50, 50), min_size=1, max_size=9)))
    p = sorted(draw(st.lists(st.floats(0, 1), min_size=len(edges), max_size=len(edges))))
    return Steps(tuple(map(float, edges)), tuple(p), tuple(p), (1.0,) * len(p))


@given(steps(), st.floats(-60, 60))
def test_look_up_finds_the_last_step_that_has_begun(table, log_odds):
    expected = table.p[0]
    for edge, p in zip(table.log_odds, table.p, strict=True):
        if edge <= log_odds:
            expected = p
    assert table.at(log_odds).p == expected


@given(steps(), st.floats(-60, 60), st.floats(0, 10))
def test_it_never_falls(table, log_odds, more):
    assert table.at(log_odds + more).p >= table.at(log_odds).p


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (((), (), (), ()), "one length, at least 1"),
        (((0.0,), (0.5, 0.6), (0.0,), (1.0,)), "one length"),
        (((1.0, 0.0), (0.5, 0.6), (0.0, 0.0), (1.0, 1.0)), "must ascend"),
        (((0.0, 1.0), (0.5, 0.4), (0.0, 0.0), (1.0, 1.0)), "must not fall"),
        (((0.0,), (0.5,), (0.6,), (1.0,)), "within low and high"),
    ],
)
def test_nonsense_is_refused(columns, text):
    with pytest.raises(ValueError, match=text):
        Steps(*columns)


def test_between_two_rates_of_the_table_a_threshold_lies_between():
    flow = Steps((0.0,), (0.5,), (0.0,), (1.0,))
    alarms = (Alarms(-1.0, 8.0), Alarms(1.0, 2.0))
    table = Calibration(version="x", flow=flow, alarms=alarms)
    assert table.log_odds_within(23 * 8.0) == -1.0
    assert table.log_odds_within(23 * 9.0) == -1.0
    assert table.log_odds_within(23 * 4.0) == pytest.approx(0.0)
    assert table.log_odds_within(23 * 2.0) == 1.0
    assert table.log_odds_within(23 * 0.1) == 1.0


def test_each_class_of_activity_has_its_own_threshold():
    flow = Steps((0.0,), (0.5,), (0.0,), (1.0,))
    of_classes = tuple((Alarms(place, 4.0),) for place in (0.0, 1.0, 2.0))
    table = Calibration(
        version="x", flow=flow, alarms=(Alarms(5.0, 4.0),), alarms_by_activity=of_classes
    )
    assert [table.log_odds_within(92.0, place) for place in (0, 1, 2, -1)] == [0.0, 1.0, 2.0, 5.0]
    assert replace(table, alarms_by_activity=()).log_odds_within(92.0, 1) == 5.0
    with pytest.raises(ValueError, match="quiet, usual, busy"):
        replace(table, alarms_by_activity=of_classes[:2])


def test_without_a_table_of_alarms_no_log_odds_keep_a_budget():
    flow = Steps((0.0,), (0.5,), (0.0,), (1.0,))
    assert Calibration(version="x", flow=flow).log_odds_within(46.0) == math.inf

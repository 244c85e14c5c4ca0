import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.calibration import LOG_ODDS_MIN, Scale, logistic, strength_of
from operators.model.accuracy import UNCALIBRATED
from operators.model.calibration import Alarms, Calibration, Steps

FLOW = Steps((-2.0, 0.0, 2.0), (0.1, 0.5, 0.9), (0.05, 0.4, 0.8), (0.2, 0.6, 0.95))
MOVE = Steps((0.0,), (0.4,), (0.3,), (0.5,))
TABLE = Calibration(
    version="abc", flow=FLOW, move=MOVE, move_horizon_s=60,
    alarms=(Alarms(-1.0, 8.0), Alarms(0.5, 2.0), Alarms(1.5, 1.0)),
)  # fmt: skip


def test_without_a_calibration_it_is_the_logistic_and_nothing_is_known_of_it():
    scale = Scale(None, 46.0)
    assert scale.version == UNCALIBRATED
    assert scale.flow(0.0) == (0.5, 0.0, 1.0)
    assert (scale.move(3.0), scale.move_horizon_s) == (None, 0)
    assert scale.log_odds_min == LOG_ODDS_MIN
    assert logistic(LOG_ODDS_MIN) >= 0.6 > logistic(LOG_ODDS_MIN - 1e-4)


def test_with_one_it_is_the_table():
    scale = Scale(TABLE, 46.0)
    assert scale.version == "abc"
    assert scale.flow(0.3) == (0.5, 0.4, 0.6)
    assert scale.move(0.3) == (0.4, 0.3, 0.5)
    assert scale.move_horizon_s == 60


@pytest.mark.parametrize(
    ("per_day", "threshold"),
    [(23 * 9, -1.0), (23 * 8, -1.0), (46, 0.5), (45.9, 0.5031), (23, 1.5), (1, 1.5)],
)
def test_the_threshold_is_the_one_that_keeps_the_budget(per_day, threshold):
    assert Scale(TABLE, per_day).log_odds_min == threshold
    assert Scale(TABLE, per_day).is_likely(threshold)
    assert not Scale(TABLE, per_day).is_likely(threshold - 1e-4)


@pytest.mark.parametrize(
    ("probability", "name"),
    [(0.5999, "LOW"), (0.6, "MODERATE"), (0.7, "HIGH"), (0.8, "VERY_HIGH"), (0.9, "EXTREME")],
)
def test_names_of_strength(probability, name):
    assert strength_of(probability) == name


@given(st.floats(-1e308, 1e308))
def test_a_probability_is_never_nan_and_rises(log_odds):
    p = logistic(log_odds)
    assert 0 <= p <= 1
    assert logistic(log_odds + 1) >= p

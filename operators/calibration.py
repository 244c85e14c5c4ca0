"""What log-odds mean: by a calibration, or without one. Pure look-up.

Without a calibration a probability is the logistic of the log-odds, with the interval 0…1: it
orders signals and says nothing of how often they are right.
"""

import math
from typing import Final

from operators.model.accuracy import UNCALIBRATED
from operators.model.calibration import (
    ACTIVITIES,
    UNKNOWN_ACTIVITY,
    Calibration,
    Stated,
)
from operators.model.signals import Strength

STRENGTHS: Final[tuple[tuple[float, Strength], ...]] = (
    (0.9, "EXTREME"),
    (0.8, "VERY_HIGH"),
    (0.7, "HIGH"),
    (0.6, "MODERATE"),
)
"""Smallest probability of each strength, strongest first."""
LOG_ODDS_MIN: Final = 0.4055
"""Threshold without a calibration: a logistic of 0.6."""


class Scale:
    """Log-odds → probabilities, and the threshold of a signal. Does not change.

    With a calibration the threshold is the one that kept the budget of false alarms on the markets
    it was made on, in the time of each class of activity.
    """

    def __init__(self, calibration: Calibration | None, false_alarms_per_day: float) -> None:
        self._calibration = calibration
        self.version = UNCALIBRATED if calibration is None else calibration.version
        self.log_odds_min = LOG_ODDS_MIN
        self._thresholds = [LOG_ODDS_MIN] * len(ACTIVITIES)
        self.move_horizon_s = 0
        if calibration is not None:
            self.log_odds_min = calibration.log_odds_within(false_alarms_per_day)
            self._thresholds = [
                calibration.log_odds_within(false_alarms_per_day, activity)
                for activity in range(len(ACTIVITIES))
            ]
            self.move_horizon_s = calibration.move_horizon_s if calibration.move else 0

    def flow(self, log_odds: float) -> Stated:
        """That an institution of the side is at work."""
        if self._calibration is None:
            return Stated(logistic(log_odds), 0.0, 1.0)
        return self._calibration.flow.at(log_odds)

    def move(self, log_odds: float) -> Stated | None:
        """That the price moves the side's way within `move_horizon_s`; None: not known."""
        if self._calibration is None or self._calibration.move is None:
            return None
        return self._calibration.move.at(log_odds)

    def threshold(self, activity: int) -> float:
        """Log-odds that are worth a signal where the market is so busy."""
        if activity == UNKNOWN_ACTIVITY:
            return self.log_odds_min
        return self._thresholds[activity]

    def is_likely(self, log_odds: float, activity: int = UNKNOWN_ACTIVITY) -> bool:
        """Whether it is worth a signal."""
        return log_odds >= self.threshold(activity)


def logistic(log_odds: float) -> float:
    """Logistic function, to six decimals; finite for every finite argument."""
    if log_odds >= 0:
        return round(1 / (1 + math.exp(-log_odds)), 6)
    odds = math.exp(log_odds)
    return round(odds / (1 + odds), 6)


def strength_of(probability: float) -> Strength:
    """Name of a probability's class."""
    for bound, name in STRENGTHS:
        if probability >= bound:
            return name
    return "LOW"

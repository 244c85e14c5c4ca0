"""Our own engine: the signals as they are published, nothing else."""

from typing import ClassVar

from evaluation.alarms import FOREVER, Scores, scores
from operators.calibration import logistic
from operators.model.signals import Signal
from operators.model.streams import SIGNALS, Flowing, Message

_SIDES = {"buy": 1, "sell": -1}
_STATED = ("opened", "updated")
_LAST_DIGIT = 1e-6


class Ifd:
    """Every revision that opens or raises a signal, with its probability as the score.

    A signal is one alarm, at its first revision at or above the threshold. A calibration states
    one probability for a stretch of log-odds; within it these decide, by less than a probability's
    last digit. What is published begins at the threshold of the budget of false alarms; what a
    looser budget would publish is found by weighing again (`evaluation.weighing.loosened`).
    """

    NAME: ClassVar[str] = "ifd"
    THRESHOLD: ClassVar[float] = 0.0
    THRESHOLDS: ClassVar[tuple[float, ...]] = (0.0, 0.6, 0.7)
    TEXT: ClassVar[str] = "the published signals"

    def __init__(self) -> None:
        self._points: list[tuple[int, int, int, int, float, float]] = []
        self._names: list[str] = []
        self._ids: dict[str, int] = {}

    def forget_scores(self) -> None:
        """Begin a tape."""
        self._points, self._names, self._ids = [], [], {}

    def on_item(self, item: Flowing) -> None:
        """Take in one item, in the order of the stream."""
        if not isinstance(item, Message) or item.stream != SIGNALS:
            return
        signal = item.value
        assert isinstance(signal, Signal)
        side = _SIDES.get(signal.side, 0)
        if side == 0 or signal.change not in _STATED:
            return
        if signal.root not in self._names:
            self._names.append(signal.root)
        number = self._ids.setdefault(signal.id, len(self._ids) + 1)
        p = signal.probability
        score = p + _LAST_DIGIT * logistic(signal.log_odds)
        root = self._names.index(signal.root)
        self._points.append((root, side, number, signal.ts_event, score, p))

    def scores(self) -> Scores:
        """Of the stream so far."""
        return scores(self._names, self._points, FOREVER)

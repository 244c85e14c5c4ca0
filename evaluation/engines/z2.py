"""The plain rule |z| > 2: the imbalance of the last minute against the same baseline as ours."""

import math
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.alarms import POINT_DTYPE, Scores, scores
from operators.model.evaluations import FRONT, JUDGED, PANE
from operators.model.items import Evaluations
from operators.model.records import NS_PER_S
from operators.model.streams import Flowing

METRIC: Final = "pressure_60"
KEPT_FROM: Final = 1.0
"""|z| below this is kept by no threshold worth looking at."""
HOLD_NS: Final = 30 * NS_PER_S
"""An alarm lasts until |z| was below the threshold for so long, as long as our signals live."""


class Z2:
    """|z| of ln((buy + a)/(sell + a)) over 60 s, at each close of a second of the front future.

    Score: |z|. The probability it states is that of a normal within ±|z|: erf(|z|/√2). While the
    baseline is warming there is no z and no score.
    """

    NAME: ClassVar[str] = "z2"
    THRESHOLD: ClassVar[float] = 2.0
    THRESHOLDS: ClassVar[tuple[float, ...]] = (2.0,)
    TEXT: ClassVar[str] = "|z| > 2 of the imbalance of a minute, front future, our baseline"

    def __init__(self, metric: str = METRIC) -> None:
        self._metric = JUDGED.index(metric)
        self._parts: list[NDArray[np.void]] = [np.zeros(0, POINT_DTYPE)]
        self._names: list[str] = []

    def forget_scores(self) -> None:
        """Begin a tape."""
        self._parts, self._names = self._parts[:1], []

    def on_item(self, item: Flowing) -> None:
        """Take in one item, in the order of the tape."""
        if not isinstance(item, Evaluations) or item.z is None:
            return
        rows, z = item.rows, item.z[:, self._metric]
        looked_at = (rows["kind"] == PANE) & ((rows["state"] & FRONT) != 0)
        with np.errstate(invalid="ignore"):
            at = np.flatnonzero(looked_at & (np.abs(z) >= KEPT_FROM))
        part = np.zeros(at.size, POINT_DTYPE)
        part["root"] = [self._number(item.roots[n]) for n in rows["root"][at].tolist()]
        part["side"] = np.sign(z[at])
        part["ts"] = rows["ts_event"][at]
        part["score"] = np.abs(z[at])
        part["p"] = [math.erf(score / math.sqrt(2)) for score in part["score"].tolist()]
        self._parts.append(part)

    def scores(self) -> Scores:
        """Of the tape so far."""
        return scores(self._names, np.concatenate(self._parts), HOLD_NS)

    def _number(self, root: str) -> int:
        if root not in self._names:
            self._names.append(root)
        return self._names.index(root)

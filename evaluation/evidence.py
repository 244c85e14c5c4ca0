"""Evidence as detectors gave it, kept so that it can be weighed again without its tape."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.activity import Activity
from operators.model.calibration import UNKNOWN_ACTIVITY
from operators.model.items import Findings, Observation
from operators.model.streams import Flowing


class Seen(NamedTuple):
    """One piece of evidence at its evaluation point."""

    ts: int
    """Of the evaluation point, ns."""
    root: str
    observation: Observation
    activity: int = UNKNOWN_ACTIVITY
    """How busy the market of the root is: the place among ACTIVITIES."""


class Turn(NamedTuple):
    """From here on the market of a root is so busy."""

    ts: int
    root: str
    activity: int


class EvidenceCollector:
    """Gathers the evidence of one tape in its order. State: all of it."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.turns: list[Turn] = []
        self._activity = Activity()
        self._now: dict[str, int] = {}

    def on_item(self, item: Flowing) -> None:
        """Take in one item; what holds no evidence has no part."""
        if not isinstance(item, Findings):
            return
        rows, roots = item.evaluations.rows, item.evaluations.roots
        classes = self._activity.follow(item.evaluations)
        self._turn(rows, roots, classes)
        if not item.observations:
            return
        at = [one.row for one in item.observations]
        points = zip(rows["ts_event"][at].tolist(), rows["root"][at].tolist(), strict=True)
        there = classes[at].tolist()
        for (ts, root), observation, place in zip(points, item.observations, there, strict=True):
            self.seen.append(Seen(ts, roots[root], observation, place))

    def _turn(self, rows: Any, roots: tuple[str, ...], classes: NDArray[np.int8]) -> None:
        """Note where a root's class changes."""
        changed = np.ones(rows.size, np.bool_)
        changed[1:] = (classes[1:] != classes[:-1]) | (rows["root"][1:] != rows["root"][:-1])
        for i in np.flatnonzero(changed).tolist():
            root, place = roots[rows["root"][i]], int(classes[i])
            if self._now.get(root, UNKNOWN_ACTIVITY) != place:
                self._now[root] = place
                self.turns.append(Turn(int(rows["ts_event"][i]), root, place))

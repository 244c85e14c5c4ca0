"""A case: one tape with its truth, and what each engine thought of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evaluation.alarms import Alarm, Scores
from evaluation.facts import TapeFacts
from evaluation.labels import Event
from evaluation.matching import Matched, joined, match
from operators.model.signals import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One tape."""

    tape: str
    regime: str
    """calm, normal, volatile or news; empty where nobody says."""
    facts: TapeFacts
    events: tuple[Event, ...]
    scores: Mapping[str, Scores]
    """Engine → its scores."""
    looser: Mapping[str, Mapping[float, Scores]] = field(default_factory=dict)
    """Engine → threshold below 0 → what it would have said with a looser budget than it has: minus
    so many false alarms an hour. What it did say has no score below 0."""
    outcomes: tuple[Outcome, ...] = ()
    """What the market did after published signals and after points that made none."""

    def alarms(self, engine: str, threshold: float) -> list[Alarm]:
        """Signals of an engine at a threshold."""
        looser = self.looser.get(engine, {})
        if threshold in looser:
            return looser[threshold].alarms(-np.inf)
        return self.scores[engine].alarms(threshold)


def matched(cases: Sequence[Case], engine: str, threshold: float) -> Matched:
    """Labels of all cases beside the engine's signals at a threshold."""
    return joined(match(case.events, case.alarms(engine, threshold)) for case in cases)


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """Probabilities that were stated, and whether it was so."""

    p: NDArray[np.float64]
    """(n,)."""
    y: NDArray[np.bool_]
    """(n,): an institution of that side was at work on that root."""

    @classmethod
    def joined(cls, parts: Sequence["Statements"]) -> "Statements":
        """Several as one."""
        p = [np.zeros(0), *(part.p for part in parts)]
        y = [np.zeros(0, np.bool_), *(part.y for part in parts)]
        return cls(np.concatenate(p), np.concatenate(y))


def statements(
    case: Case,
    engine: str,
    threshold: float,
    *,
    root: str | None = None,
    within: Sequence[Event] | None = None,
) -> Statements:
    """What an engine stated at or above `threshold`: of one root, or within some events, or all."""
    scores = case.scores[engine]
    points = scores.points[scores.points["score"] >= threshold]
    y = np.zeros(points.size, np.bool_)
    for event in case.events:
        if event.is_sought:
            y |= _during(points, scores, event) & (points["side"] == event.side)
    kept = np.ones(points.size, np.bool_)
    if root is not None:
        number = scores.roots.index(root) if root in scores.roots else -1
        kept = points["root"] == number
    if within is not None:
        kept = np.zeros(points.size, np.bool_)
        for event in within:
            if event.tape == case.tape:
                kept |= _during(points, scores, event)
    return Statements(points["p"][kept], y[kept])


def _during(points: NDArray[np.void], scores: Scores, event: Event) -> NDArray[np.bool_]:
    if event.root not in scores.roots:
        return np.zeros(points.size, np.bool_)
    ts = points["ts"]
    inside = (ts >= event.ts_start) & (ts <= event.stop_ns)
    during: NDArray[np.bool_] = inside & (points["root"] == scores.roots.index(event.root))
    return during

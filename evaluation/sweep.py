"""Threshold sweeps: what each engine finds at the same rate of false alarms."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from evaluation.cases import Case, matched
from evaluation.matching import Verdict, unlabelled_hours

STEPS: Final = 60
RECALL_MOST: Final = 0.35
"""Engines are compared where the better of the two reference engines finds at most this share."""


class Setting(NamedTuple):
    """An engine at one threshold."""

    threshold: float
    false_alarms_per_hour: float
    """On unlabelled time of a root."""
    recall: float


Curve = tuple[Setting, ...]
"""From the tightest threshold to the loosest."""


def curve(cases: Sequence[Case], engine: str, always: Sequence[float] = ()) -> Curve:
    """The engine at `STEPS` thresholds spread over its scores, at those of `always` and looser."""
    hours = sum(sum(unlabelled_hours(c.events, c.facts).values()) for c in cases)
    settings = []
    looser = {threshold for case in cases for threshold in case.looser.get(engine, {})}
    for threshold in sorted({*_thresholds(cases, engine), *always, *looser}, reverse=True):
        found = matched(cases, engine, threshold)
        false = sum(judged.verdict is Verdict.FALSE for judged in found.judged)
        hits = sum(find.ts is not None for find in found.finds)
        recall = hits / len(found.finds) if found.finds else 0.0
        settings.append(Setting(threshold, false / hours if hours else 0.0, recall))
    return tuple(settings)


def _thresholds(cases: Sequence[Case], engine: str) -> list[float]:
    """Scores at ranks 1 … n, geometrically apart: dense where alarms are rare."""
    parts = [case.scores[engine].points["score"] for case in cases]
    values = np.sort(np.concatenate([np.zeros(0), *parts]))[::-1]
    if values.size == 0:
        return []
    ranks = np.unique(np.geomspace(1, values.size, STEPS).astype(np.int64)) - 1
    return [float(value) for value in np.unique(values[ranks])]


def best_within(settings: Curve, rate: float) -> Setting | None:
    """The setting that finds most with at most `rate` false alarms per hour; None: there is none.

    Of settings that find as many the tightest.
    """
    allowed = [each for each in settings if each.false_alarms_per_hour <= rate]
    return max(allowed, key=lambda each: each.recall, default=None)


def recall_within(settings: Curve, rate: float) -> float:
    """Recall of the best setting within `rate`, 0 where none is."""
    best = best_within(settings, rate)
    return 0.0 if best is None else best.recall


def equal_rate(references: Mapping[str, Curve], most: float = RECALL_MOST) -> float | None:
    """The highest rate at which the better of the references finds at most `most`.

    Where even their tightest settings find more it is the lowest rate that any of them has; None
    where they never spoke.
    """
    rates = sorted({each.false_alarms_per_hour for c in references.values() for each in c})
    if not rates:
        return None
    fitting = [
        rate for rate in rates if max(recall_within(c, rate) for c in references.values()) <= most
    ]
    return fitting[-1] if fitting else rates[0]

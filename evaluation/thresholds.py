"""How many false alarms a threshold costs, over all markets and by how busy they are."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from evaluation.evidence import Seen, Turn
from evaluation.facts import TapeFacts
from evaluation.labels import Event
from evaluation.matching import NS_PER_HOUR, Verdict, free_spans, match
from evaluation.weighing import scores_of, signalled, threshold_at
from operators.analyze_config import AnalyzeConfig
from operators.model.calibration import ACTIVITIES, UNKNOWN_ACTIVITY, Alarms

STEP: Final = 0.15
"""Log-odds between thresholds that are tried."""
STEPS_MAX: Final = 80
FALSE_MIN: Final = 8
"""Fewer false alarms say nothing of their rate: tighter thresholds are not tried."""
DIGITS: Final = 4

Count = tuple[int, ...]
"""Of ACTIVITIES, then of all together."""


class Tape(NamedTuple):
    """What was seen on one tape, and the truth."""

    seen: tuple[Seen, ...]
    events: tuple[Event, ...]
    facts: TapeFacts
    turns: tuple[Turn, ...] = ()


class Thresholds(NamedTuple):
    """False alarms at thresholds, ascending by log-odds."""

    alarms: tuple[Alarms, ...]
    by_activity: tuple[tuple[Alarms, ...], ...]
    """Of each of ACTIVITIES; empty where one of them was never."""


def thresholds(tapes: Sequence[Tape], config: AnalyzeConfig) -> Thresholds:
    """What thresholds cost, from where everything is a signal to where nearly nothing is.

    A false alarm is one of how busy its market was when it opened.
    """
    hours = unlabelled_hours_by(tapes)
    lowest = np.concatenate(
        [[v.log_odds for v in signalled(one.seen, threshold_at(config, -20.0))] for one in tapes]
    ).min()
    found: list[list[Alarms]] = [[] for _ in range(len(ACTIVITIES) + 1)]
    for step in range(STEPS_MAX):
        threshold = round(float(lowest) + step * STEP, DIGITS)
        counts = false_alarms(tapes, threshold_at(config, threshold))
        for column, count, time in zip(found, counts, hours, strict=True):
            rate = round(count / time, DIGITS) if time else 0.0
            if count >= FALSE_MIN and (not column or rate < column[-1].per_hour):
                column.append(Alarms(threshold, rate))
        if counts[-1] < FALSE_MIN:
            break
    *by_activity, whole = [tuple(column) for column in found]
    return Thresholds(whole, tuple(by_activity) if all(by_activity) else ())


def false_alarms(tapes: Sequence[Tape], config: AnalyzeConfig) -> Count:
    """Signals while nothing is labelled."""
    counted: Counter[int] = Counter()
    for tape in tapes:
        alarms = scores_of(signalled(tape.seen, config)).alarms(-np.inf)
        for one in match(tape.events, alarms).judged:
            if one.verdict is Verdict.FALSE:
                counted[_activity_at(tape, one.alarm.root, one.alarm.ts)] += 1
    return (*[counted[place] for place in range(len(ACTIVITIES))], counted.total())


def unlabelled_hours_by(tapes: Sequence[Tape]) -> tuple[float, ...]:
    """Hours of a root on which nothing is labelled: of each of ACTIVITIES, then of all."""
    total: Counter[int] = Counter()
    for tape in tapes:
        for root in tape.facts.roots:
            turns = [(one.ts, one.activity) for one in tape.turns if one.root == root]
            edges = [(tape.facts.ts_first, UNKNOWN_ACTIVITY), *turns, (tape.facts.ts_last, 0)]
            for begin, end in free_spans(tape.events, tape.facts, root):
                for (ts, activity), (until, _) in zip(edges, edges[1:], strict=False):
                    total[activity] += max(0, min(end, until) - max(begin, ts))
    times = (*[total[place] for place in range(len(ACTIVITIES))], total.total())
    return tuple(time / NS_PER_HOUR for time in times)


def _activity_at(tape: Tape, root: str, ts: int) -> int:
    turns = [(one.ts, one.activity) for one in tape.turns if one.root == root]
    place = bisect_right(turns, (ts, len(ACTIVITIES)))
    return turns[place - 1][1] if place else UNKNOWN_ACTIVITY

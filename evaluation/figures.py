"""The figures of one engine over some cases: overall, and by kind, difficulty, regime and root."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, Final

from evaluation.cases import Case, Statements, matched, statements
from evaluation.labels import Event
from evaluation.matching import Matched, Verdict, labelled_hours, unlabelled_hours
from evaluation.metrics import (
    Interval,
    brier,
    brier_skill,
    calibration_error,
    ratio,
    reliability,
    wilson,
)

WRONG: Final = frozenset({Verdict.OPPOSED, Verdict.LOOK_ALIKE})
"""Within the time of one kind of event there is nothing else that could be a false alarm."""
DIGITS: Final = 4

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An engine at its threshold, and at the one that gives the common rate of false alarms."""

    engine: str
    threshold: float
    threshold_equal: float | None
    """None: no threshold of it is within that rate."""


def figures(cases: Sequence[Case], subject: Subject) -> Figures:
    """Overall figures, with the same by kind, difficulty, regime and root."""
    events = [event for case in cases for event in case.events]
    by: dict[str, Callable[[Event], str]] = {
        "by_kind": lambda event: event.kind,
        "by_difficulty": lambda event: event.difficulty if event.institutional else "",
    }
    return {
        **_of_cases(cases, subject),
        **{name: _by_event(cases, events, subject, key) for name, key in by.items()},
        "by_regime": {
            regime: _of_cases([case for case in cases if case.regime == regime], subject)
            for regime in sorted({case.regime for case in cases} - {""})
        },
        "by_root": {
            root: _of_root(cases, subject, root)
            for root in sorted({root for case in cases for root in case.facts.roots})
        },
    }


def _of_cases(cases: Sequence[Case], subject: Subject) -> Figures:
    hours = sum(sum(unlabelled_hours(case.events, case.facts).values()) for case in cases)
    stated = [statements(case, subject.engine, subject.threshold) for case in cases]
    return _summary(
        _at(cases, subject),
        _at_equal(cases, subject),
        hours,
        Statements.joined(stated),
        frozenset({Verdict.FALSE}),
    )


def _of_root(cases: Sequence[Case], subject: Subject, root: str) -> Figures:
    hours = sum(unlabelled_hours(case.events, case.facts).get(root, 0.0) for case in cases)
    stated = [statements(case, subject.engine, subject.threshold, root=root) for case in cases]
    return _summary(
        _of(_at(cases, subject), lambda event: event.root == root, root),
        _of(_at_equal(cases, subject), lambda event: event.root == root, root),
        hours,
        Statements.joined(stated),
        frozenset({Verdict.FALSE}),
    )


def _by_event(
    cases: Sequence[Case], events: Sequence[Event], subject: Subject, key: Callable[[Event], str]
) -> dict[str, Figures]:
    """Groups of events. What the time between them got wrong belongs to none of them."""
    at, equal = _at(cases, subject), _at_equal(cases, subject)
    groups = {}
    for name in sorted({key(event) for event in events} - {""}):
        group = [event for event in events if key(event) == name]

        def belongs(event: Event, name: str = name) -> bool:
            return key(event) == name

        stated = [
            statements(case, subject.engine, subject.threshold, within=group) for case in cases
        ]
        groups[name] = _summary(
            _of(at, belongs),
            _of(equal, belongs),
            labelled_hours(group),
            Statements.joined(stated),
            WRONG,
        )
        groups[name]["counts"]["events"] = len(group)
    return groups


def _at(cases: Sequence[Case], subject: Subject) -> Matched:
    return matched(cases, subject.engine, subject.threshold)


def _at_equal(cases: Sequence[Case], subject: Subject) -> Matched:
    threshold = subject.threshold_equal
    return matched(cases, subject.engine, float("inf") if threshold is None else threshold)


def _of(whole: Matched, belongs: Callable[[Event], bool], root: str | None = None) -> Matched:
    """What concerns some events; with `root` also the signals that belong to none."""
    judged = [
        each
        for each in whole.judged
        if (each.alarm.root == root if each.event is None else belongs(each.event))
    ]
    finds = [find for find in whole.finds if belongs(find.event)]
    return Matched(tuple(finds), tuple(judged))


def _summary(
    at: Matched, equal: Matched, hours: float, stated: Statements, wrong: frozenset[Verdict]
) -> Figures:
    counts = {verdict: 0 for verdict in Verdict}
    for judged in at.judged:
        counts[judged.verdict] += 1
    found, repeated = counts[Verdict.FOUND], counts[Verdict.REPEATED]
    labels = len(at.finds)
    decided = len(at.judged) - repeated
    found_equal = sum(find.ts is not None for find in equal.finds)
    delays = sorted(d for find in at.finds if (d := find.delay_fraction) is not None)
    false = sum(counts[verdict] for verdict in wrong)
    return {
        "precision": _rounded(ratio(found, decided)),
        "recall": _rounded(ratio(found, labels)),
        "recall_at_equal_false_alarms": _rounded(ratio(found_equal, labels)),
        "false_alarms_per_hour": _rounded(ratio(false, hours)),
        "median_delay_fraction": _rounded(median(delays) if delays else None),
        "p90_delay_fraction": _rounded(_p90(delays)),
        "ece": _rounded(calibration_error(reliability(stated.p, stated.y))),
        "brier": _rounded(brier(stated.p, stated.y)),
        "brier_skill": _rounded(brier_skill(stated.p, stated.y)),
        "intervals": {
            "precision": _pair(wilson(found, decided)),
            "recall": _pair(wilson(found, labels)),
            "recall_at_equal_false_alarms": _pair(wilson(found_equal, labels)),
        },
        "counts": {
            "labels": labels,
            "signals": len(at.judged),
            **{verdict.value: count for verdict, count in counts.items()},
            "found_at_equal_false_alarms": found_equal,
            "statements": int(stated.p.size),
            "hours": _rounded(hours),
        },
    }


def _p90(ascending: list[float]) -> float | None:
    if len(ascending) < 2:
        return ascending[0] if ascending else None
    return quantiles(ascending, n=10, method="inclusive")[-1]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(bound, DIGITS) for bound in interval]

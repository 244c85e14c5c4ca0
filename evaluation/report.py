"""The report of an evaluation: one plain object, which JSON, table and page are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluation.cases import Case, Statements, matched, statements
from evaluation.figures import DIGITS, Subject, figures
from evaluation.following import after_signals
from evaluation.labels import sought
from evaluation.matching import Verdict, unlabelled_hours
from evaluation.metrics import reliability, wilson
from evaluation.sweep import Curve, best_within, curve, equal_rate, recall_within

RATES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""False alarms per hour and root at which recalls are laid beside each other."""
OURS: Final = "ifd"
LABELS_FEW: Final = 100
STATEMENTS_FEW: Final = 100
HOURS_FEW: Final = 5.0

Report = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """How an engine is judged."""

    name: str
    threshold: float
    """The one its figures are at."""
    thresholds: tuple[float, ...]
    """Those it is shown at; the last is its strength HIGH."""
    text: str


def report(
    cases: Sequence[Case],
    engines: Sequence[EngineSpec],
    about: Mapping[str, Any],
    quality: Sequence[str] = (),
) -> Report:
    """All figures of the cases; `about` says where they came from and goes in as it is.

    The engine `ifd` is compared with all the others.
    """
    curves = {spec.name: curve(cases, spec.name, spec.thresholds) for spec in engines}
    references = {name: each for name, each in curves.items() if name != OURS}
    rate = equal_rate(references) if references else None
    events = [event for case in cases for event in case.events]
    return {
        "engines": {
            spec.name: _engine(cases, spec, curves[spec.name], rate, spec.name == OURS)
            for spec in engines
        },
        "equal_false_alarms_per_hour": _rounded(rate),
        "comparison": _comparison(curves, references, rate),
        **about,
        "tapes": len(cases),
        "labels": len(sought(events)),
        "events": len(events),
        "unlabelled_hours": _rounded(_hours(cases)),
        "quality": [*quality, *_remarks(cases, curves)],
    }


def _engine(
    cases: Sequence[Case], spec: EngineSpec, settings: Curve, rate: float | None, ours: bool
) -> dict[str, Any]:
    best = None if rate is None else best_within(settings, rate)
    subject = Subject(
        engine=spec.name,
        threshold=spec.threshold,
        threshold_equal=None if best is None else best.threshold,
    )
    stated = Statements.joined([statements(case, spec.name, spec.threshold) for case in cases])
    found = {
        **figures(cases, subject),
        "engine": spec.text,
        "threshold": spec.threshold,
        "threshold_at_equal_false_alarms": _rounded(subject.threshold_equal),
        "at_thresholds": {f"{each:g}": _setting(settings, each) for each in spec.thresholds},
        "reliability": [
            {
                "n": each.n,
                "p_mean": _rounded(each.p_mean),
                "hit_ratio": _rounded(each.hit_ratio),
                "interval": [_rounded(bound) for bound in each.interval],
            }
            for each in reliability(stated.p, stated.y)
        ],
        "sweep": [{k: _rounded(v) for k, v in each._asdict().items()} for each in settings],
        "look_alikes": _look_alikes(cases, spec.name, spec.thresholds[-1]),
    }
    if ours:
        found["reach_high"] = _reach(cases, spec.name, spec.thresholds[-1])
        found |= after_signals(cases)
    return found


def _setting(settings: Curve, threshold: float) -> dict[str, float | None]:
    found = next(each for each in settings if each.threshold == threshold)
    return {k: _rounded(v) for k, v in found._asdict().items()}


def _reach(cases: Sequence[Case], engine: str, threshold: float) -> dict[str, Any]:
    """Of the labels of each difficulty, those with a signal of strength HIGH or more."""
    finds = matched(cases, engine, threshold).finds
    table = {}
    for difficulty in sorted({find.event.difficulty for find in finds}):
        mine = [find for find in finds if find.event.difficulty == difficulty]
        hits = sum(find.ts is not None for find in mine)
        table[difficulty or "unstated"] = _share(hits, len(mine))
    return {"threshold": threshold, "by_difficulty": table}


def _look_alikes(cases: Sequence[Case], engine: str, threshold: float) -> dict[str, Any]:
    """Of the look-alikes, those that raised a directional signal at `threshold`."""
    innocent = [event for case in cases for event in case.events if not event.institutional]
    misled = {
        judged.event
        for judged in matched(cases, engine, threshold).judged
        if judged.verdict is Verdict.LOOK_ALIKE
    }
    kinds = sorted({event.kind for event in innocent})
    return {
        "threshold": threshold,
        **_share(sum(event in misled for event in innocent), len(innocent)),
        "by_kind": {
            kind: _share(
                sum(event in misled for event in innocent if event.kind == kind),
                sum(event.kind == kind for event in innocent),
            )
            for kind in kinds
        },
    }


def _share(part: int, whole: int) -> dict[str, Any]:
    interval = wilson(part, whole)
    return {
        "n": whole,
        "hits": part,
        "ratio": _rounded(part / whole) if whole else None,
        "interval": None if interval is None else [_rounded(bound) for bound in interval],
    }


def _comparison(
    curves: Mapping[str, Curve], references: Mapping[str, Curve], rate: float | None
) -> list[dict[str, Any]]:
    """Recalls at equal rates: the one of `equal_false_alarms_per_hour`, and round ones."""
    table = []
    for each in sorted({*RATES, *([] if rate is None else [rate])}):
        recalls = {name: recall_within(settings, each) for name, settings in curves.items()}
        row: dict[str, Any] = {
            "false_alarms_per_hour": _rounded(each),
            "recall": {name: _rounded(value) for name, value in recalls.items()},
        }
        if references and OURS in recalls:
            best = max(recalls[name] for name in references)
            row["recall_ratio"] = _rounded(recalls[OURS] / best) if best else None
            row["miss_ratio"] = _rounded((1 - recalls[OURS]) / (1 - best)) if best < 1 else None
        table.append(row)
    return table


def _hours(cases: Sequence[Case]) -> float:
    return sum(sum(unlabelled_hours(case.events, case.facts).values()) for case in cases)


def _remarks(cases: Sequence[Case], curves: Mapping[str, Curve]) -> list[str]:
    """What limits the figures."""
    remarks = []
    labels = sum(len(sought(case.events)) for case in cases)
    if labels < LABELS_FEW:
        remarks.append(f"only {labels} labels of institutions with a side: intervals are wide")
    if (hours := _hours(cases)) < HOURS_FEW:
        remarks.append(
            f"only {hours:.1f} hours on which nothing is labelled: false alarms per hour are rough"
        )
    for name, settings in curves.items():
        if not settings or settings[-1].recall == settings[-1].false_alarms_per_hour == 0.0:
            remarks.append(f"{name} raised no signal at any threshold, or none that counts")
    statements_ = sum(statements(case, OURS, 0.0).p.size for case in cases) if OURS in curves else 0
    if OURS in curves and statements_ < STATEMENTS_FEW:
        remarks.append(f"only {statements_} probabilities stated by ifd: its calibration is rough")
    return remarks


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), DIGITS)

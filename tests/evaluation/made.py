"""Hand-made labels, scores and tapes, in seconds after a start."""

from collections.abc import Iterable

import numpy as np

from evaluation.alarms import Alarm, Scores, scores
from evaluation.cases import Case
from evaluation.facts import TapeFacts
from evaluation.labels import Event
from operators.model.records import NS_PER_S

START_NS = 1_775_482_200 * NS_PER_S


def ns(s: float) -> int:
    """Seconds after the start → ns since the epoch."""
    return START_NS + round(s * NS_PER_S)


def event(
    start_s: float,
    end_s: float,
    side: int = 1,
    *,
    kind: str = "twap",
    root: str = "ES",
    institutional: bool = True,
    difficulty: str = "easy",
    regime: str = "calm",
    tape: str = "t",
) -> Event:
    """A label."""
    return Event(
        tape=tape,
        kind=kind,
        institutional=institutional,
        root=root,
        side=side,
        ts_start=ns(start_s),
        ts_end=ns(end_s),
        difficulty=difficulty,
        regime=regime,
    )


def alarm(s: float, side: int = 1, *, root: str = "ES", score: float = 1.0) -> Alarm:
    """A signal."""
    return Alarm(ns(s), root, side, score)


def facts(stop_s: float = 3600.0, roots: tuple[str, ...] = ("ES",)) -> TapeFacts:
    """An hour of a tape, on which the orders 1 to 9 traded."""
    traded = np.arange(1, 10, dtype=np.uint64)
    return TapeFacts(ns(0), ns(stop_s), roots, traded, {root: 8 for root in roots})


def scored(
    points: Iterable[tuple[float, int, float]],
    *,
    root: str = "ES",
    hold_s: float = 0.0,
    p: float | None = None,
) -> Scores:
    """Scores of (s, side, score); the probability stated is the score, or `p`."""
    rows = [(0, side, 0, ns(s), score, score if p is None else p) for s, side, score in points]
    return scores((root,), rows, round(hold_s * NS_PER_S))


def case(
    events: Iterable[Event], engines: dict[str, Scores], *, regime: str = "calm", tape: str = "t"
) -> Case:
    """A tape of an hour."""
    return Case(tape=tape, regime=regime, facts=facts(), events=tuple(events), scores=engines)

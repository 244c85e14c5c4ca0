"""Recalibrate `p_move` from what became of signals and samples: outcomes → the next table. Pure.

Isotonic steps over log-odds with Venn-Abers intervals, as `evaluation.calibrate` has them, but of
at least STEP_MIN outcomes each: what stands for many observations is one outcome all the same.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.calibrate import Stated, stated_steps
from evaluation.isotonic import pool
from evaluation.metrics import calibration_error, reliability
from operators.model.calibration import Steps
from operators.model.calibration_record import STEPS_MAX, MoveTable, move_table

OUTCOMES_MIN: Final = 300
"""Of fewer nothing is learnt: a third of them would say nothing of the rest."""
STEP_MIN: Final = 50
"""A share of so many is known to some seven in a hundred."""
NEWEST: Final = 3
"""The newest one in so many judges what the older ones give."""

Floats = NDArray[np.float64]


class Told(NamedTuple):
    """An outcome as it was published: what is needed of it."""

    root: str
    signal_id: str
    kind: str
    side: str
    instrument_id: int
    ts_from: int
    horizon_s: int
    log_odds: float
    sampled: bool
    hit: bool | None
    calibration: str


class Kept(NamedTuple):
    """Outcomes that can be learnt from, and why others cannot."""

    points: tuple[Told, ...]
    """By the time of their point."""
    left_out: Counter[str]


class Held(NamedTuple):
    """How well steps held on outcomes that they were not made from."""

    error: float
    """Calibration error over ten bins of equal mass, 0…1."""
    brier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibrated:
    """The next table, and what speaks for it."""

    table: MoveTable
    judged: int
    """The newest outcomes."""
    before: Held | None
    """On these, the steps in force; None: there are none."""
    after: Held
    """On these, steps of the older outcomes alone; the table itself is made of all."""

    @property
    def is_better(self) -> bool:
        """Whether what the older outcomes give is better on the newest than what is in force."""
        return self.before is None or self.after.brier < self.before.brier


def kept(outcomes: Iterable[Told], horizon_s: int, base: str) -> Kept:
    """Outcomes at a horizon whose log-odds mean what those of the calibration `base` do.

    Controls were drawn by the clock, at the log-odds of no evidence, and have no part. What was
    published by two generations counts once.
    """
    left_out: Counter[str] = Counter()
    found: dict[tuple[object, ...], Told] = {}
    for one in outcomes:
        if (why := _unfit(one, horizon_s, base)) is None:
            key = one[: Told._fields.index("horizon_s")]
            why = "repeated" if key in found else None
            found.setdefault(key, one)
        if why is not None:
            left_out[why] += 1
    points = sorted(found.values(), key=lambda one: (one.ts_from, *one[:5]))
    return Kept(tuple(points), left_out)


def recalibrate(
    points: Sequence[Told], *, old: Steps | None, follows: str, horizon_s: int, sample_every: int
) -> Recalibrated:
    """The next table of `p_move`.

    Args:
        points: Of `kept`, by time.
        old: Steps in force.
        follows: Their version.
        horizon_s: Of the points.
        sample_every: A sample stands for so many observations.

    Raises:
        ValueError: there are too few outcomes.
    """
    if len(points) < OUTCOMES_MIN:
        raise ValueError(
            f"expected at least {OUTCOMES_MIN} outcomes that are known, found {len(points)}"
        )
    first = len(points) - len(points) // NEWEST
    newest = _columns(points[first:], sample_every)
    return Recalibrated(
        table=move_table(follows, horizon_s, fitted(_columns(points, sample_every))),
        judged=newest.hits.size,
        before=None if old is None else _held(old, newest),
        after=_held(fitted(_columns(points[:first], sample_every)), newest),
    )


def fitted(points: Stated) -> Steps:
    """Rising steps of at least STEP_MIN points, at most STEPS_MAX of them."""
    order = np.argsort(points.log_odds, kind="stable")
    at, hits, mass = (column[order] for column in points)
    least = max(STEP_MIN, -(-at.size // STEPS_MAX))
    begins = _joined(np.searchsorted(at, [step.score for step in pool(*points)]), at.size, least)
    found = []
    for begin, end in zip(begins, [*begins[1:], at.size], strict=True):
        weight = float(mass[begin:end].sum())
        share = float((hits[begin:end] * mass[begin:end]).sum()) / weight
        found.append((float(at[begin]), share, weight, weight / (end - begin)))
    return stated_steps(points, found)


def _joined(begins: Iterable[int], size: int, least: int) -> list[int]:
    """The places at which steps of at least so many points begin, the first always."""
    places = [0]
    for begin in begins:
        if begin - places[-1] >= least and size - begin >= least:
            places.append(int(begin))
    return places


def _columns(points: Sequence[Told], sample_every: int) -> Stated:
    return Stated(
        np.array([one.log_odds for one in points]),
        np.array([float(bool(one.hit)) for one in points]),
        np.array([float(sample_every) if one.sampled else 1.0 for one in points]),
    )


def _held(steps: Steps, points: Stated) -> Held:
    p = np.array([steps.at(one).p for one in points.log_odds.tolist()])
    error = calibration_error(reliability(p, points.hits > 0))
    assert error is not None, "there are points"
    return Held(error, float(np.mean((p - points.hits) ** 2)))


def _unfit(one: Told, horizon_s: int, base: str) -> str | None:
    if one.horizon_s != horizon_s:
        return "another horizon"
    if one.kind == "control":
        return "controls"
    if one.calibration.partition(".")[0] != base:
        return "another calibration"
    return "not known" if one.hit is None else None

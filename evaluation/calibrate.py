"""Calibrate on labelled tapes: what log-odds mean, and how many false alarms a threshold costs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.evidence import Seen
from evaluation.facts import TapeFacts
from evaluation.isotonic import pool, venn_abers
from evaluation.labels import Event
from evaluation.matching import Verdict, match, unlabelled_hours
from evaluation.weighing import (
    SIDES,
    evaluated,
    is_at_work,
    scores_of,
    signalled,
    threshold_at,
)
from operators.analyze_config import AnalyzeConfig
from operators.model.calibration import Alarms, Calibration, Steps
from operators.model.signals import Outcome

RATES: Final = (16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.25)
"""False alarms per hour of a root for which a threshold is looked for."""
SEARCHES: Final = 6
DIGITS: Final = 4
MASS_MIN: Final = 20.0
"""Steps of less are joined with their neighbour: their share would be chance."""
HORIZON_S: Final = 60
"""Of `p_move`."""

Floats = NDArray[np.float64]


class Tape(NamedTuple):
    """What was seen on one tape, and the truth."""

    seen: tuple[Seen, ...]
    events: tuple[Event, ...]
    facts: TapeFacts


class Stated(NamedTuple):
    """Points that a probability is stated at."""

    log_odds: Floats
    hits: Floats
    mass: Floats


def alarms(tapes: Sequence[Tape], config: AnalyzeConfig) -> tuple[Alarms, ...]:
    """The lowest threshold that keeps each of RATES on the tapes, ascending.

    Found by halving, since each threshold has signals of its own: what opens earlier lasts longer.
    """
    hours = sum(sum(unlabelled_hours(one.events, one.facts).values()) for one in tapes)
    spread = np.concatenate(
        [[v.log_odds for v in signalled(one.seen, threshold_at(config, -20.0))] for one in tapes]
    )
    low, top = float(spread.min()), float(spread.max()) + 1.0
    found: list[Alarms] = []
    for rate in RATES:
        high = top
        for _ in range(SEARCHES):
            middle = (low + high) / 2
            if false_alarms(tapes, config, middle) / hours > rate:
                low = middle
            else:
                high = middle
        threshold = round(high, DIGITS)
        counted = false_alarms(tapes, config, threshold) / hours
        if not found or threshold > found[-1].log_odds:
            found.append(Alarms(threshold, round(counted, DIGITS)))
        low = high
    return tuple(found)


def false_alarms(tapes: Sequence[Tape], config: AnalyzeConfig, log_odds: float) -> int:
    """Signals at a threshold while nothing is labelled."""
    count = 0
    for tape in tapes:
        found = scores_of(signalled(tape.seen, threshold_at(config, log_odds)))
        judged = match(tape.events, found.alarms(-np.inf)).judged
        count += sum(one.verdict is Verdict.FALSE for one in judged)
    return count


def stated(tapes: Sequence[Tape], config: AnalyzeConfig, log_odds_min: float) -> Stated:
    """Revisions that are published at a threshold, and what is observed below it."""
    log_odds, hits, mass = [], [], []
    for tape in tapes:
        for one in signalled(tape.seen, threshold_at(config, log_odds_min)):
            log_odds.append(one.log_odds)
            hits.append(float(is_at_work(tape.events, one.root, SIDES[one.side], one.ts_event)))
            mass.append(1.0)
        points = evaluated(tape.seen, tape.events, config)
        below = points.log_odds < log_odds_min
        log_odds += points.log_odds[below].tolist()
        hits += points.hits[below].tolist()
        mass += points.mass[below].tolist()
    return Stated(np.array(log_odds), np.array(hits), np.array(mass))


def steps_of(points: Stated, mass: float = 1.0) -> Steps:
    """Isotonic steps with Venn–Abers intervals; `mass` is that of points that stand for one.

    What is stated is the share of the step with one such point more of each outcome's half, so
    that it is never 0 or 1.
    """
    return stated_steps(points, [(*step, mass) for step in _joined(pool(*points))])


def stated_steps(points: Stated, found: Sequence[tuple[float, float, float, float]]) -> Steps:
    """Steps of what was found of points: begin, share, weight, and the mass of one point there."""
    columns: list[tuple[float, float, float, float]] = []
    before = 0.0
    for edge, share, weight, mass in found:
        low, high = venn_abers(*points, edge, mass)
        p = max((share * weight + 0.5 * mass) / (weight + mass), before)
        before = p
        columns.append((edge, p, min(low, p), max(high, p)))
    rounded = [tuple(round(value, DIGITS) for value in column) for column in columns]
    log_odds, p_stated, lows, highs = zip(*_rising(rounded), strict=True)
    return Steps(log_odds, p_stated, lows, highs)


def flow(tapes: Sequence[Tape], config: AnalyzeConfig, kept: tuple[Alarms, ...]) -> Calibration:
    """The calibration of the flow, its version not yet given."""
    table = Calibration(version="", flow=Steps((0.0,), (0.0,), (0.0,), (1.0,)), alarms=kept)
    threshold = table.log_odds_within(config.false_alarms_per_day)
    points = stated(tapes, config, threshold)
    revisions = int((points.log_odds >= threshold).sum())
    signals = sum(
        one.change == "opened"
        for tape in tapes
        for one in signalled(tape.seen, threshold_at(config, threshold))
    )
    # Revisions of a signal stand for one another.
    return replace(table, flow=steps_of(points, max(1.0, revisions / max(1, signals))))


def move(outcomes: Sequence[Outcome], sample_every: int) -> Steps | None:
    """Steps of `p_move` from outcomes at its horizon; None where none is known.

    A sample stands for `sample_every` observations. Controls were drawn by the clock, at the
    log-odds of no evidence, and have no part.
    """
    known = [
        one
        for one in outcomes
        if one.horizon_s == HORIZON_S and one.hit is not None and one.kind != "control"
    ]
    if not known:
        return None
    return steps_of(
        Stated(
            np.array([one.log_odds for one in known]),
            np.array([float(bool(one.hit)) for one in known]),
            np.array([float(sample_every) if one.sampled else 1.0 for one in known]),
        )
    )


def _joined(steps: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Begin, share and weight of steps of at least MASS_MIN; if there is less, of one."""
    found: list[tuple[float, float, float]] = []
    for step in steps:
        if found and found[-1][2] < MASS_MIN:
            found[-1] = _both(found[-1], step)
        else:
            found.append(step)
    if len(found) > 1 and found[-1][2] < MASS_MIN:
        last = found.pop()
        found[-1] = _both(found[-1], last)
    return found


def _both(
    step: tuple[float, float, float], after: tuple[float, float, float]
) -> tuple[float, float, float]:
    total = step[2] + after[2]
    return step[0], (step[1] * step[2] + after[1] * after[2]) / total, total


def _rising(columns: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Those that begin later than the one before, in the digits that are kept."""
    kept: list[tuple[float, ...]] = []
    for column in columns:
        if not kept or column[0] > kept[-1][0]:
            kept.append(column)
    return kept

"""Calibrate on labelled tapes: what log-odds mean."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.isotonic import pool, venn_abers
from evaluation.thresholds import Tape, Thresholds
from evaluation.weighing import SIDES, evaluated, is_at_work, signalled
from operators.analyze_config import AnalyzeConfig
from operators.calibration import Scale
from operators.model.calibration import Calibration, Steps
from operators.model.signals import Outcome

DIGITS: Final = 4
MASS_MIN: Final = 20.0
"""Steps of less are joined with their neighbour: their share would be chance."""
HORIZON_S: Final = 60
"""Of `p_move`."""

Floats = NDArray[np.float64]


class Stated(NamedTuple):
    """Points that a probability is stated at."""

    log_odds: Floats
    hits: Floats
    mass: Floats


def stated(tapes: Sequence[Tape], config: AnalyzeConfig) -> Stated:
    """Revisions that are published at the thresholds of `config`, and what is observed below."""
    scale = Scale(config.calibration, config.false_alarms_per_day)
    log_odds, hits, mass = [], [], []
    for tape in tapes:
        for one in signalled(tape.seen, config):
            log_odds.append(one.log_odds)
            hits.append(float(is_at_work(tape.events, one.root, SIDES[one.side], one.ts_event)))
            mass.append(1.0)
        points = evaluated(tape.seen, tape.events, config)
        below = points.log_odds < [scale.threshold(place) for place in points.activity.tolist()]
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


def flow(tapes: Sequence[Tape], config: AnalyzeConfig, kept: Thresholds) -> Calibration:
    """The calibration of the flow, its version not yet given."""
    table = Calibration(
        version="",
        flow=Steps((0.0,), (0.0,), (0.0,), (1.0,)),
        alarms=kept.alarms,
        alarms_by_activity=kept.by_activity,
    )
    config = replace(config, calibration=table)
    signals = [one for tape in tapes for one in signalled(tape.seen, config)]
    opened = sum(one.change == "opened" for one in signals)
    # Revisions of a signal stand for one another.
    mass = max(1.0, len(signals) / max(1, opened))
    return replace(table, flow=steps_of(stated(tapes, config), mass))


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

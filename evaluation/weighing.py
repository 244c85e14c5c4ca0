"""Evidence that was kept, weighed again with other weights or another threshold, without its tape.

Books of the analyzer itself are driven with what detectors gave, so that what is fitted is what
runs. What only a tape has, such as a book that turns dirty, has no part here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.alarms import FOREVER, Scores, scores
from evaluation.design import WEIGHTS, coefficients
from evaluation.evidence import Seen
from evaluation.labels import Event
from operators.analyze_config import AnalyzeConfig
from operators.calibration import Scale
from operators.model.calibration import HOURS_PER_DAY, Alarms, Calibration, Steps
from operators.model.signals import Contract, Side, Signal
from operators.signal_book import SignalBook
from operators.weigh import VETOES

SIDES: Final[dict[Side, int]] = {"buy": 1, "sell": -1}
OTHER: Final[dict[Side, Side]] = {"buy": "sell", "sell": "buy"}
RUN_NS: Final = 10_000_000_000
"""Points of a root and side within so long stand for one another."""
LOOSER: Final = (6.0, 8.0, 11.0, 16.0, 20.0, 24.0, 28.0, 32.0, 40.0, 48.0)
"""False alarms an hour that budgets are tried for."""
_NOWHERE: Final = Contract(
    instrument_id=0, symbol="", tick_e9=None, tick_value=None, currency="", notional=None
)
_NEVER: Final = Calibration(version="none", flow=Steps((0.0,), (0.0,), (0.0,), (1.0,)))
"""No log-odds are worth a signal."""


class Points(NamedTuple):
    """Evaluations of a root and side, as the analyzer makes one at each piece of evidence."""

    features: NDArray[np.float64]
    """(n, weights)."""
    log_odds: NDArray[np.float64]
    """(n,)."""
    hits: NDArray[np.float64]
    """(n,): 1 where an institution of the side was at work."""
    mass: NDArray[np.float64]
    """(n,): what each counts; the points of a run count one together."""
    activity: NDArray[np.int64]
    """(n,): how busy the market is, a place among ACTIVITIES, −1 unknown."""


def evaluated(seen: Sequence[Seen], events: Sequence[Event], config: AnalyzeConfig) -> Points:
    """All evaluations of a tape."""
    books: dict[str, SignalBook] = {}
    rows, log_odds, hits, activities = [], [], [], []
    runs: list[tuple[str, int, int]] = []
    never = replace(config, calibration=_NEVER)
    for ts, root, observation, activity in seen:
        book = _book(books, root, never)
        book.observe(observation, ts)
        side = observation.evidence.side
        if observation.evidence.detector in VETOES or side == "none":
            continue
        verdict = book.verdict(side)
        if verdict is None:
            continue
        own, opposing = book.evidence[side], book.evidence[OTHER[side]]
        found = coefficients(own, opposing, config.weights, verdict)
        rows.append([found.get(name, 0.0) for name in WEIGHTS])
        log_odds.append(verdict.log_odds)
        activities.append(activity)
        hits.append(float(is_at_work(events, root, SIDES[side], ts)))
        runs.append((root, SIDES[side], ts // RUN_NS))
    lengths = Counter(runs)
    return Points(
        np.array(rows, np.float64).reshape(-1, len(WEIGHTS)),
        np.array(log_odds),
        np.array(hits),
        np.array([1 / lengths[run] for run in runs]),
        np.array(activities, np.int64),
    )


def signalled(seen: Sequence[Seen], config: AnalyzeConfig) -> list[Signal]:
    """The revisions that would be published, but for what they do not depend on."""
    books: dict[str, SignalBook] = {}
    signals = []
    for ts, root, observation, activity in seen:
        book = _book(books, root, config)
        book.activity = activity
        signals += book.observe(observation, ts)
    return [one for one in signals if one.change in ("opened", "updated")]


def scores_of(signals: Iterable[Signal]) -> Scores:
    """Revisions as an engine's scores: log-odds, which order what is stated alike."""
    names: list[str] = []
    numbers: dict[str, int] = {}
    points = []
    for one in signals:
        if one.root not in names:
            names.append(one.root)
        number = numbers.setdefault(one.id, len(numbers) + 1)
        at = names.index(one.root), SIDES[one.side], number, one.ts_event
        points.append((*at, one.log_odds, one.probability))
    return scores(names, points, FOREVER)


def loosened(seen: Sequence[Seen], config: AnalyzeConfig) -> dict[float, Scores]:
    """What would be published with looser budgets of false alarms: minus the rate an hour → scores.

    Without a calibration there is no budget, and so nothing.
    """
    if config.calibration is None:
        return {}
    found = {}
    for per_hour in LOOSER:
        per_day = per_hour * HOURS_PER_DAY
        if per_day > config.false_alarms_per_day:
            loose = replace(config, false_alarms_per_day=per_day)
            found[-per_hour] = scores_of(signalled(seen, loose))
    return found


def is_at_work(events: Sequence[Event], root: str, side: int, ts: int) -> bool:
    """Whether an institution of the side is at work on a root."""
    return any(
        one.is_sought and one.root == root and one.side == side and one.holds(ts) for one in events
    )


def threshold_at(config: AnalyzeConfig, log_odds: float) -> AnalyzeConfig:
    """The same with a threshold in log-odds, whatever the budget."""
    at = config.calibration or _NEVER
    alarms = (Alarms(log_odds, 0.0),)
    return replace(config, calibration=replace(at, alarms=alarms, alarms_by_activity=()))


def _book(books: dict[str, SignalBook], root: str, config: AnalyzeConfig) -> SignalBook:
    book = books.get(root)
    if book is None:
        scale = Scale(config.calibration, config.false_alarms_per_day)
        book = books[root] = SignalBook(
            root, "", config.weights, scale, config.life, config.params, _contract
        )
    return book


def _contract(_instrument_id: int, _symbol: str, _price_e9: int, _size: int) -> Contract:
    return _NOWHERE

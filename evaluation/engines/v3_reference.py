"""The v3.0 reference engine: the documented formula over windows of five minutes, fed fairly.

Adaptations: trades with their true aggressor's side; real strikes and types, a future is a strike
of its own without puts; event time, every expired window is evaluated, in order of window and key;
the baseline's hour in the cache is event time too; r = ∞ counts as 10 in trend and baseline.
Direction is the dominant side, that of a put turned round. NEUTRAL windows have none and are no
signals. A signal's time is its window's end, the earliest moment at which it could be known.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.alarms import Scores, scores
from evaluation.engines.instruments import CALL, FUTURE, PUT, Listing
from evaluation.engines.v3_formula import (
    Stats,
    Window,
    base_confidence,
    compared,
    final_confidence,
    finite,
    market_making,
    raw_confidence,
    stats_of,
)
from operators.model.evaluations import AUCTION, EXECUTION
from operators.model.items import Evaluations
from operators.model.records import NS_PER_S
from operators.model.streams import Flowing

WINDOW_NS: Final = 300 * NS_PER_S
CACHE_NS: Final = 3600 * NS_PER_S
HISTORY: Final = 3
STRADDLE_WINDOWS: Final = 10


class Key(NamedTuple):
    """What pressure is kept for. Expiries of one strike and class are one, as they were."""

    strike: str
    """In 1e-9 points as text; a future's symbol."""
    class_: str


@dataclass(slots=True)
class KeyState:
    """What is remembered of a key."""

    windows: deque[Window] = field(default_factory=lambda: deque(maxlen=STRADDLE_WINDOWS))
    rows: dict[date, float] = field(default_factory=dict)
    """Date → ratio of its last window so far."""
    cached: tuple[int, Stats] | None = None
    """When the baseline was read, ns, and what it was."""


@dataclass(slots=True)
class RootState:
    """Open window and memory of a root."""

    clock: int = 0
    window: int = 0
    """Number of the open window."""
    open: dict[Key, list[int]] = field(default_factory=dict)
    """Contracts bought and sold, trades."""
    keys: dict[Key, KeyState] = field(default_factory=dict)


class V3Reference:
    """Scores of the formula at each window's end. State: twenty days of each key."""

    NAME: ClassVar[str] = "v3_reference"
    THRESHOLD: ClassVar[float] = 0.6
    THRESHOLDS: ClassVar[tuple[float, ...]] = (0.6, 0.7)
    TEXT: ClassVar[str] = "the v3.0 formula, r = ∞ as 10, every window of five minutes"

    def __init__(self) -> None:
        self._listing = Listing()
        self._roots: dict[str, RootState] = {}
        self._points: list[tuple[int, int, int, int, float, float]] = []
        self._names: list[str] = []

    def forget_scores(self) -> None:
        """Begin a tape: what is known stays, what was scored goes."""
        self._points, self._names = [], []

    def on_item(self, item: Flowing) -> None:
        """Take in one item, in the order of the tape."""
        self._listing.on_item(item)
        if isinstance(item, Evaluations) and item.rows.size:
            for number in np.unique(item.rows["root"]).tolist():
                name = item.roots[number]
                self._on_rows(name, item.rows[item.rows["root"] == number])

    def scores(self) -> Scores:
        """Of the tape so far: windows that have a direction."""
        return scores(self._names, self._points, hold_ns=0)

    def _on_rows(self, root: str, rows: NDArray[np.void]) -> None:
        """Rows of one root, in order: its clock is the running maximum of their times."""
        state = self._roots.setdefault(root, RootState())
        clock = np.maximum(np.maximum.accumulate(rows["ts_event"]), state.clock)
        state.clock = int(clock[-1])
        windows = clock // WINDOW_NS
        for window in np.unique(windows).tolist():
            if window > state.window:
                self._expire(root, state)
                state.window = window
            self._add(state, rows[windows == window])

    def _add(self, state: RootState, rows: NDArray[np.void]) -> None:
        traded = (rows["kind"] == EXECUTION) & (rows["side"] != 0) & (rows["aggressor"] != AUCTION)
        rows = rows[traded]
        for instrument_id in np.unique(rows["instrument_id"]).tolist():
            listed = self._listing.of(instrument_id)
            if listed.class_ not in (FUTURE, CALL, PUT):
                continue
            mine = rows[rows["instrument_id"] == instrument_id]
            sums = state.open.setdefault(Key(listed.strike, listed.class_), [0, 0, 0])
            sums[0] += int(mine["size"][mine["side"] > 0].sum())
            sums[1] += int(mine["size"][mine["side"] < 0].sum())
            # The feed has one trade per aggressor and price.
            sums[2] += int(np.maximum(mine["levels"], 1).sum())

    def _expire(self, root: str, state: RootState) -> None:
        """Evaluate the open window of every key."""
        start = state.window * WINDOW_NS
        for key in sorted(state.open):
            window = Window(start, *state.open[key])
            score = self._evaluate(state, key, window)
            side = -window.side if key.class_ == PUT else window.side
            if side:
                if root not in self._names:
                    self._names.append(root)
                point = (self._names.index(root), side, 0, start + WINDOW_NS, score, score)
                self._points.append(point)
        state.open = {}

    def _evaluate(self, state: RootState, key: Key, window: Window) -> float:
        """Final confidence. The window is stored before the baseline is read, as it was."""
        known = state.keys.setdefault(key, KeyState())
        now = window.ts + WINDOW_NS
        today = _day(window.ts)
        known.windows.append(window)
        known.rows[today] = finite(window.ratio)
        known.rows = {day: r for day, r in known.rows.items() if (today - day).days <= 20}
        if known.cached is None or now - known.cached[0] >= CACHE_NS:
            known.cached = (now, stats_of(known.rows, today))
        stats = known.cached[1]
        base = base_confidence(compared(finite(window.ratio), stats), stats.data_quality)
        raw = raw_confidence(list(known.windows)[-HISTORY:])
        return final_confidence(raw, base, self._market_making(state, key, window))

    def _market_making(self, state: RootState, key: Key, window: Window) -> float:
        """Of the last ten windows at the strike, calls and puts together."""
        if key.class_ == FUTURE:
            return market_making([window], [], window.ts)
        both = [
            (each.ts, class_, each)
            for class_ in (CALL, PUT)
            if (other := state.keys.get(Key(key.strike, class_))) is not None
            for each in other.windows
        ]
        both.sort(key=lambda one: one[:2])
        last = both[-STRADDLE_WINDOWS:]
        calls, puts = ([w for _, class_, w in last if class_ == c] for c in (CALL, PUT))
        return market_making(calls, puts, window.ts)


def _day(ts: int) -> date:
    return datetime.fromtimestamp(ts // NS_PER_S, UTC).date()

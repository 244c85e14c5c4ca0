"""Minute flow: what a minute of the front future did on one side, beside what chance would do."""

from typing import Any, ClassVar, Final, NamedTuple

import numpy as np

from operators.detectors.minute_flow_config import MinuteFlowConfig
from operators.detectors.points import (
    STRENGTH_MAX,
    Found,
    Points,
    Row,
    clipped,
    grown,
    side_name,
    trimmed,
)
from operators.detectors.window_evidence import window_evidence
from operators.kernels import entry
from operators.model.evaluations import FRONT, WINDOW_SUMS, WINDOWS_S
from operators.model.prices import price_text

WINDOW_S: Final = 60
_WINDOW: Final = WINDOWS_S.index(WINDOW_S)


class Measure(NamedTuple):
    """One of the sums that are looked at."""

    detector: str
    """Name of its evidence."""
    group: str
    name: str
    """Prefix of its settings."""
    plus: str
    """Window sum that speaks for buying."""
    minus: str
    what: str
    """For a trader: of buying, and of selling."""
    what_selling: str


MEASURES: Final = (
    Measure(
        "net_flow", "pressure", "net", "buy", "sell", "aggressors bought", "aggressors sold"
    ),
    Measure(
        "hidden_flow", "passive", "hidden", "hidden_bid", "hidden_ask",
        "hidden bids took in", "hidden offers gave out",
    ),
    Measure(
        "sweep_flow", "aggression", "sweep", "sweep_buy", "sweep_sell",
        "sweeps bought", "sweeps sold",
    ),
)  # fmt: skip
_BUY: Final = WINDOW_SUMS.index("buy")
_SELL: Final = WINDOW_SUMS.index("sell")
_PLUS: Final = np.array([WINDOW_SUMS.index(one.plus) for one in MEASURES])
_MINUS: Final = np.array([WINDOW_SUMS.index(one.minus) for one in MEASURES])

MINUTE_DTYPE: Final = np.dtype(
    [
        ("told", "f8", (len(MEASURES),)),  # signed strength that was told last, 0: none
        ("ts_next", "i8", (len(MEASURES),)),  # when it is told again
    ]
)
HIT_DTYPE: Final = np.dtype([("row", "i8"), ("measure", "i8"), ("x", "f8"), ("strength", "f8")])


class MinuteFlow:
    """Net flow of one minute over the root of its volume, on pane rows of the front future.

        x = (plus − minus)/√(buy + sell + 1)

    of contracts over 60 s: `net_flow` of aggressors, `hidden_flow` of hidden size that was
    executed (hidden bids against hidden offers), `sweep_flow` of contracts that took several
    prices at once. If sides were chance, x of the aggressors would have the standard deviation
    √(mean squared size over mean size), some 3 where orders are of 1 to 30 contracts; hidden size
    and sweeps are small shares of volume and their x is below 1 nearly always. So x needs no
    history, and slow and repeated trading that no single event shows adds up in it. Strength
    rises from 0 at `…_min` to 6 at `…_full`.

    Wrong where order sizes are unlike those of futures, at news, when all hurry to one side, and
    in a trend that many follow.

    Expected false alarms: see docs/detection.md; weights are fitted with that in view.

    State: 48 bytes per instrument.

    References:
        Cont, Kukanov, Stoikov 2014, arXiv 1011.6402, on trade imbalance; Tóth et al. 2015, Why is
        equity order flow so persistent, on splitting as its reason.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "minute_flow"

    def __init__(self, config: MinuteFlowConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._starts = np.array([getattr(config, f"{one.name}_min") for one in MEASURES])
        self._fulls = np.array([getattr(config, f"{one.name}_full") for one in MEASURES])
        self._minutes = np.zeros(0, MINUTE_DTYPE) if state is None else state["minutes"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        self._minutes = grown(self._minutes, points.slots)
        hits = np.empty(points.panes.size * len(MEASURES), HIT_DTYPE)
        count = _follow(
            points.rows,
            points.panes,
            points.sound,
            points.windows,
            self._minutes,
            (_PLUS, _MINUS, self._starts, self._fulls),
            (self._config.strength_step, self._config.repeat_ns),
            hits,
        )
        if count == 0:
            return []
        hits = hits[:count]
        rows = points.facts(hits["row"])
        return [self._found(points, hit, row) for hit, row in zip(hits, rows, strict=True)]

    def snapshot(self) -> dict[str, Any]:
        """Copy of what was told, by slot."""
        return {"minutes": trimmed(self._minutes)}

    def _found(self, points: Points, hit: np.void, row: Row) -> Found:
        index, number, x, strength = hit.tolist()
        measure = MEASURES[number]
        side = 1 if x > 0 else -1
        sums = points.windows[index, _WINDOW]
        size = side * int(sums[_PLUS[number]] - sums[_MINUS[number]])
        volume = int(sums[_BUY] + sums[_SELL])
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.mid_e9(row.ask or row.bid)
        evidence = window_evidence(
            points,
            index,
            row,
            detector=measure.detector,
            group=measure.group,
            side=side_name(side),
            strength=clipped(strength),
            judged=None,
            window_s=WINDOW_S,
            size=size,
            measure=round(abs(x), 4),
            threshold=float(self._starts[number]),
            unit="net contracts over the root of the volume",
            price_e9=price_e9,
            text=(
                f"In a minute {measure.what if side > 0 else measure.what_selling} {size} lots of"
                f" {symbol} more than the other side, of {volume} traded, near"
                f" {price_text(price_e9)}"
            ),
        )
        return Found(index, 0, price_e9, points.is_warm(index), evidence)


@entry
def _follow(rows, panes, sound, windows, minutes, columns, limits, hits):  # type: ignore[no-untyped-def]
    """Measures of each front future's pane; hits are written in row order."""
    plus, minus, starts, fulls = columns
    step, repeat_ns = limits
    count = 0
    for k in range(panes.shape[0]):
        i = panes[k]
        row = rows[i]
        if (row.state & FRONT) == 0:
            continue
        state = minutes[row.slot]
        sums = windows[i, _WINDOW]
        root = np.sqrt(np.float64(max(sums[_BUY] + sums[_SELL], 0) + 1))
        for m in range(plus.shape[0]):
            x = (sums[plus[m]] - sums[minus[m]]) / root
            strength = STRENGTH_MAX * (abs(x) - starts[m]) / (fulls[m] - starts[m])
            if not sound[i] or strength <= 0.0:
                state.told[m] = 0.0
                continue
            strength = min(strength, STRENGTH_MAX)
            signed = strength if x > 0 else -strength
            changed = state.told[m] == 0.0 or (signed > 0) != (state.told[m] > 0)
            changed = changed or abs(signed - state.told[m]) >= step
            if changed or row.ts_event >= state.ts_next[m]:
                state.told[m] = signed
                state.ts_next[m] = row.ts_event + repeat_ns
                hit = hits[count]
                hit.row = i
                hit.measure = m
                hit.x = x
                hit.strength = strength
                count += 1
    return count

"""Absorption: one side trades heavily into the book, and the price does not give."""

from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.absorption_config import AbsorptionConfig
from operators.detectors.points import (
    ABSORPTION_60,
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
from operators.model.evaluations import WINDOW_SUMS, WINDOWS_S
from operators.model.prices import price_text

WINDOW_S: Final = 60
_WINDOW: Final = WINDOWS_S.index(WINDOW_S)
_BUY: Final = WINDOW_SUMS.index("buy")
_SELL: Final = WINDOW_SUMS.index("sell")

HELD_DTYPE: Final = np.dtype(
    [
        ("side", "i1"),  # 0: not absorbing
        ("z_told", "f8"),  # |z| when evidence was last given
        ("ts_next", "i8"),  # when it may be given again, ns
    ]
)


class Absorption:
    """Net aggressor contracts per tick that they moved the mid, over 60 s, at each pane's close.

        A = −(buy − sell)/max(1, |Δmid|/tick)        (absorption_60: positive where bids held)
        evidence if |z(A)| ≥ z_min and tail_p(A) ≤ tail_p_max
                 and |Δmid| ≤ move_spreads_max·(ask − bid)
                 and net contracts against the side ≥ size_min

    The side is the passive one: sellers absorbed by bids that hold is buying. Strength is |z|,
    clipped to 6. While it lasts, evidence is given again when |z| has grown by 1 or after
    `repeat_ns`, and then replaces the earlier: it is about the same contracts.

    It needs a baseline: what a market takes without moving differs by instrument and hour.
    Wrong in markets whose tick is so wide that the price seldom moves at all, and before news
    that everybody waits for. Kyle's λ falling under heavy flow (`pressure` windows) is the
    finer measure where the depth is known to be stable.
    Expected false alarms: tail_p_max of panes per side, in runs of up to 60 s since windows
    overlap: 18 s or some two runs an hour and instrument before the condition on the mid; counted
    in the simulated market without institutions, 2.2 an hour.

    State: 17 bytes per instrument.

    References:
        Kyle 1985, λ; the local form by contracts per tick: `operators/model/evaluations.py`.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "absorption"

    def __init__(self, config: AbsorptionConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._held = np.zeros(0, HELD_DTYPE) if state is None else state["held"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        self._held = grown(self._held, points.slots)
        hits = np.empty(points.panes.size, np.int64)
        config = self._config
        count = _absorbed(
            points.rows,
            points.panes,
            points.sound,
            points.windows,
            points.mids2,
            points.z,
            points.tail_p,
            self._held,
            (
                config.z_min,
                config.tail_p_max,
                config.move_spreads_max,
                config.size_min,
                config.repeat_ns,
            ),
            hits,
        )
        if count == 0:
            return []
        rows = points.facts(hits[:count])
        return [
            self._found(points, index, row)
            for index, row in zip(hits[:count].tolist(), rows, strict=True)
        ]

    def snapshot(self) -> dict[str, Any]:
        """Copy of what lasts, by slot."""
        return {"held": trimmed(self._held)}

    def _found(self, points: Points, index: int, row: Row) -> Found:
        z, tail_p = points.judged(index, ABSORPTION_60)
        assert z is not None
        window = points.windows[index, _WINDOW]
        size = abs(int(window[_BUY]) - int(window[_SELL]))
        side = 1 if z > 0 else -1
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.bid if side > 0 else row.ask
        evidence = window_evidence(
            points,
            index,
            row,
            detector=self.NAME,
            group="passive",
            side=side_name(side),
            strength=clipped(abs(z)),
            judged=(z, tail_p),
            window_s=WINDOW_S,
            size=size,
            measure=abs(z),
            threshold=self._config.z_min,
            unit="robust z",
            price_e9=price_e9,
            text=(
                f"{'Bids' if side > 0 else 'Offers'} of {symbol} held at {price_text(price_e9)}:"
                f" {size} lots net {'sold' if side > 0 else 'bought'} in a minute did not move it"
                f" (z {abs(z):.1f})"
            ),
        )
        return Found(index, 0, row.mid_e9(price_e9), True, evidence)


@entry
def _absorbed(rows, panes, sound, windows, mids2, z, tail_p, held, limits, hits):  # type: ignore[no-untyped-def]
    """Panes at which evidence is due; `held` is brought forward."""
    z_min, tail_p_max, move_spreads_max, size_min, repeat_ns = limits
    count = 0
    for k in range(panes.shape[0]):
        i = panes[k]
        row = rows[i]
        state = held[row.slot]
        a = z[i, ABSORPTION_60]
        side = 1 if a > 0 else -1
        if not (abs(a) >= z_min and tail_p[i, ABSORPTION_60] <= tail_p_max and sound[i]):
            state.side = 0
            continue
        if mids2[i, _WINDOW] == 0 or row.bid_size <= 0 or row.ask_size <= 0:
            state.side = 0
            continue
        against = side * (windows[i, _WINDOW, _SELL] - windows[i, _WINDOW, _BUY])
        moved2 = abs(row.bid + row.ask - mids2[i, _WINDOW])
        if against < size_min or moved2 > 2 * move_spreads_max * (row.ask - row.bid):
            state.side = 0
            continue
        if state.side != side or abs(a) >= state.z_told + 1 or row.ts_event >= state.ts_next:
            state.side = side
            state.z_told = abs(a)
            state.ts_next = row.ts_event + repeat_ns
            hits[count] = i
            count += 1
    return count

"""Two-sided: much is traded and as much bought as sold; a veto on evidence of flow."""

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from operators.detectors.points import (
    STRENGTH_MAX,
    VOLUME_60,
    Found,
    Points,
    Row,
    clipped,
    grown,
    trimmed,
)
from operators.detectors.two_sided_config import TwoSidedConfig
from operators.detectors.window_evidence import window_evidence
from operators.kernels import entry
from operators.model.evaluations import WINDOW_SUMS, WINDOWS_S

WINDOW_S: Final = 60
_WINDOW: Final = WINDOWS_S.index(WINDOW_S)
_BUY: Final = WINDOW_SUMS.index("buy")
_SELL: Final = WINDOW_SUMS.index("sell")


class TwoSided:
    """Balance of what aggressors bought and sold over 60 s, at each pane's close.

        balance = min(buy, sell)/max(buy, sell)
        veto if balance ≥ balance_min, buy + sell ≥ size_min, tail_p(volume_60) ≤ tail_p_max

    Contracts throughout. It speaks against both sides of the instrument: one who buys and sells the
    same, a market maker or an index trade, has no view, however large its orders are. Strength is
    6·(balance − balance_min)/(1 − balance_min). While it lasts it is told every `repeat_ns`.

    It needs a baseline: of ordinary volume, balance says nothing. Wrong when an institution meets
    another of its size, or a crowd that leans against it: its flow is then hidden by theirs.
    Expected false alarms: of panes with that much volume, tail_p_max of all, about a third are
    balanced by chance; the signals that this weakens are of such minutes only.

    State: 8 bytes per instrument.

    References:
        Signed against unsigned flow: a straddle test that ignores signs takes synthetics for it.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "two_sided"

    def __init__(self, config: TwoSidedConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._next: NDArray[np.int64] = np.zeros(0, np.int64)
        if state is not None:
            self._next = state["next"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Vetoes in the order of rows."""
        self._next = grown(self._next, points.slots)
        hits = np.empty(points.panes.size, np.int64)
        config = self._config
        count = _balanced(
            points.rows,
            points.panes,
            points.sound,
            points.windows,
            points.tail_p,
            self._next,
            (config.size_min, config.balance_min, config.tail_p_max, config.repeat_ns),
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
        """Copy of when it may be told again, by slot."""
        return {"next": trimmed(self._next)}

    def _found(self, points: Points, index: int, row: Row) -> Found:
        bought, sold = (int(points.windows[index, _WINDOW, column]) for column in (_BUY, _SELL))
        balance = min(bought, sold) / max(bought, sold)
        least = self._config.balance_min
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.mid_e9(row.ask or row.bid)
        evidence = window_evidence(
            points,
            index,
            row,
            detector=self.NAME,
            group="veto",
            side="none",
            strength=clipped(STRENGTH_MAX * (balance - least) / (1 - least)),
            judged=points.judged(index, VOLUME_60),
            window_s=WINDOW_S,
            size=bought + sold,
            measure=round(balance, 4),
            threshold=least,
            unit="of the larger side",
            price_e9=price_e9,
            text=f"{symbol} trades both ways: {bought} lots bought and {sold} sold in a minute",
        )
        return Found(index, 0, price_e9, True, evidence)


@entry
def _balanced(rows, panes, sound, windows, tail_p, next_, limits, hits):  # type: ignore[no-untyped-def]
    """Panes at which it is told; `next_` is brought forward."""
    size_min, balance_min, tail_p_max, repeat_ns = limits
    count = 0
    for k in range(panes.shape[0]):
        i = panes[k]
        slot = rows[i].slot
        buy = windows[i, _WINDOW, _BUY]
        sell = windows[i, _WINDOW, _SELL]
        much = buy + sell >= size_min and tail_p[i, VOLUME_60] <= tail_p_max
        if (
            much
            and min(buy, sell) >= balance_min * max(buy, sell)
            and sound[i]
            and rows[i].ts_event >= next_[slot]
        ):
            next_[slot] = rows[i].ts_event + repeat_ns
            hits[count] = i
            count += 1
    return count

"""Quote churn: orders near the touch come and go unusually often and hardly trade; a veto."""

import math
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from operators.detectors.points import CANCEL_60, Found, Points, Row, clipped, grown, trimmed
from operators.detectors.quote_churn_config import QuoteChurnConfig
from operators.detectors.window_evidence import window_evidence
from operators.kernels import entry
from operators.model.evaluations import WINDOW_SUMS, WINDOWS_S

WINDOW_S: Final = 30
_WINDOW: Final = WINDOWS_S.index(WINDOW_S)
_BUY: Final = WINDOW_SUMS.index("buy")
_SELL: Final = WINDOW_SUMS.index("sell")
_ADD_BID: Final = WINDOW_SUMS.index("add_bid")
_ADD_ASK: Final = WINDOW_SUMS.index("add_ask")
_CANCEL_BID: Final = WINDOW_SUMS.index("cancel_bid")
_CANCEL_ASK: Final = WINDOW_SUMS.index("cancel_ask")


class QuoteChurn:
    """Contracts that came and went on the three levels near the touch, over 30 s, on pane rows.

        ratio = (added + withdrawn)/max(1, traded), both sides of the book together
        veto if ratio ≥ ratio_min, withdrawn/added within balance_min … 1/balance_min,
                withdrawn ≥ size_min, tail_p(cancel_60) ≤ tail_p_max

    Contracts throughout. It speaks against evidence that the book alone gives, on both sides:
    displayed size is then mostly not meant. Strength is 2 + log2(ratio/ratio_min), clipped to 6.
    While it lasts it is told every `repeat_ns`.

    It needs a baseline of what is withdrawn at this time of day. Wrong where the price moves
    quickly: quotes then follow it, which is no churn, although it looks alike.
    Expected false alarms: at most tail_p_max of panes, in runs of up to 60 s since windows overlap.

    State: 8 bytes per instrument.

    References:
        The order-to-trade ratio of exchanges' messaging policies, in contracts near the touch.
        ESH4, a holiday hour: 19 % of cancelled orders lived less than 50 ms, 30 % less than 500.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "quote_churn"

    def __init__(self, config: QuoteChurnConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._next: NDArray[np.int64] = np.zeros(0, np.int64)
        if state is not None:
            self._next = state["next"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Vetoes in the order of rows."""
        self._next = grown(self._next, points.slots)
        hits = np.empty(points.panes.size, np.int64)
        config = self._config
        count = _churned(
            points.rows,
            points.panes,
            points.sound,
            points.windows,
            points.tail_p,
            self._next,
            (
                config.ratio_min,
                config.balance_min,
                config.tail_p_max,
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
        """Copy of when it may be told again, by slot."""
        return {"next": trimmed(self._next)}

    def _found(self, points: Points, index: int, row: Row) -> Found:
        sums = points.windows[index, _WINDOW].tolist()
        added = sums[_ADD_BID] + sums[_ADD_ASK]
        withdrawn = sums[_CANCEL_BID] + sums[_CANCEL_ASK]
        traded = sums[_BUY] + sums[_SELL]
        ratio = (added + withdrawn) / max(1, traded)
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.mid_e9(row.ask or row.bid)
        evidence = window_evidence(
            points,
            index,
            row,
            detector=self.NAME,
            group="veto",
            side="none",
            strength=clipped(2 + math.log2(ratio / self._config.ratio_min)),
            judged=points.judged(index, CANCEL_60),
            window_s=WINDOW_S,
            size=withdrawn,
            measure=round(ratio, 4),
            threshold=self._config.ratio_min,
            unit="lots quoted per lot traded",
            price_e9=price_e9,
            text=(
                f"Quotes of {symbol} churn: {added} lots came near the touch and {withdrawn} went"
                f" in half a minute, {traded} traded"
            ),
        )
        return Found(index, 0, price_e9, True, evidence)


@entry
def _churned(rows, panes, sound, windows, tail_p, next_, limits, hits):  # type: ignore[no-untyped-def]
    """Panes at which it is told; `next_` is brought forward."""
    ratio_min, balance_min, tail_p_max, size_min, repeat_ns = limits
    count = 0
    for k in range(panes.shape[0]):
        i = panes[k]
        slot = rows[i].slot
        sums = windows[i, _WINDOW]
        added = sums[_ADD_BID] + sums[_ADD_ASK]
        withdrawn = sums[_CANCEL_BID] + sums[_CANCEL_ASK]
        traded = max(1, sums[_BUY] + sums[_SELL])
        much = withdrawn >= size_min and added + withdrawn >= ratio_min * traded
        even = min(added, withdrawn) >= balance_min * max(added, withdrawn)
        if (
            much
            and even
            and tail_p[i, CANCEL_60] <= tail_p_max
            and sound[i]
            and rows[i].ts_event >= next_[slot]
        ):
            next_[slot] = rows[i].ts_event + repeat_ns
            hits[count] = i
            count += 1
    return count

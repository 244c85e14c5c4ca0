"""Spoof-like: large orders near the touch that are gone before anyone can trade them; a veto."""

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from operators.detectors.points import (
    FLASH_5,
    Found,
    Points,
    Row,
    grown,
    side_name,
    strength_of_tail,
    trimmed,
)
from operators.detectors.spoof_like_config import SpoofLikeConfig
from operators.detectors.window_evidence import window_evidence
from operators.kernels import entry
from operators.model.evaluations import WINDOW_SUMS, WINDOWS_S
from operators.model.prices import price_text

WINDOW_S: Final = 5
_WINDOW: Final = WINDOWS_S.index(WINDOW_S)
_BUY: Final = WINDOW_SUMS.index("buy")
_SELL: Final = WINDOW_SUMS.index("sell")
_FLASH_BID: Final = WINDOW_SUMS.index("flash_bid")
_FLASH_ASK: Final = WINDOW_SUMS.index("flash_ask")


class SpoofLike:
    """Flashes beside trades, over 5 s, at each pane's close.

    A flash is an order on the three levels near the touch, larger than 95 % of those that come
    there on its side, that is withdrawn or moved within 2 s without a fill (`book_echo`).

        flash(s) = contracts of flashes of side s
        veto if flash(s) ≥ flash_min, flash(s) ≥ touch_min·(contracts at the touch of s),
                flash(s) ≥ share_min·(flash of both sides), tail_p(flash_5) ≤ tail_p_max,
                and anything traded

    It speaks against evidence that the book alone gives for side s: a bid that flashes looks like
    buying. Strength is −log10 of the tail probability, clipped to 6. While it lasts it is told
    every `repeat_ns`. It names behaviour, not intent: who it was and why, the feed does not say.

    Wrong where a market maker withdraws large quotes before news, or a large order is moved to
    follow the price, which counts as withdrawn. Flashes of orders split into small ones are not
    seen.
    Expected false alarms: at most tail_p_max of panes, 7 s an hour in runs of about 5 s. Without a
    baseline nothing is said: 5 % of orders are large by definition, and of cancelled orders 30 %
    live less than 500 ms on ES.

    State: 16 bytes per instrument; the book remembers eight large orders a side.

    References:
        CME Rule 575 on disruptive practices; durations of cancelled orders: ESH4, a holiday hour.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "spoof_like"

    def __init__(self, config: SpoofLikeConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._next: NDArray[np.int64] = np.zeros((0, 2), np.int64)
        if state is not None:
            self._next = state["next"].reshape(-1, 2).copy()

    def observe(self, points: Points) -> list[Found]:
        """Vetoes in the order of rows."""
        self._next = grown(self._next, points.slots)
        hits = np.empty(points.panes.size, np.int64)
        sides = np.empty(points.panes.size, np.int64)
        config = self._config
        count = _flashed(
            points.rows,
            points.panes,
            points.sound,
            points.windows,
            points.tail_p,
            self._next,
            (
                config.flash_min,
                config.touch_min,
                config.share_min,
                config.tail_p_max,
                config.repeat_ns,
            ),
            hits,
            sides,
        )
        if count == 0:
            return []
        rows = points.facts(hits[:count])
        told = zip(hits[:count].tolist(), rows, sides[:count].tolist(), strict=True)
        return [self._found(points, index, row, side) for index, row, side in told]

    def snapshot(self) -> dict[str, Any]:
        """Copy of when it may be told again, by slot and side."""
        pairs = np.ascontiguousarray(self._next).view("i8,i8").reshape(-1)
        return {"next": trimmed(pairs).view(np.int64)}

    def _found(self, points: Points, index: int, row: Row, side: int) -> Found:
        size = int(points.windows[index, _WINDOW, _FLASH_BID if side > 0 else _FLASH_ASK])
        z, tail_p = points.judged(index, FLASH_5)
        assert tail_p is not None
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.bid if side > 0 else row.ask
        evidence = window_evidence(
            points,
            index,
            row,
            detector=self.NAME,
            group="veto",
            side=side_name(side),
            strength=strength_of_tail(tail_p),
            judged=(z, tail_p),
            window_s=WINDOW_S,
            size=size,
            measure=float(size),
            threshold=float(self._config.flash_min),
            unit="lots shown and withdrawn",
            price_e9=price_e9,
            text=(
                f"Large {'bids' if side > 0 else 'offers'} of {symbol} near"
                f" {price_text(price_e9)} flashed: {size} lots came and went unfilled within 2 s"
            ),
        )
        return Found(index, side, row.mid_e9(price_e9), True, evidence)


@entry
def _flashed(rows, panes, sound, windows, tail_p, next_, limits, hits, sides):  # type: ignore[no-untyped-def]
    """Panes at which it is told, and of which side; `next_` is brought forward."""
    flash_min, touch_min, share_min, tail_p_max, repeat_ns = limits
    count = 0
    for k in range(panes.shape[0]):
        i = panes[k]
        row = rows[i]
        sums = windows[i, _WINDOW]
        bid = sums[_FLASH_BID]
        ask = sums[_FLASH_ASK]
        both = bid + ask
        more = max(bid, ask)
        side = 1 if bid >= ask else -1
        touch = row.bid_size if side > 0 else row.ask_size
        clear = more >= flash_min and more >= touch_min * touch and more >= share_min * both
        place = 0 if side > 0 else 1
        traded = sums[_BUY] + sums[_SELL] > 0
        due = row.ts_event >= next_[row.slot, place]
        rare = tail_p[i, FLASH_5] <= tail_p_max
        if clear and rare and touch > 0 and traded and sound[i] and due:
            next_[row.slot, place] = row.ts_event + repeat_ns
            hits[count] = i
            sides[count] = side
            count += 1
    return count

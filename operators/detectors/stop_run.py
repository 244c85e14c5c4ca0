"""Stop run: several stop orders of one side are elected within a second."""

import math
from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.points import (
    STOPS_5,
    Found,
    Points,
    Row,
    clipped,
    rarity_text,
    side_name,
    strength_of_tail,
)
from operators.detectors.stop_run_config import StopRunConfig
from operators.kernels import entry
from operators.model.evaluations import EXECUTION, PANE, STOP
from operators.model.prices import price_text
from operators.model.records import NS_PER_S
from operators.model.signals import Evidence

ORDERS_MAX: Final = 20
"""Order ids kept of one pane."""


class StopRun:
    """Contracts traded by elected stop orders, at the close of each one-second pane.

    The order id tells a stop: it aggresses inside another's event with an id older than that
    event's first aggressor, never having been in the book (`book`). For the side with more:

        count ≥ count_min and size ≥ share_min · (size of both sides), and
        tail_p(stop contracts in 5 s) ≤ tail_p_max, or, without a baseline, size ≥ size_min

        strength = −log10(tail_p), or 2 + log2(size/size_min), clipped to 6

    Sizes are contracts. A pane with stops of both sides is a whipsaw, not a run.

    Wrong about intent: stops are forced trades, of whoever placed them; what institutions do is
    trigger them or trade against them. It therefore weighs little by itself.
    Expected false alarms: with a baseline at most `tail_p_max` of panes, as far as neighbouring
    panes' 5 s windows are alike; the count of orders lowers it further.

    State: per instrument with stops in the open pane, at most 20 order ids, about 200 bytes.

    References:
        CME MDP 3.0 trade summary: an elected stop trades in the event that elected it.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "stop_run"

    def __init__(self, config: StopRunConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._open: dict[int, list[int]] = {}
        """Slot → orders that bought, that sold, first sequence, then order ids."""
        if state is not None:
            self._open = {slot: list(values) for slot, values in state["open"]}

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        hits = np.empty(points.rows.size, np.int64)
        count = _stops(points.rows, hits)
        found: list[Found] = []
        if count == 0:
            return found
        rows = points.facts(hits[:count])
        for index, row in zip(hits[:count].tolist(), rows, strict=True):
            if row.aggressor == STOP and row.side != 0:
                self._elect(row)
            else:
                elected = self._open.pop(row.slot, None)
                if elected is not None and points.sound[index]:
                    self._judge(points, index, row, elected, found)
        return found

    def snapshot(self) -> dict[str, Any]:
        """Stops elected in open panes, in the order in which their instruments appeared."""
        return {"open": tuple((slot, tuple(values)) for slot, values in self._open.items())}

    def _elect(self, row: Row) -> None:
        elected = self._open.get(row.slot)
        if elected is None:
            elected = self._open[row.slot] = [0, 0, row.sequence_first]
        elected[0 if row.side > 0 else 1] += 1
        if len(elected) < 3 + ORDERS_MAX:
            elected.append(row.order_id)

    def _judge(
        self, points: Points, index: int, row: Row, elected: list[int], found: list[Found]
    ) -> None:
        config = self._config
        side = 1 if row.stop_buy >= row.stop_sell else -1
        size = max(row.stop_buy, row.stop_sell)
        count = elected[0 if side > 0 else 1]
        if count < config.count_min or size < config.share_min * (row.stop_buy + row.stop_sell):
            return
        z, tail_p = points.judged(index, STOPS_5)
        if size < config.size_min if tail_p is None else tail_p > config.tail_p_max:
            return
        strength = (
            clipped(2 + math.log2(size / config.size_min))
            if tail_p is None
            else strength_of_tail(tail_p)
        )
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.mid_e9(row.ask or row.bid)
        evidence = Evidence(
            detector=self.NAME,
            group="aggression",
            instrument_id=row.instrument_id,
            symbol=symbol,
            side=side_name(side),
            strength=strength,
            structural=tail_p is None,
            z=z,
            tail_p=tail_p,
            window_s=1,
            size=size,
            measure=float(size) if tail_p is None else tail_p,
            threshold=float(config.size_min) if tail_p is None else config.tail_p_max,
            unit="lots" if tail_p is None else "share of panes as large",
            price_e9=price_e9,
            text=(
                f"Stop run in {symbol} near {price_text(price_e9)}: {count}"
                f" {'buy' if side > 0 else 'sell'} stops elected within a second, {size} lots"
                f"{rarity_text(tail_p)}"
            ),
            order_ids=tuple(elected[3:]),
            sequence_first=elected[2],
            sequence_last=row.sequence_last,
            ts_first=row.ts_event - NS_PER_S,
            ts_last=row.ts_event,
            quality=round(float(points.quality[index]), 6),
        )
        found.append(Found(index, row.ts_event, price_e9, tail_p is not None, evidence))


@entry
def _stops(rows, hits):  # type: ignore[no-untyped-def]
    """Rows of elected stops, and closing panes that hold some."""
    count = 0
    for i in range(rows.shape[0]):
        row = rows[i]
        stop = row.kind == EXECUTION and row.aggressor == STOP
        if stop or (row.kind == PANE and row.stop_buy + row.stop_sell > 0):
            hits[count] = i
            count += 1
    return count

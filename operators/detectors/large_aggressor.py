"""Large aggressor: one order takes far more than orders do at this time of day."""

import math
from typing import Any, ClassVar

import numpy as np

from operators.detectors.large_aggressor_config import LargeAggressorConfig
from operators.detectors.points import (
    SIZE,
    Found,
    Points,
    Row,
    clipped,
    rarity_text,
    side_name,
    strength_of_tail,
)
from operators.kernels import entry
from operators.model.prices import price_text
from operators.model.signals import Evidence


class LargeAggressor:
    """Size of the reassembled aggressor order, not of a record, in its time of day's distribution.

    With a baseline: tail_p(size) ≤ tail_p_max, strength −log10(tail_p). Without one, structural:
    size ≥ size_min, strength 2 + log2(size/size_min). Size is in contracts; both are clipped to 6.

    Wrong when one participant's parent order is split into equal small ones (`signed_pressure`
    sees those), and for privately negotiated blocks, which are no trades of the book.
    Expected false alarms: by construction `tail_p_max` of all aggressor orders, one in a
    thousand, if today is like the baseline.

    State: none.

    References:
        Empirical tail probability (1 + #{≥ x})/(N + 1): see `operators/baseline.py`.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "large_aggressor"

    def __init__(self, config: LargeAggressorConfig, state: dict[str, Any] | None = None) -> None:
        del state
        self._config = config

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        hits = np.empty(points.executions.size, np.int64)
        count = _large(
            points.rows,
            points.executions,
            points.sound,
            points.tail_p,
            self._config.tail_p_max,
            self._config.size_min,
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
        """Nothing to keep."""
        return {}

    def _found(self, points: Points, index: int, row: Row) -> Found:
        config = self._config
        z, tail_p = points.judged(index, SIZE)
        if tail_p is None:
            strength = clipped(2 + math.log2(row.size / config.size_min))
        else:
            strength = strength_of_tail(tail_p)
        symbol = points.symbol(row.instrument_id)
        verb = "Bought" if row.side > 0 else "Sold"
        evidence = Evidence(
            detector=self.NAME,
            group="aggression",
            instrument_id=row.instrument_id,
            symbol=symbol,
            side=side_name(row.side),
            strength=strength,
            structural=tail_p is None,
            z=z,
            tail_p=tail_p,
            window_s=0,
            size=row.size,
            measure=float(row.size) if tail_p is None else tail_p,
            threshold=float(config.size_min) if tail_p is None else config.tail_p_max,
            unit="lots" if tail_p is None else "share of orders as large",
            price_e9=row.price_last,
            text=(
                f"{verb} {row.size} lots of {symbol} with one order at"
                f" {price_text(row.price_last)}{rarity_text(tail_p)}"
            ),
            order_ids=(row.order_id,),
            sequence_first=row.sequence_first,
            sequence_last=row.sequence_last,
            ts_first=row.ts_event,
            ts_last=row.ts_event,
            quality=round(float(points.quality[index]), 6),
        )
        return Found(index, row.order_id, row.mid_e9(row.price_last), tail_p is not None, evidence)


@entry
def _large(rows, executions, sound, tail_p, tail_p_max, size_min, hits):  # type: ignore[no-untyped-def]
    count = 0
    for k in range(executions.shape[0]):
        i = executions[k]
        p = tail_p[i, SIZE]
        if p <= tail_p_max or (np.isnan(p) and rows[i].size >= size_min):
            if sound[i] and rows[i].side != 0:
                hits[count] = i
                count += 1
    return count

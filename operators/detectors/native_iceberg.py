"""Native iceberg: a resting order that shows more each time it has been filled."""

import math
from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.native_iceberg_config import NativeIcebergConfig
from operators.detectors.points import (
    HIDDEN,
    FillRow,
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

_EVERY_FILL: Final = 2**31


class NativeIceberg:
    """Refills of one order id: hidden contracts come to light in the event that filled it.

    For a resting order o after a fill that showed or took hidden contracts:

        refills(o) ≥ refills_min, or hidden(o) ≥ hidden_min,
        or tail_p(hidden contracts that this aggressor met) ≤ tail_p_max and hidden(o) ≥ rare_min

    It is given once per order, and again each time refills or hidden contracts have doubled, and
    then replaces the earlier. The side is the resting order's: an iceberg on the bid buys.

        strength = max(1 + log2(refills), 2 + log2(hidden/hidden_min), −log10(tail_p))

    the last only where the baseline decided, clipped to 6. Contracts throughout.

    Wrong when a market maker's replenishing order shows the same pattern: the exchange does not
    tell the two apart. An order enlarged by its owner between fills is none (`book` counts a refill
    only inside the event of a fill). Synthetic icebergs use new order ids and are not seen.
    Expected false alarms: none by chance; native icebergs are about 4 % of volume, so that most
    are small, which is why one with two refills weighs little.

    State: at most `orders_max` orders, about 100 bytes each.

    References:
        Zotikov and Antonov 2019, arXiv 1909.09495: native icebergs keep their order id.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "native_iceberg"

    def __init__(self, config: NativeIcebergConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._told: dict[tuple[int, int], tuple[int, int]] = {}
        self.forgotten = 0
        """Orders forgotten because of `orders_max`."""
        if state is not None:
            self._told = {(i, o): (refills, hidden) for i, o, refills, hidden in state["told"]}
            self.forgotten = state["forgotten"]

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows and fills."""
        hits = np.empty(points.executions.size, np.int64)
        count = _with_hidden(points.rows, points.executions, points.sound, hits)
        found: list[Found] = []
        if count:
            hits = hits[:count]
            looks = hits.tolist(), points.facts(hits), points.fills_of(hits, _EVERY_FILL)
            for index, row, fills in zip(*looks, strict=True):
                self._look(points, index, row, fills, found)
        return found

    def snapshot(self) -> dict[str, Any]:
        """Orders told, the longest unseen first: (instrument, order, refills, hidden)."""
        told = tuple((*key, *value) for key, value in self._told.items())
        return {"told": told, "forgotten": self.forgotten}

    def _look(
        self, points: Points, index: int, row: Row, fills: list[FillRow], found: list[Found]
    ) -> None:
        config = self._config
        z, tail_p = points.judged(index, HIDDEN)
        for fill in fills:
            order_id, _, _, hidden, refills, hidden_total, side = fill
            if hidden <= 0 or side == 0:
                continue
            rare = self._is_rare(tail_p, hidden_total)
            key = (row.instrument_id, order_id)
            told = self._told.pop(key, None)
            if told is not None:
                if refills < 2 * told[0] and hidden_total < 2 * told[1]:
                    self._told[key] = told
                    continue
            elif not (rare or refills >= config.refills_min or hidden_total >= config.hidden_min):
                continue
            self._remember(key, (refills, hidden_total))
            judged = (z, tail_p) if rare else (None, None)
            evidence = self._evidence(points, row, index, fill, *judged)
            mid_e9 = row.mid_e9(evidence.price_e9)
            found.append(Found(index, order_id, mid_e9, tail_p is not None, evidence))

    def _is_rare(self, tail_p: float | None, hidden_total: int) -> bool:
        config = self._config
        return (
            tail_p is not None and tail_p <= config.tail_p_max and hidden_total >= config.rare_min
        )

    def _remember(self, key: tuple[int, int], told: tuple[int, int]) -> None:
        if len(self._told) >= self._config.orders_max:
            del self._told[next(iter(self._told))]
            self.forgotten += 1
        self._told[key] = told

    def _evidence(
        self,
        points: Points,
        row: Row,
        index: int,
        fill: FillRow,
        z: float | None,
        tail_p: float | None,
    ) -> Evidence:
        config = self._config
        order_id, price_e9, _, _, refills, hidden_total, side = fill
        strength = max(
            1 + math.log2(max(refills, 1)), 2 + math.log2(hidden_total / config.hidden_min)
        )
        if tail_p is not None:
            strength = max(strength, strength_of_tail(tail_p))
        by_refills = refills >= config.refills_min
        symbol = points.symbol(row.instrument_id)
        return Evidence(
            detector=self.NAME,
            group="passive",
            instrument_id=row.instrument_id,
            symbol=symbol,
            side=side_name(side),
            strength=clipped(strength),
            structural=tail_p is None,
            z=z,
            tail_p=tail_p,
            window_s=0,
            size=hidden_total,
            measure=float(refills) if by_refills else float(hidden_total),
            threshold=float(config.refills_min) if by_refills else float(config.hidden_min),
            unit="refills" if by_refills else "hidden lots",
            price_e9=price_e9,
            text=(
                f"Iceberg on the {'bid' if side > 0 else 'ask'} of {symbol} at"
                f" {price_text(price_e9)}: {refills} {'refill' if refills == 1 else 'refills'},"
                f" {hidden_total} hidden lots (order {order_id})"
                f"{rarity_text(tail_p)}"
            ),
            order_ids=(order_id,),
            sequence_first=row.sequence_first,
            sequence_last=row.sequence_last,
            ts_first=row.ts_event,
            ts_last=row.ts_event,
            quality=round(float(points.quality[index]), 6),
        )


@entry
def _with_hidden(rows, executions, sound, hits):  # type: ignore[no-untyped-def]
    count = 0
    for k in range(executions.shape[0]):
        i = executions[k]
        if (rows[i].hidden > 0 or rows[i].refills > 0) and sound[i]:
            hits[count] = i
            count += 1
    return count

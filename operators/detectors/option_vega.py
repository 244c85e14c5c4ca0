"""Option vega: volatility of an expiry is bought, with options that all look one way."""

from typing import Any, ClassVar

import numpy as np

from operators.detectors.option_evidence import (
    TOLD_DTYPE,
    VIEWS,
    is_news,
    month_of,
    option_found,
)
from operators.detectors.option_vega_config import OptionVegaConfig
from operators.detectors.points import Found, Points, clipped, grown, trimmed
from operators.kernels import entry


class OptionVega:
    """Signed flow of vegas of a tenor over 60 s, at the close of a second in which it traded.

        V = Σ s·q·ν,   W = Σ q·ν          points per percentage point of volatility
        z = (V − mean)/√(variance + v²)
        evidence if V ≥ size_min, V/W ≥ share_min, z ≥ z_min, orders ≥ orders_min, and the deltas
            are on one side: |D|/G ≥ share_min, their z ≥ flow_z_min (see `option_delta`)

    with mean and variance those of V over time, and v² the mean square of one order's vega.

    Its side is that of D: calls bought are on the buy side, puts bought on the sell side. Who pays
    for volatility and takes one direction with it wants leverage on a move; who sells options in
    one direction does not, and is seen by `option_delta` alone. Strength is z, clipped to 6; it is
    told again as there.

    Vega weighs long expiries and the money, delta what is deep in it: the two see the same trades
    and count as one group. A straddle buys vega without a delta and is not told here but by
    `option_balance`. Wrong where puts are bought as a hedge for a position that is not to be sold.
    Expected false alarms: those of `option_delta`, fewer by what is not bought.

    State: 24 bytes per tenor, and `OptionFlow`'s.

    References:
        Ni, Pan, Poteshman 2008, Volatility information trading in the option market: net vega
        demand of non-makers.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "option_vega"

    def __init__(self, config: OptionVegaConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._told = np.zeros(0, TOLD_DTYPE) if state is None else state["told"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        options = points.options
        if options is None or options.seconds.size == 0:
            return []
        self._told = grown(self._told, options.tenors.size)
        hits = np.empty(options.seconds.size, np.int64)
        config = self._config
        limits = (
            config.size_min,
            config.share_min,
            config.z_min,
            config.flow_z_min,
            config.orders_min,
            config.watched_s_min,
            config.repeat_ns,
        )
        count = _bought(options.seconds, self._told, limits, hits)
        return [self._found(points, options.seconds[k]) for k in hits[:count].tolist()]

    def snapshot(self) -> dict[str, Any]:
        """Copy of what was told, by tenor."""
        return {"told": trimmed(self._told)}

    def _found(self, points: Points, second: np.void) -> Found:
        vega, flow = float(second["vega"]), float(second["flow"])
        z = round(float(second["vega_z"]), 4)
        kind = "calls" if flow > 0 else "puts"
        return option_found(
            points,
            second,
            detector=self.NAME,
            side=VIEWS[1 if flow > 0 else -1],
            strength=clipped(z),
            size=round(abs(flow)),
            measure=z,
            threshold=self._config.z_min,
            unit="standard deviations",
            text=(
                f"Volatility of {month_of(points, second)} bought, mostly with {kind}:"
                f" {vega:.0f} points per % in a minute, z {z:.1f}"
            ),
        )


@entry
def _bought(seconds, told, limits, hits):  # type: ignore[no-untyped-def]
    """Seconds at which it is told; `told` is brought forward."""
    size_min, share_min, z_min, flow_z_min, orders_min, watched_s_min, repeat_ns = limits
    count = 0
    for k in range(seconds.shape[0]):
        second = seconds[k]
        state = told[second.tenor]
        vega = second.vega
        side = 1 if second.flow > 0.0 else -1
        if (
            second.watched_s < watched_s_min
            or second.forward2_e9 == 0
            or second.orders < orders_min
            or vega < size_min
            or vega < share_min * second.vega_gross
            or abs(second.flow) < share_min * second.gross
            or second.vega_z < z_min
            or side * second.flow_z < flow_z_min
        ):
            state.side = 0
        elif is_news(state, side, second.vega_z, second.ts, repeat_ns):
            hits[count] = k
            count += 1
    return count

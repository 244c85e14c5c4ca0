"""Option delta: the options of an expiry are traded for one direction of their future."""

from typing import Any, ClassVar

import numpy as np

from operators.detectors.option_delta_config import OptionDeltaConfig
from operators.detectors.option_evidence import (
    TOLD_DTYPE,
    VIEWS,
    is_news,
    month_of,
    option_found,
)
from operators.detectors.points import Found, Points, clipped, grown, trimmed
from operators.kernels import entry
from operators.model.prices import price_text


class OptionDelta:
    """Signed flow of deltas of a tenor over 60 s, at the close of a second in which it traded.

        D = Σ s·q·Δ,   G = Σ q·|Δ|        contracts of the future, over the tenor's trades
        z = (D − mean)/√(variance + d²)
        evidence if |D| ≥ size_min, |D|/G ≥ share_min, |z| ≥ z_min on the side of D,
            orders ≥ orders_min

    with s the aggressor's side, mean and variance those of D over time (see `OptionFlow`), which
    must have been watched for `watched_s_min`, and d² the mean square of one order's deltas. Calls
    bought and puts sold are on the buy side, puts bought and calls sold on the sell side. Strength
    is |z|, clipped to 6. While it lasts, evidence is given again when that has grown by 1 or after
    `repeat_ns`, and replaces the earlier.

    A straddle has a D near 0, a vertical spread one that is small beside G: neither is seen. Weak
    where the future moves: quotes that are left behind are taken, calls on the one side and puts on
    the other, by makers who have no view; its weight is small for that. Wrong for who trades the
    future against it: an option with its delta's worth of futures is a view of volatility, and the
    futures leg cannot be told from other trades of the future; such packages are mostly listed as
    one instrument, which does not come here. Wrong, too, where sold options are covered positions,
    and where a maker closes an inventory by taking.
    Expected false alarms: on simulated markets a few an hour and root, all with moves of the
    future. What is usual includes the institutions of the last hour, so that the flow of a busy
    hour must be larger.

    State: 24 bytes per tenor, and `OptionFlow`'s.

    References:
        Pan and Poteshman 2006; Ni, Pan, Poteshman 2008 for signed demand; Garleanu, Pedersen,
        Poteshman 2009, Demand-based option pricing, on the makers' other side.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "option_delta"

    def __init__(self, config: OptionDeltaConfig, state: dict[str, Any] | None = None) -> None:
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
            config.orders_min,
            config.watched_s_min,
            config.repeat_ns,
        )
        count = _one_sided(options.seconds, self._told, limits, hits)
        return [self._found(points, options.seconds[k]) for k in hits[:count].tolist()]

    def snapshot(self) -> dict[str, Any]:
        """Copy of what was told, by tenor."""
        return {"told": trimmed(self._told)}

    def _found(self, points: Points, second: np.void) -> Found:
        flow = float(second["flow"])
        z = round(abs(float(second["flow_z"])), 4)
        verb = "rise" if flow > 0 else "fall"
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
                f"Options of {month_of(points, second)} traded for a {verb}:"
                f" {int(second['orders'])} orders in a minute stand for {abs(flow):.0f} contracts"
                f" of the future near {price_text(int(second['forward2_e9']) // 2)},"
                f" z {z:.1f}"
            ),
        )


@entry
def _one_sided(seconds, told, limits, hits):  # type: ignore[no-untyped-def]
    """Seconds at which it is told; `told` is brought forward."""
    size_min, share_min, z_min, orders_min, watched_s_min, repeat_ns = limits
    count = 0
    for k in range(seconds.shape[0]):
        second = seconds[k]
        state = told[second.tenor]
        side = 1 if second.flow > 0.0 else -1
        size, z = side * second.flow, side * second.flow_z
        if (
            second.watched_s < watched_s_min
            or second.forward2_e9 == 0
            or second.orders < orders_min
            or size < size_min
            or size < share_min * second.gross
            or z < z_min
        ):
            state.side = 0
        elif is_news(state, side, z, second.ts, repeat_ns):
            hits[count] = k
            count += 1
    return count

"""Order flow: all ten levels of the book take on, or give up, more on one side than is usual."""

from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.order_flow_config import OrderFlowConfig
from operators.detectors.points import (
    OFI_30,
    Found,
    Points,
    Row,
    clipped,
    grown,
    side_name,
    trimmed,
)
from operators.detectors.window_evidence import window_evidence
from operators.kernels import entry, inlined
from operators.model.evaluations import OFI_LEVELS, WINDOW_SUMS, WINDOWS_S
from operators.model.prices import price_text
from operators.model.records import NS_PER_S
from operators.pressure_kernel import exp2_minus

WINDOW_S: Final = 30
_WINDOW: Final = WINDOWS_S.index(WINDOW_S)
_OFI_1: Final = WINDOW_SUMS.index("ofi_1")
_FLOW_HALF_LIFE_S: Final = 20.0
"""A window of 30 s holds about as much as a sum that halves in 20.8 s."""
_ITERATIONS: Final = 32
_PAIRS: Final = OFI_LEVELS * (OFI_LEVELS + 1) // 2

FLOW_DTYPE: Final = np.dtype(
    [
        ("moments", "f4", (_PAIRS,)),  # decayed products of the levels' flows, i ≤ j
        ("weights", "f8", (OFI_LEVELS,)),  # sum of magnitudes 1
        ("flow", "f8"),  # decayed sum of the integrated flow
        ("variance", "f8"),  # of it, about 0
        ("weight", "f8"),  # of all panes in the variance
        ("z_told", "f8"),
        ("panes", "i8"),
        ("ts_last", "i8"),
        ("ts_next", "i8"),  # when evidence may be given again
        ("side", "i8"),  # 0: not one-sided
    ]
)

HIT_DTYPE: Final = np.dtype([("row", "i8"), ("own_z", "f8")])


class OrderFlow:
    """Integrated order-flow imbalance of levels 1–10 on pane rows, beside the plain sum's z.

    Per pane the book gives e_m, Cont's order-flow imbalance of level m in contracts. The integrated
    flow weighs the levels by the first principal component w₁ of their co-moments,

        f = w₁ᵀ·e/‖w₁‖₁,    F ← F·2^(−Δt/20 s) + f,    z_own = F/√(mean of F²)

    with co-moments and mean halved every `half_life_s`. w₁ is fitted by power iteration every
    `panes_min` panes; until the first fit nothing is said. Depth would scale all levels alike and
    drops out of z. Evidence if

        |z(ofi_30)| ≥ z_min, tail_p(ofi_30) ≤ tail_p_max, z_own ≥ own_z_min on the same side

    Strength is the smaller of |z| and z_own, clipped to 6. While it lasts, evidence is given again
    when |z| has grown by 1 or after `repeat_ns`, and then replaces the earlier. Size is the flow of
    the first level over 30 s in contracts.

    It explains the price of the same half minute and forecasts little. Wrong where displayed orders
    are not meant: quotes that come and go, and large ones that flash, move it without a trade (see
    the vetoes `quote_churn` and `spoof_like`).
    Expected false alarms: tail_p_max of panes per side, 7 s an hour in runs of about 10 s.

    State: 372 bytes per instrument.

    References:
        Cont, Kukanov, Stoikov 2014, arXiv 1011.6402; Xu, Gould, Howison 2018, on several levels;
        Cont, Cucuringu, Zhang 2023, arXiv 2112.13213, on integrating them.
    """

    STATE_VERSION: ClassVar[int] = 2
    NAME: ClassVar[str] = "order_flow"

    def __init__(self, config: OrderFlowConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._flows = np.zeros(0, FLOW_DTYPE) if state is None else state["flows"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        self._flows = grown(self._flows, points.slots)
        hits = np.empty(points.panes.size, HIT_DTYPE)
        config = self._config
        count = _follow(
            points.rows,
            points.panes,
            points.sound,
            points.z,
            points.tail_p,
            self._flows,
            (
                config.z_min,
                config.tail_p_max,
                config.own_z_min,
                config.panes_min,
                config.half_life_s,
                config.repeat_ns,
            ),
            hits,
        )
        if count == 0:
            return []
        hits = hits[:count]
        rows = points.facts(hits["row"])
        return [self._found(points, hit, row) for hit, row in zip(hits, rows, strict=True)]

    def snapshot(self) -> dict[str, Any]:
        """Copy of the flows, by slot."""
        return {"flows": trimmed(self._flows)}

    def _found(self, points: Points, hit: np.void, row: Row) -> Found:
        index, own_z = hit.tolist()
        z, tail_p = points.judged(index, OFI_30)
        assert z is not None
        side = 1 if z > 0 else -1
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.mid_e9(row.ask or row.bid)
        size = abs(int(points.windows[index, _WINDOW, _OFI_1]))
        evidence = window_evidence(
            points,
            index,
            row,
            detector=self.NAME,
            group="book",
            side=side_name(side),
            strength=clipped(min(abs(z), own_z)),
            judged=(z, tail_p),
            window_s=WINDOW_S,
            size=size,
            measure=abs(z),
            threshold=self._config.z_min,
            unit="robust z",
            price_e9=price_e9,
            text=(
                f"The book of {symbol} leans to the {'bid' if side > 0 else 'ask'} near"
                f" {price_text(price_e9)}: order flow of ten levels far beyond this time of day"
                f" for half a minute (z {abs(z):.1f}, weighted {own_z:.1f})"
            ),
        )
        return Found(index, 0, price_e9, True, evidence)


@entry
def _follow(rows, panes, sound, z, tail_p, flows, limits, hits):  # type: ignore[no-untyped-def]
    """Bring the flow of each pane's instrument forward; hits are written in row order."""
    z_min, tail_p_max, own_z_min, panes_min, half_life_s, repeat_ns = limits
    product = np.empty(OFI_LEVELS)
    count = 0
    for k in range(panes.shape[0]):
        i = panes[k]
        row = rows[i]
        state = flows[row.slot]
        if not sound[i]:
            # The moments are of what was sound; the flow is not.
            state.flow = 0.0
            state.side = 0
            state.ts_last = row.ts_event
            continue
        since_s = max((row.ts_event - state.ts_last) / NS_PER_S, 0.0)
        state.ts_last = row.ts_event
        kept = exp2_minus(since_s / half_life_s)
        flow = 0.0
        place = 0
        for a in range(OFI_LEVELS):
            own = np.float64(row.ofi[a])
            flow += state.weights[a] * own
            for b in range(a, OFI_LEVELS):
                state.moments[place] = state.moments[place] * kept + own * row.ofi[b]
                place += 1
        state.panes += 1
        if state.panes % panes_min == 0:
            _fit(state, product)
        if state.panes <= panes_min:
            continue
        state.flow = state.flow * exp2_minus(since_s / _FLOW_HALF_LIFE_S) + flow
        own_z = 0.0
        if state.panes > 2 * panes_min and state.variance > 0.0:
            own_z = state.flow / np.sqrt(state.variance)
        state.weight = state.weight * kept + 1.0
        state.variance += (state.flow * state.flow - state.variance) / state.weight
        value = z[i, OFI_30]
        side = 1 if value > 0 else -1
        if not (abs(value) >= z_min and tail_p[i, OFI_30] <= tail_p_max):
            state.side = 0
            continue
        if not side * own_z >= own_z_min:
            state.side = 0
            continue
        if state.side != side or abs(value) >= state.z_told + 1 or row.ts_event >= state.ts_next:
            state.side = side
            state.z_told = abs(value)
            state.ts_next = row.ts_event + repeat_ns
            hits[count].row = i
            hits[count].own_z = side * own_z
            count += 1
    return count


@inlined
def _fit(state, product):  # type: ignore[no-untyped-def]
    """w₁ by power iteration from equal weights, turned so that its sum is positive."""
    weights = state.weights
    for a in range(OFI_LEVELS):
        weights[a] = 1.0 / OFI_LEVELS
    for _ in range(_ITERATIONS):
        total = 0.0
        signed = 0.0
        for a in range(OFI_LEVELS):
            product[a] = 0.0
            for b in range(OFI_LEVELS):
                low = min(a, b)
                place = low * OFI_LEVELS - low * (low - 1) // 2 + abs(a - b)
                product[a] += state.moments[place] * weights[b]
            total += abs(product[a])
            signed += product[a]
        if not total > 0.0:
            return
        if signed < 0.0:
            total = -total
        for a in range(OFI_LEVELS):
            weights[a] = product[a] / total

"""Option coordination: neighbouring strikes of one type and expiry are bought within a minute."""

from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.option_coordination_config import OptionCoordinationConfig
from operators.detectors.option_evidence import (
    TOLD_DTYPE,
    VIEWS,
    is_news,
    month_of,
    option_found,
)
from operators.detectors.points import Found, Points, clipped, grown, trimmed
from operators.kernels import entry, inlined

RUN_MAX: Final = 6
"""Strikes of one run at most."""
VEGA_SHARE: Final = 1.5
"""A run's z is the largest of many: so many times a vega's z is as rare as that, about."""

HIT_DTYPE: Final = np.dtype(
    [("second", "i8"), ("side", "i8"), ("run_z", "f8"), ("strikes", "i8", (RUN_MAX,))]
)


class OptionCoordination:
    """Runs of strikes that are bought, at the close of a second in which their tenor traded.

    Of each type, calls and puts apart, the strikes with trades in the last 60 s are put in order,
    and every run of 2 to 6 neighbours is looked at:

        z_i = (N_i − mean_i)/√(variance_i + o²)      of strike i, see `option_strike`
        Z = Σ z_i/√k                                 of a run of k strikes
        evidence if every N_i > 0 and z_i ≥ each_z_min, no z_i below even_min of the largest,
            k ≥ strikes_min, Z ≥ z_min, net vega of the tenor z ≥ vega_z_min (`option_vega`),
            Σ |D_i| ≥ size_min

    It is that of the run with the largest Z. Calls are on the buy side, puts on the sell side; D
    are the strikes' deltas in contracts of the future. Strength is the smaller of Z/1.5 and the
    vega's z, clipped to 6; it is told again as in `option_delta`.

    Both conditions are needed. When the future moves, makers and others take quotes that are left
    behind, calls bought and puts sold at all strikes at once: runs with a Z of 6 to 9, but no vega.
    A straddle buys vega, but one strike of each type; a spread buys one strike and sells another.
    Wrong where a maker buys volatility back across strikes, and where two buy different strikes of
    one type at once. Two strikes with a gap between them, in which others trade, are not seen.
    Expected false alarms: on four simulated half-hours with two roots, with 4,500 tenor-seconds
    outside of all labels, none.

    State: 24 bytes per tenor, and `OptionFlow`'s.

    References:
        Scan statistics: Glaz, Naus, Wallenstein 2001; Σz/√k is Stouffer's.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "option_coordination"

    def __init__(
        self, config: OptionCoordinationConfig, state: dict[str, Any] | None = None
    ) -> None:
        self._config = config
        self._told = np.zeros(0, TOLD_DTYPE) if state is None else state["told"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        options = points.options
        if options is None or options.seconds.size == 0:
            return []
        self._told = grown(self._told, options.tenors.size)
        hits = np.empty(options.seconds.size, HIT_DTYPE)
        config = self._config
        limits = (
            config.strikes_min,
            config.each_z_min,
            config.even_min,
            config.z_min,
            config.vega_z_min,
            config.size_min,
            config.watched_s_min,
            config.repeat_ns,
        )
        count = _bought(options.seconds, options.strikes, self._told, limits, hits)
        return [self._found(points, hit) for hit in hits[:count]]

    def snapshot(self) -> dict[str, Any]:
        """Copy of what was told, by tenor."""
        return {"told": trimmed(self._told)}

    def _found(self, points: Points, hit: np.void) -> Found:
        at, side = int(hit["second"]), int(hit["side"])
        options = points.options
        assert options is not None, "there are no hits without options"
        second = options.seconds[at]
        run = options.strikes[hit["strikes"][hit["strikes"] >= 0]]
        flow, run_z = abs(float(run["flow"].sum())), round(float(hit["run_z"]), 4)
        names = ", ".join(points.symbol(int(id_)) for id_ in run["instrument_id"])
        return option_found(
            points,
            second,
            detector=self.NAME,
            side=VIEWS[side],
            strength=clipped(min(run_z / VEGA_SHARE, float(second["vega_z"]))),
            size=round(flow),
            measure=run_z,
            threshold=self._config.z_min,
            unit="standard deviations",
            text=(
                f"{len(run)} strikes of {month_of(points, second)}"
                f" {'calls' if side > 0 else 'puts'} bought together within a minute:"
                f" {int(run['bought'].sum())} lots of {names}, {flow:.0f} contracts of the future,"
                f" z {run_z:.1f}"
            ),
        )


@entry
def _bought(seconds, strikes, told, limits, hits):  # type: ignore[no-untyped-def]
    """Seconds at which it is told; `told` is brought forward."""
    strikes_min, each_z_min, even_min, z_min, vega_z_min, size_min, watched_s_min, repeat_ns = (
        limits
    )
    order = np.empty(strikes.shape[0], np.int64)
    best = np.empty(2, np.int64)
    count = 0
    for i in range(seconds.shape[0]):
        second = seconds[i]
        state = told[second.tenor]
        if (
            second.watched_s < watched_s_min
            or second.vega_z < vega_z_min
            or second.forward2_e9 == 0
        ):
            state.side = 0
            continue
        side, run_z = 0, 0.0
        hit = hits[count]
        for call in (1, -1):
            found = _sorted(strikes, second.strike_first, second.strike_stop, call, order)
            of_each = (strikes_min, each_z_min, even_min, size_min)
            z = _best_run(strikes, order, found, of_each, best)
            if z >= z_min and z > run_z:
                side, run_z = call, z
                for k in range(RUN_MAX):
                    place = best[0] + k
                    hit.strikes[k] = order[place] if place < best[1] else -1
        if side == 0:
            state.side = 0
        elif is_news(state, side, min(run_z / VEGA_SHARE, second.vega_z), second.ts, repeat_ns):
            hit.second, hit.side, hit.run_z = i, side, run_z
            count += 1
    return count


@inlined
def _sorted(strikes, first, stop, call, order):  # type: ignore[no-untyped-def]
    """Places of the options of a type in `order`, upwards by strike; returns how many."""
    found = 0
    for j in range(first, stop):
        if strikes[j].call != call:
            continue
        k = found
        while k > 0 and strikes[order[k - 1]].strike_e9 > strikes[j].strike_e9:
            order[k] = order[k - 1]
            k -= 1
        order[k] = j
        found += 1
    return found


@inlined
def _best_run(strikes, order, found, limits, best):  # type: ignore[no-untyped-def]
    """Largest Z of all runs, 0 if there is none; `best` is where it starts and stops."""
    strikes_min, each_z_min, even_min, size_min = limits
    largest = 0.0
    for a in range(found):
        total, flow, low, high = 0.0, 0.0, np.inf, 0.0
        for b in range(a, min(a + RUN_MAX, found)):
            strike = strikes[order[b]]
            if strike.bought <= strike.sold or strike.z < each_z_min:
                break
            total += strike.z
            flow += abs(strike.flow)
            low, high = min(low, strike.z), max(high, strike.z)
            k = b + 1 - a
            z = total / np.sqrt(np.float64(k))
            even = low >= even_min * high
            if k >= strikes_min and even and flow >= size_min and z > largest:
                largest = z
                best[0], best[1] = a, b + 1
    return largest

"""Option balance: straddles, strangles and spreads, whose legs cancel; a veto on option flow."""

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from operators.detectors.option_balance_config import OptionBalanceConfig
from operators.detectors.option_evidence import (
    TOLD_DTYPE,
    is_news,
    month_of,
    option_found,
)
from operators.detectors.points import STRENGTH_MAX, Found, Points, clipped, grown, trimmed
from operators.kernels import entry

HIT_DTYPE: Final = np.dtype([("second", "i8"), ("rise", "i8"), ("fall", "i8")])


class OptionBalance:
    """Two options of a tenor whose views cancel over 60 s, at a second in which it traded.

    A leg is an option with net contracts N, |N| ≥ size_min, and |z| ≥ z_min on the side of N (see
    `option_strike`): for a rise if calls are bought or puts sold, for a fall otherwise. Of either
    view the leg with the largest |z| counts:

        veto if there are both, and min/max of their |N| ≥ balance_min

    It speaks against both sides of what option detectors say of the tenor's future. The two options
    name it: call and put of one strike, both bought or both sold, are a straddle, of two strikes a
    strangle; one bought and one sold of the same type are a spread; else it is two-sided. A call
    bought and a put sold agree: that is a synthetic future, a view, and no straddle. Strength is
    6·min/max of the contracts. While it lasts it is told every `repeat_ns`.

    Wrong when two parties meet in one expiry, one for a rise and one for a fall; for a spread far
    apart, which does have a view; and blind to calendar spreads, whose legs are two tenors, to
    ratios above 2 and to options hedged with the future.
    Expected false alarms: it raises none; on simulated markets one tenor-second in two hundred has
    two such legs by chance.

    State: 24 bytes per tenor, and `OptionFlow`'s.

    References:
        Signed against unsigned flow: a straddle test that ignores signs takes synthetics for it.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "option_balance"

    def __init__(self, config: OptionBalanceConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._told = np.zeros(0, TOLD_DTYPE) if state is None else state["told"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Vetoes in the order of rows."""
        options = points.options
        if options is None or options.seconds.size == 0:
            return []
        self._told = grown(self._told, options.tenors.size)
        hits = np.empty(options.seconds.size, HIT_DTYPE)
        config = self._config
        limits = (
            config.size_min,
            config.z_min,
            config.balance_min,
            config.watched_s_min,
            config.repeat_ns,
        )
        count = _balanced(options.seconds, options.strikes, self._told, limits, hits)
        return [self._found(points, *hit.tolist()) for hit in hits[:count]]

    def snapshot(self) -> dict[str, Any]:
        """Copy of what was told, by tenor."""
        return {"told": trimmed(self._told)}

    def _found(self, points: Points, at: int, rise: int, fall: int) -> Found:
        options = points.options
        assert options is not None, "there are no hits without options"
        second, legs = options.seconds[at], options.strikes[[rise, fall]]
        small, large = sorted(abs(int(n)) for n in legs["bought"] - legs["sold"])
        return option_found(
            points,
            second,
            detector=self.NAME,
            group="veto",
            side="none",
            strength=clipped(STRENGTH_MAX * small / large),
            size=small,
            measure=round(small / large, 4),
            threshold=self._config.balance_min,
            unit="of the larger leg",
            text=(
                f"{_name(legs)} of {month_of(points, second)}:"
                f" {' and '.join(_leg(points, leg) for leg in legs)} net within a minute"
            ),
        )


def _name(legs: NDArray[np.void]) -> str:
    """What two legs are called; signs decide, not only strikes."""
    calls, strikes = legs["call"], legs["strike_e9"]
    bought = legs["bought"] > legs["sold"]
    if calls[0] == calls[1] and bought[0] != bought[1]:
        return "A spread"
    if calls[0] != calls[1] and bought[0] == bought[1]:
        return "A straddle" if strikes[0] == strikes[1] else "A strangle"
    return "Two-sided flow"


def _leg(points: Points, leg: np.void) -> str:
    bought, sold = int(leg["bought"]), int(leg["sold"])
    verb = "bought" if bought > sold else "sold"
    return f"{abs(bought - sold)} {points.symbol(int(leg['instrument_id']))} {verb}"


@entry
def _balanced(seconds, strikes, told, limits, hits):  # type: ignore[no-untyped-def]
    """Seconds at which it is told, and the largest option of each view; `told` goes forward."""
    size_min, z_min, balance_min, watched_s_min, repeat_ns = limits
    count = 0
    for i in range(seconds.shape[0]):
        second = seconds[i]
        state = told[second.tenor]
        rise, fall = -1, -1
        if second.watched_s >= watched_s_min and second.forward2_e9 != 0:
            for j in range(second.strike_first, second.strike_stop):
                strike = strikes[j]
                net = strike.bought - strike.sold
                if abs(net) < size_min or (strike.z if net > 0 else -strike.z) < z_min:
                    continue
                if (net > 0) == (strike.call > 0):
                    if rise < 0 or abs(strike.z) > abs(strikes[rise].z):
                        rise = j
                elif fall < 0 or abs(strike.z) > abs(strikes[fall].z):
                    fall = j
        if rise < 0 or fall < 0:
            state.side = 0
            continue
        one = abs(strikes[rise].bought - strikes[rise].sold)
        other = abs(strikes[fall].bought - strikes[fall].sold)
        balance = min(one, other) / max(one, other)
        if balance < balance_min:
            state.side = 0
        elif is_news(state, 1, 6.0 * balance, second.ts, repeat_ns):
            hits[count].second, hits[count].rise, hits[count].fall = i, rise, fall
            count += 1
    return count

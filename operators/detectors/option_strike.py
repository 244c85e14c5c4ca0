"""Option strike: premium changes hands one way at one strike and type, far beyond what is usual."""

from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.option_evidence import TOLD_DTYPE, VIEWS, is_news, option_found
from operators.detectors.option_strike_config import OptionStrikeConfig
from operators.detectors.points import Found, Points, clipped, grown, trimmed
from operators.kernels import entry
from operators.options.seconds import OptionSeconds

HIT_DTYPE: Final = np.dtype([("second", "i8"), ("strike", "i8")])


class OptionStrike:
    """Signed premium of one option over 60 s, at the close of a second in which its tenor traded.

        N = Σ s·q                    contracts of the option, s the aggressor's side
        P = Σ s·q·price              points · contracts
        z = (N − mean)/√(variance + o²)
        evidence if |N| ≥ size_min, |z| ≥ z_min on the side of N, orders ≥ orders_min

    Mean and variance are those of N at that strike over time (see `OptionFlow`), o² is the mean
    square of an order's contracts in the tenor. A strike's price hardly moves within a minute, so
    that contracts and premium are as unusual as each other; contracts are whole numbers. Its side
    is that of N, turned round for a put. Strength is |z|, clipped to 6; it is told again as in
    `option_delta`. The size is in contracts of the option. It says what share of the open interest
    the contracts are, where the exchange has published that, and that it is not known where it has
    not: more than the open interest was opened, not closed.

    Alone it is weak, and wrong at once for one leg of a straddle or spread: `option_balance` takes
    its evidence away where the legs cancel.
    Expected false alarms: on simulated markets some ten an hour and root, since orders are split
    and follow each other; its weight is small for that.

    State: 24 bytes per instrument, and `OptionFlow`'s.

    References:
        Easley, O'Hara, Srinivas 1998, Option volume and stock prices: signed volume by type.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "option_strike"

    def __init__(self, config: OptionStrikeConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._told = np.zeros(0, TOLD_DTYPE) if state is None else state["told"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        options = points.options
        if options is None or options.seconds.size == 0:
            return []
        self._told = grown(self._told, options.options.size)
        hits = np.empty(options.strikes.size, HIT_DTYPE)
        config = self._config
        limits = (
            config.size_min,
            config.z_min,
            config.orders_min,
            config.watched_s_min,
            config.repeat_ns,
        )
        count = _pressed(options.seconds, options.strikes, self._told, limits, hits)
        return [self._found(points, options, *hit.tolist()) for hit in hits[:count]]

    def snapshot(self) -> dict[str, Any]:
        """Copy of what was told, by slot."""
        return {"told": trimmed(self._told)}

    def _found(self, points: Points, options: OptionSeconds, at: int, place: int) -> Found:
        second, strike = options.seconds[at], options.strikes[place]
        z = round(abs(float(strike["z"])), 4)
        lots = int(strike["bought"]) - int(strike["sold"])
        id_, verb = int(strike["instrument_id"]), "bought" if lots > 0 else "sold"
        return option_found(
            points,
            second,
            detector=self.NAME,
            side=VIEWS[int(strike["call"]) * (1 if lots > 0 else -1)],
            strength=clipped(z),
            size=abs(lots),
            measure=z,
            threshold=self._config.z_min,
            unit="standard deviations",
            text=(
                f"{abs(lots)} {points.symbol(id_)} {verb} net in a minute for"
                f" {_worth_text(options, id_, abs(float(strike['premium'])))}, z {z:.1f}; "
                f"{_interest_text(options, id_, abs(lots))}"
            ),
            key=id_,
        )


def _worth_text(options: OptionSeconds, instrument_id: int, premium: float) -> str:
    listed = options.listing.of(options.feed, instrument_id)
    if not listed.point_value_e9:
        return f"{premium:,.0f} points"
    return f"{premium * listed.point_value_e9 / 1e9:,.0f} {listed.currency}".rstrip()


def _interest_text(options: OptionSeconds, instrument_id: int, lots: int) -> str:
    interest = options.listing.open_interest(options.feed, instrument_id)
    if interest is None:
        return "open interest not known"
    if interest == 0:
        return "no open interest before"
    return f"{100 * lots / interest:.0f} % of the open interest"


@entry
def _pressed(seconds, strikes, told, limits, hits):  # type: ignore[no-untyped-def]
    """Strikes of seconds at which it is told; `told` is brought forward."""
    size_min, z_min, orders_min, watched_s_min, repeat_ns = limits
    count = 0
    for k in range(seconds.shape[0]):
        second = seconds[k]
        if second.watched_s < watched_s_min or second.forward2_e9 == 0:
            continue
        for j in range(second.strike_first, second.strike_stop):
            strike = strikes[j]
            state = told[strike.slot]
            net = strike.bought - strike.sold
            z = strike.z if net > 0 else -strike.z
            if (
                abs(net) < size_min
                or strike.orders_bought + strike.orders_sold < orders_min
                or z < z_min
            ):
                state.side = 0
            elif is_news(state, 1 if net > 0 else -1, z, second.ts, repeat_ns):
                hits[count].second, hits[count].strike = k, j
                count += 1
    return count

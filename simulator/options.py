"""A root's option chain: expiries, strikes, calls and puts, first prices and their two ticks.

Prices follow CME's variable tick: a small step up to 100 of them (0.05 up to 5.00 on an index), one
five times as large above. Quarterly expiries carry tick rule 4, serial months rule 15, as seen in
definitions of 2023 and since 2024; what 15 says is not published, here both say the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from operators.model.records import NS_PER_S, PRICE_SCALE

if TYPE_CHECKING:
    from simulator.instruments import InstrumentSpec, Product

MONTH_CODES: Final = "FGHJKMNQUVXZ"
SMALL_STEPS: Final = 100
"""Small steps from zero to where the large ones begin."""
LARGE_STEP: Final = 5
"""Small steps in a large one."""
YEAR_S: Final = 365 * 86_400
LAST_S: Final = 3_600
"""An option is worth what it is so long before its expiry, from then on."""
STRIKES_PER_EXPIRY: Final = 20
"""Strikes an expiry has before there is another."""
FINE_STRIKES: Final = 120
"""Strikes of an expiry from which on they are a fifth as far apart."""
QUARTERLY_RULE: Final = 4
SERIAL_RULE: Final = 15
VOLATILITY: Final = 0.18
VOLATILITIES: Final = {"CL": 0.35, "NG": 0.55, "SI": 0.28, "6E": 0.08, "6J": 0.10, "ZN": 0.07}
"""A year's, of the root at the money; VOLATILITY for the rest."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """One month of options."""

    code: str
    """Month and year, such as M6."""
    ts: int
    underlying: int
    """0 the front future, 1 the next."""
    tick_rule: int


def small_tick_e9(tick_e9: int) -> int:
    """The small step of options on a future with this tick."""
    return max(1, tick_e9 // LARGE_STEP)


def step_index(price_e9: float, small_e9: int) -> float:
    """How many steps of the tick table lie between zero and the price."""
    steps = price_e9 / small_e9
    return steps if steps <= SMALL_STEPS else SMALL_STEPS + (steps - SMALL_STEPS) / LARGE_STEP


def price_at(index: int, small_e9: int) -> int:
    """The price so many steps above zero: the inverse of `step_index`."""
    return small_e9 * (index + (LARGE_STEP - 1) * max(0, index - SMALL_STEPS))


def smile(root: str, strike: float, forward: float, years: float) -> float:
    """Implied volatility by strike: higher below the money, and far from it."""
    k = math.log(strike / forward) / math.sqrt(max(years, 1 / 365))
    return VOLATILITIES.get(root, VOLATILITY) * max(0.5, 1.0 - 0.5 * k + 0.6 * k * k)


def black_76(*, call: bool, forward: float, strike: float, years: float, vol: float) -> float:
    """Undiscounted premium: Black 1976."""
    spread = vol * math.sqrt(years)
    d1 = math.log(forward / strike) / spread + spread / 2
    worth = forward * _normal_cdf(d1) - strike * _normal_cdf(d1 - spread)
    return worth if call else worth - forward + strike


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def expiries(start_ns: int, futures: Sequence["InstrumentSpec"]) -> list[Expiry]:
    """Months whose options have one of the futures below them, the front quarter's first."""
    start = datetime.fromtimestamp(start_ns // NS_PER_S, UTC)
    found = []
    year, month = start.year, start.month
    for _ in range(8):
        first = datetime(year, month, 1, 20, 0, tzinfo=UTC)
        friday = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
        ts = int(friday.timestamp()) * NS_PER_S
        # A day and a half before the future's own last moment still counts as before it.
        below = [
            k
            for k, future in enumerate(futures)
            if ts - 12 * 3_600 * NS_PER_S <= future.expiration_ns
        ]
        if friday - timedelta(days=2) > start and below:
            rule = QUARTERLY_RULE if month % 3 == 0 else SERIAL_RULE
            found.append(Expiry(f"{MONTH_CODES[month - 1]}{year % 10}", ts, below[0], rule))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return sorted(
        found, key=lambda each: (each.underlying, each.tick_rule != QUARTERLY_RULE, each.ts)
    )


def chain(
    product: "Product", futures: Sequence["InstrumentSpec"], count: int, start_ns: int
) -> list[tuple[Expiry, str, int]]:
    """`count` options: expiry, class, strike; each expiry from the money outwards, C before P."""
    months = expiries(start_ns, futures)
    used = max(1, min(len(months), count // (2 * STRIKES_PER_EXPIRY)))
    found: list[tuple[Expiry, str, int]] = []
    for number, month in enumerate(months[:used]):
        size = count // used + (number < count % used)
        step = product.strike_step_e9
        if size // 2 > FINE_STRIKES and step % LARGE_STEP == 0:
            step //= LARGE_STEP
        centre = round(futures[month.underlying].price_e9 / step)
        for k in range(size):
            rank = k // 2
            offset = (rank + 1) // 2 * (1 if rank % 2 else -1)
            strike = (centre + offset) * step
            # Where there is nothing below zero, the strikes go on above.
            if strike <= 0:
                strike = (2 * centre + rank + 1) * step
            found.append((month, "CP"[k % 2], strike))
    return found


def first_price_e9(
    root: str, option: tuple[Expiry, str, int], future: "InstrumentSpec", ts: int
) -> tuple[int, float]:
    """An option's first price at an instant, on its tick, and its volatility."""
    month, class_, strike_e9 = option
    forward, strike = future.price_e9 / PRICE_SCALE, strike_e9 / PRICE_SCALE
    years = max((month.ts - ts) / NS_PER_S, LAST_S) / YEAR_S
    vol = smile(root, strike, forward, years)
    worth = black_76(call=class_ == "C", forward=forward, strike=strike, years=years, vol=vol)
    small_e9 = small_tick_e9(future.tick_e9)
    index = max(1, math.floor(step_index(worth * PRICE_SCALE, small_e9)))
    return price_at(index, small_e9), vol

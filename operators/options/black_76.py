"""Black-76: what an option on a future is worth, its Greeks, and the volatility a price implies.

Prices and forwards are in points, years are of 365 days, volatilities a year's (0.2 is 20 %). All
is undiscounted: an option's price is that of the forward's payoff. At a rate r the price paid today
is e^(−rT) of it: 0.4 % for a month at 5 %, which moves the implied volatility by as much and the
delta by far less.

References:
    Black 1976, The pricing of commodity contracts. Manaster and Koehler 1982, The calculation of
    implied variances, for the start from which Newton's steps do not leave the valley.
"""

import math
from typing import Final

from operators.kernels import entry, inlined, kernel

DEVIATION_MIN: Final = 1e-6
DEVIATION_MAX: Final = 12.0
"""Bracket of σ√T: beyond it the time value is 0 or all of it to the last bit."""
ITERATIONS_MAX: Final = 128
_ROOT_2: Final = math.sqrt(2.0)
_ROOT_2_PI: Final = math.sqrt(2.0 * math.pi)


@inlined
def normal_cdf(x: float) -> float:
    """Φ(x), without cancellation in the lower tail."""
    return 0.5 * math.erfc(-x / _ROOT_2)


@inlined
def normal_density(x: float) -> float:
    """φ(x)."""
    return math.exp(-0.5 * x * x) / _ROOT_2_PI


@kernel
def time_value(forward: float, strike: float, deviation: float) -> float:
    """What the option that is out of the money is worth; `deviation` is σ√T, above 0.

    By parity it is what call and put of a strike both hold beyond their intrinsic value.
    """
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    if strike >= forward:
        return forward * normal_cdf(d1) - strike * normal_cdf(d2)
    return strike * normal_cdf(-d2) - forward * normal_cdf(-d1)


@inlined
def _inside(deviation: float) -> float:
    """What was found, or −1 at an end of the bracket, where the time value lies beyond it."""
    return deviation if 1.5 * DEVIATION_MIN < deviation < 0.999 * DEVIATION_MAX else -1.0


@kernel
def implied_deviation(forward: float, strike: float, worth: float, guess: float) -> float:
    """σ√T at which the time value is `worth`, or −1 where no deviation in the bracket gives it.

    Newton's steps from `guess`, what it was before, or where that is 0 from √(2·|ln(F/K)|), where
    the time value bends, kept inside a bracket that every evaluation narrows; a step that leaves
    it, or does not halve the error, becomes a bisection. So it ends, after at most ITERATIONS_MAX
    evaluations, and usually after five; after three from what it was a moment before.
    """
    if not 0.0 < worth < min(forward, strike):
        return -1.0
    low, high = DEVIATION_MIN, DEVIATION_MAX
    away = math.log(forward / strike)
    deviation = min(max(math.sqrt(2.0 * abs(away)), 0.01), 2.0)
    if low < guess < high:
        deviation = guess
    error_before = math.inf
    for _ in range(ITERATIONS_MAX):
        error = time_value(forward, strike, deviation) - worth
        if error > 0.0:
            high = deviation
        else:
            low = deviation
        if error == 0.0:
            return deviation
        if high - low <= 1e-14 * high:
            return _inside(deviation)
        slope = forward * normal_density(away / deviation + 0.5 * deviation)
        following = 0.5 * (low + high)
        if slope > 0.0 and abs(error) <= 0.5 * error_before:
            step = deviation - error / slope
            if low < step < high:
                following = step
        if abs(following - deviation) <= 1e-13 * deviation:
            return _inside(following)
        error_before = abs(error)
        deviation = following
    return _inside(deviation)


@kernel
def greeks(
    forward: float, strike: float, years: float, volatility: float, call: bool
) -> tuple[float, float, float]:
    """Delta, gamma per point, and vega in points per percentage point of volatility, of an option.

    Delta is in contracts of the future that move as one of the option: 0…1 of a call, −1…0 of a
    put. `years` and `volatility` must be above 0.
    """
    root = math.sqrt(years)
    deviation = volatility * root
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    density = normal_density(d1)
    delta = normal_cdf(d1) if call else -normal_cdf(-d1)
    return delta, density / (forward * deviation), 0.01 * forward * density * root


@entry
def implied_volatility(
    forward: float, strike: float, years: float, price: float, call: bool
) -> float:
    """A year's volatility at which the option costs `price`, or −1 where none does.

    None does at or below the intrinsic value, and at or above the forward (the strike, of a put).
    """
    intrinsic = max(forward - strike, 0.0) if call else max(strike - forward, 0.0)
    deviation = implied_deviation(forward, strike, price - intrinsic, 0.0)
    return deviation / math.sqrt(years) if deviation > 0.0 else -1.0


@entry
def greeks_of(
    forward: float, strike: float, years: float, volatility: float, call: bool
) -> tuple[float, float, float]:
    """As `greeks`, for callers in Python."""
    return greeks(forward, strike, years, volatility, call)

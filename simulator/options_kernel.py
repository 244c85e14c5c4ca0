"""What an option is worth by Black 1976, undiscounted, from its future's touch; and its delta."""

import math

import numpy as np

from simulator.exchange_state import part

SMALL_STEPS = 100.0
LARGE_STEP = 5.0
"""The tick table: see `options`."""
YEAR_NS = 365 * 86_400e9
YEARS_MIN = 1.0 / 365.0 / 24.0
VOL_STEP = 0.00003
VOL_KEEP = 0.9998


@part
def normal_cdf(x):
    """Abramowitz and Stegun 26.2.17, error below 1e-7; from exp alone, alike on all machines."""
    t = 1.0 / (1.0 + 0.2316419 * abs(x))
    series = 1.330274429
    for coefficient in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        series = series * t + coefficient
    tail = series * t * 0.3989422804014327 * math.exp(-0.5 * x * x)
    return 1.0 - tail if x > 0.0 else tail


@part
def forward_of(front):
    """Mid of a future in points."""
    index = 0.5 * (front.bid + front.ask)
    if front.bid < 0 or front.ask >= front.width:
        index = np.float64(front.last)
    return (front.price_first_e9 + index * front.tick_e9) * 1e-9


@part
def moneyness(x, front, ts):
    """Forward, total volatility σ√T, and d₁ of option `x`."""
    forward = forward_of(front)
    years = max((x.expiry_ns - ts) / YEAR_NS, YEARS_MIN)
    spread = x.vol * front.vol * math.sqrt(years)
    return forward, spread, math.log(forward / x.strike) / spread + 0.5 * spread


@part
def delta(x, front, ts):
    """Contracts of the future that move as one of the option."""
    _, _, d1 = moneyness(x, front, ts)
    return normal_cdf(d1) - (0.0 if x.call else 1.0)


@part
def worth_index(x, front, ts):
    """Worth of option `x`, as an index of its price window with fraction."""
    forward, spread, d1 = moneyness(x, front, ts)
    worth = forward * normal_cdf(d1) - x.strike * normal_cdf(d1 - spread)
    if not x.call:
        worth += x.strike - forward
    steps = max(worth, 0.0) * 1e9 / x.small_e9
    if steps > SMALL_STEPS:
        steps = SMALL_STEPS + (steps - SMALL_STEPS) / LARGE_STEP
    return steps - x.index_first


@part
def learn_volatility(front, buys):
    """An option was bought, or sold: the root's volatility goes up, or down, and comes back."""
    front.vol = 1.0 + VOL_KEEP * (front.vol - 1.0) + (VOL_STEP if buys else -VOL_STEP)

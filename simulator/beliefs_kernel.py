"""What the crowd believes an instrument is worth, and which way its next aggressor goes.

The value is a martingale: a random walk plus a response to each side that could not be foreseen.
Institutions move it by the square-root law, I = Y σ √(Q/V) with σ and V per aggressor, Q the net
contracts they have taken, which fade. Quotes, cancels and aggressors lean towards the value, so
the mid follows it.

Sides follow a discrete autoregression (Jacobs, Lewis 1978): with the probability of the table the
side is that of the aggressor k before, else it is new. Its autocorrelations obey Yule and Walker.
"""

import math

import numpy as np

from simulator.exchange_records import uniform
from simulator.exchange_state import ASK, BACK, BID, FRONT, OPTION, SPREAD, part
from simulator.options_kernel import learn_volatility, worth_index

FADE_NS = 1_800e9
"""Time constant with which an institution's impact is forgotten."""
BACK_SHARE = 0.15
"""Noise of a later month beside the front month's."""
SPREAD_SHARE = 0.3
SPREAD_KEEP = 0.995


@part
def mid(x):
    """Middle of the touch, index; the last price where a side is empty."""
    if x.bid < 0 or x.ask >= x.width:
        return np.float64(x.last)
    return 0.5 * (x.bid + x.ask)


@part
def value(market, flow, i, ts):
    """What instrument `i` is worth at `ts`, as an index with fraction."""
    x = market.instruments[i]
    if x.kind == OPTION:
        if x.flow_ts != ts:
            x.flow_ts = ts
            x.fair = worth_index(x, market.instruments[x.front], ts)
        return min(max(x.fair, x.low - 0.5), x.high - 1.0)
    worth = x.fair
    if x.kind == BACK:
        front = market.instruments[x.front]
        worth += mid(front) - front.anchor - 0.5
    if x.flow != 0.0:
        x.flow *= math.exp((x.flow_ts - ts) / FADE_NS)
        shift = flow.impact * math.sqrt(abs(x.flow))
        worth += shift if x.flow > 0.0 else -shift
    x.flow_ts = ts
    return min(max(worth, x.low + 4.0), x.high - 4.0)


@part
def lean(market, flow, i, ts):
    """Ticks the mid has to go up to be at the value, −4…4."""
    away = value(market, flow, i, ts) - mid(market.instruments[i])
    return min(max(away, -4.0), 4.0)


@part
def learn(market, flow, i, sign):
    """An aggressor came, and `sign` (−2…2) is what was not foreseen of it: the value steps."""
    x = market.instruments[i]
    clock = market.clock
    # The sum of three uniform numbers has variance 1/4.
    noise = 2.0 * (uniform(clock) + uniform(clock) + uniform(clock) - 1.5)
    if x.kind == OPTION:
        return
    step = flow.noise * noise * (1.0 + 3.0 * clock[0].news) + flow.response * sign
    if x.kind == SPREAD:
        x.fair = x.anchor + 0.5 + SPREAD_KEEP * (x.fair - x.anchor - 0.5) + SPREAD_SHARE * step
    elif x.kind != FRONT:
        x.fair = x.anchor + 0.5 + SPREAD_KEEP * (x.fair - x.anchor - 0.5) + BACK_SHARE * step
    elif abs(x.fair + step - x.anchor) < 0.375 * x.width:
        x.fair += step


@part
def side_of_next(market, flow, i, tilt):
    """Side of the crowd's next aggressor in instrument `i`; the value learns of it.

    `tilt` is what a new side owes to the distance from the value, −1…1.
    """
    x = market.instruments[i]
    clock = market.clock
    lag = np.int64(flow.sign_lags[np.int64(uniform(clock) * flow.sign_lags.size)])
    if lag > 0:
        buys = np.int64((x.signs >> np.uint64(lag - 1)) & np.uint64(1))
        learn(market, flow, i, 0.0)
    else:
        expected = min(1.0, max(-1.0, tilt + x.bias))
        buys = 1 if uniform(clock) < 0.5 + 0.5 * expected else 0
        learn(market, flow, i, 2.0 * buys - 1.0 - expected)
    if x.kind == OPTION:
        learn_volatility(market.instruments[x.front], buys)
    x.signs = (x.signs << np.uint64(1)) | np.uint64(buys)
    return BID if buys == 1 else ASK

"""Market makers: they quote both sides around the value and get rid of what they are left with."""

import math

import numpy as np

from simulator.beliefs_kernel import value
from simulator.exchange_records import below
from simulator.exchange_state import ASK, BACKGROUND, BID, LIMIT, MAKERS, MODIFICATION, part

STEP_BACK = 0.6
"""Ticks by which each maker stands further out than the one before."""
NEWS_STEP_BACK = 3.0
SKEW_TICKS = 0.02
"""By which a maker moves both quotes, per contract it holds."""
INVENTORY_MAX = 40
"""Contracts the makers hold before they sell or buy some at the market."""


@part
def quote(market, flow, i, ts):
    """A maker brings one of its quotes to where it should be; tells whether there was a need."""
    x = market.instruments[i]
    if x.bid < 0 or x.ask >= x.width:
        return False
    clock = market.clock
    k = below(clock, MAKERS)
    side = below(clock, 2)
    skew = min(2.0, max(-2.0, SKEW_TICKS * x.inventory))
    worth = value(market, flow, i, ts) - skew
    half = flow.caution + STEP_BACK * k + NEWS_STEP_BACK * clock[0].news
    if side == BID:
        price = min(np.int64(math.floor(worth - half)), x.ask - 1)
    else:
        price = max(np.int64(math.ceil(worth + half)), x.bid + 1)
    price = min(max(price, x.low), x.high)
    slot = np.int64(x.maker[k, side])
    e = market.entry[0]
    e.price = price
    if slot < 0:
        e.kind = LIMIT
        e.side = side
        e.size = 2 + below(clock, 8)
        e.hidden = 0
        e.owner = -1 - k
        e.rests = 1
        return True
    o = market.orders[slot]
    if o.price == price:
        return False
    e.kind = MODIFICATION
    e.slot = slot
    e.size = o.size
    return True


@part
def reduce_inventory(market, i):
    """Makers that hold too much take some from the other side; tells whether they do."""
    x = market.instruments[i]
    if abs(x.inventory) <= INVENTORY_MAX:
        return False
    e = market.entry[0]
    e.kind = LIMIT
    e.side = ASK if x.inventory > 0 else BID
    e.price = x.bid if x.inventory > 0 else x.ask
    e.size = INVENTORY_MAX // 2
    e.hidden = 0
    e.owner = BACKGROUND
    e.rests = 0
    x.inventory -= e.size if x.inventory > 0 else -e.size
    return True

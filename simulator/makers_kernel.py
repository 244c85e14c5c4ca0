"""Market makers: they quote both sides around the value and get rid of what they are left with.

Those of options quote around Black's price and hold what they are left with, but buy or sell its
delta in the future.
"""

import math

import numpy as np

from simulator.beliefs_kernel import value
from simulator.exchange_records import below
from simulator.exchange_state import (
    ASK,
    BACKGROUND,
    BID,
    FOREVER,
    LIMIT,
    MAKERS,
    MODIFICATION,
    NOTHING,
    OPTION,
    part,
)
from simulator.options_kernel import delta

STEP_BACK = 0.6
"""Ticks by which each maker stands further out than the one before."""
NEWS_STEP_BACK = 3.0
SKEW_TICKS = 0.02
"""By which a maker moves both quotes, per contract it holds."""
OPTION_STEP_BACK = 0.5
HEDGE_DELAY_NS = 300_000
HEDGE_INFORMED = 0.7
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
    option = x.kind == OPTION
    if option:
        half += OPTION_STEP_BACK
        if pick_off(market, i, k, worth, half):
            return True
    if side == BID and worth - half < x.low:
        return False
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
        e.size = 10 + below(clock, 40) if option else 2 + below(clock, 8)
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
def pick_off(market, i, k, worth, half):
    """Maker `k` takes an order that the value has left on the wrong side; tells whether it does."""
    x = market.instruments[i]
    side = BID if worth - half > x.ask else ASK
    if side == ASK and worth + half >= x.bid:
        return False
    price = np.int64(x.ask if side == BID else x.bid)
    e = market.entry[0]
    e.kind = LIMIT
    e.side = side
    e.price = price
    e.size = market.levels[x.level_first + (1 - side) * x.width + price].size
    e.hidden = 0
    e.owner = -1 - k
    e.rests = 0
    return True


@part
def note_trade(market):
    """What the event that ended leaves options' makers with, as contracts of the future.

    They trade those a moment later.
    """
    e = market.entry[0]
    x = market.instruments[e.instrument]
    if e.kind == NOTHING or x.kind != OPTION or e.taken == 0:
        return
    clock = market.clock[0]
    if e.owner < 0 and e.kind == LIMIT:
        x.inventory += e.taken if e.side == BID else -e.taken
    bought = x.inventory - x.hedged
    x.hedged = x.inventory
    front = market.instruments[x.front]
    front.hedge -= bought * delta(x, front, clock.ts)
    # Of another root's, under way at the same moment, the next trade of its options reminds them.
    if abs(front.hedge) >= 1.0 and clock.hedge_ts == FOREVER:
        clock.hedge_ts = clock.ts + HEDGE_DELAY_NS
        clock.hedger = x.front


@part
def hedge_options(market):
    """The makers' message for the delta they owe; tells whether there is one."""
    clock = market.clock[0]
    i = clock.hedger
    ts = clock.hedge_ts
    clock.hedge_ts = FOREVER
    front = market.instruments[i]
    if abs(front.hedge) < 1.0 or front.bid < 0 or front.ask >= front.width:
        return False
    e = market.entry[0]
    e.kind = LIMIT
    e.instrument = i
    e.ts = ts
    e.side = BID if front.hedge > 0.0 else ASK
    e.price = front.ask + 1 if front.hedge > 0.0 else front.bid - 1
    e.size = np.int64(abs(front.hedge))
    e.hidden = 0
    e.owner = BACKGROUND
    e.rests = 0
    return True


@part
def book_hedge(market):
    """What they got: it moves the future's value as much as others' trades do, or nearly."""
    e = market.entry[0]
    front = market.instruments[e.instrument]
    signed = e.taken if e.side == BID else -e.taken
    front.hedge -= signed
    front.flow += HEDGE_INFORMED * signed
    if e.taken == 0:
        # Nothing there: they try again with the next trade.
        front.hedge *= 0.5


@part
def reduce_inventory(market, i):
    """Makers that hold too much take some from the other side; tells whether they do."""
    x = market.instruments[i]
    if x.kind == OPTION or abs(x.inventory) <= INVENTORY_MAX:
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

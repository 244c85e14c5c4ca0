"""Time in the simulated market: when the next event comes, whose it is, and how far a call goes."""

import math

import numpy as np

from simulator.agents_kernel import decide
from simulator.exchange_kernel import enter
from simulator.exchange_records import below, exponential, uniform
from simulator.exchange_state import BATCH_ROWS, NOTHING, kernel, part
from simulator.institutions_kernel import book_act, choose_act

CHILD_SHARE = 0.45
"""Events that follow at once upon another: a branching ratio."""
CHILD_GAP = 0.04
"""Their delay, as a share of the mean gap."""
NS_PER_S = 1_000_000_000
NS_PER_MINUTE = 60_000_000_000
REGIME_KEEP = 0.98


@part
def _pace(market, flow, ts):
    """Set the mean gap between events at `ts` from the hour and the slow wave of activity."""
    clock = market.clock[0]
    second = ts // NS_PER_S
    while clock.second < second:
        clock.second += 1
        noise = math.sqrt(-2.0 * math.log(1.0 - uniform(market.clock)))
        noise *= math.cos(2.0 * math.pi * uniform(market.clock))
        clock.wave = REGIME_KEEP * clock.wave + math.sqrt(1.0 - REGIME_KEEP**2) * noise
        if second - clock.second > 600:
            clock.second = second
    sigma = flow.regime_sigma
    clock.regime = math.exp(sigma * clock.wave - 0.5 * sigma * sigma)
    shape = flow.day[((ts + flow.offset_ns) // NS_PER_MINUTE) % flow.day.size]
    records_per_event = (1300.0 + clock.records + clock.rows) / (
        1000.0 + clock.event - clock.event_first
    )
    rate = flow.records_per_s * shape * clock.regime / records_per_event
    clock.gap_ns = NS_PER_S / rate if rate > 0.0 else 0.0


@part
def _next(market, flow):
    """Choose instrument and moment of the next event of the crowd."""
    clock = market.clock[0]
    ts = clock.ts_next
    if ts // NS_PER_S != clock.second or clock.gap_ns <= 0.0:
        _pace(market, flow, ts)
        while clock.gap_ns <= 0.0:
            ts = (ts // NS_PER_MINUTE + 1) * NS_PER_MINUTE
            _pace(market, flow, ts)
    if uniform(market.clock) < CHILD_SHARE:
        clock.ts_next = ts + np.int64(exponential(market.clock) * clock.gap_ns * CHILD_GAP)
        if uniform(market.clock) < 0.3:
            clock.instrument = flow.neighbours[clock.instrument]
        return
    gap = clock.gap_ns * (1.0 - CHILD_SHARE * CHILD_GAP) / (1.0 - CHILD_SHARE)
    clock.ts_next = ts + np.int64(exponential(market.clock) * gap)
    k = below(market.clock, flow.alias.size)
    clock.instrument = k if uniform(market.clock) < flow.alias_ratio[k] else flow.alias[k]


@kernel
def run(market, flow, metaorders, until_ns):
    """Let time pass up to `until_ns` (exclusive) or until the buffer is full; gives its rows.

    The buffer is full after BATCH_ROWS, or when the flow has its records. The caller takes the
    rows and calls again; `clock.ts_next` tells how far it came.
    """
    clock = market.clock[0]
    clock.records += clock.rows
    clock.rows = 0
    while clock.rows < BATCH_ROWS and clock.records + clock.rows < clock.rows_target:
        if clock.due <= clock.ts_next:
            if clock.due >= until_ns:
                break
            k = choose_act(market, metaorders)
            if market.entry[0].kind != NOTHING:
                enter(market, metaorders)
            book_act(market, metaorders, k)
            continue
        if clock.ts_next >= until_ns:
            break
        decide(market, flow, clock.instrument, clock.ts_next)
        enter(market, metaorders)
        _next(market, flow)
    return clock.rows

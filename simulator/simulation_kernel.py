"""Time in the simulated market: when the next event comes, whose it is, and how far a call goes."""

import math

import numpy as np

from simulator.agents_kernel import decide
from simulator.exchange_kernel import enter
from simulator.exchange_records import below, exponential, uniform
from simulator.exchange_state import (
    BACKGROUND,
    BATCH_ROWS,
    FRONT,
    LIMIT,
    NOTHING,
    kernel,
    part,
)
from simulator.institutions_kernel import book_act, choose_act
from simulator.makers_kernel import book_hedge, hedge_options, note_trade

CHILD_SHARE = 0.68
"""Events that follow at once upon another: a branching ratio."""
CHILD_GAP = 0.04
CHILD_GAP_NS = 250_000.0
"""Their delay: a share of the mean gap, but not more than it takes a computer to answer."""
NS_PER_S = 1_000_000_000
NS_PER_MINUTE = 60_000_000_000
WAVE_KEEP = 0.98
RIPPLE_KEEP = 0.6
"""What is left of the two waves of activity after a second: they last 50 s and 2 s."""
NEWS_KEEP = 0.96
NEWS_ACTIVITY = 6.0
NEWS_TICKS = 8.0
"""Standard deviation of the jump of a front month's value at news."""


@part
def _normal(clock):
    noise = math.sqrt(-2.0 * math.log(1.0 - uniform(clock)))
    return noise * math.cos(2.0 * math.pi * uniform(clock))


@part
def _break_news(market):
    """The value of every root jumps."""
    market.clock[0].news = 1.0
    for i in range(market.instruments.size):
        x = market.instruments[i]
        if x.kind == FRONT:
            jump = NEWS_TICKS * _normal(market.clock)
            if abs(x.fair + jump - x.anchor) < 0.375 * x.width:
                x.fair += jump


@part
def _live_second(market, flow):
    """Let the waves of activity and the news go on by a second."""
    clock = market.clock[0]
    clock.second += 1
    keep = math.sqrt(1.0 - WAVE_KEEP**2)
    clock.wave = WAVE_KEEP * clock.wave + keep * _normal(market.clock)
    keep = math.sqrt(1.0 - RIPPLE_KEEP**2)
    clock.ripple = RIPPLE_KEEP * clock.ripple + keep * _normal(market.clock)
    clock.news *= NEWS_KEEP
    if flow.news_per_s > 0.0 and clock.second >= clock.news_second:
        if clock.news_second > 0:
            _break_news(market)
        gap = exponential(market.clock) / flow.news_per_s
        clock.news_second = clock.second + 1 + np.int64(gap)


@part
def _pace(market, flow, ts):
    """Set the mean gap between events at `ts` from the hour, the waves of activity and news."""
    clock = market.clock[0]
    second = ts // NS_PER_S
    while clock.second < second:
        _live_second(market, flow)
        if second - clock.second > 600:
            clock.second = second
    slow, fast = flow.wave_sigma, flow.ripple_sigma
    clock.regime = math.exp(slow * clock.wave + fast * clock.ripple - 0.5 * (slow**2 + fast**2))
    shape = flow.day[((ts + flow.offset_ns) // NS_PER_MINUTE) % flow.day.size]
    records_per_event = (1300.0 + clock.records + clock.rows) / (
        1000.0 + clock.event - clock.event_first
    )
    rate = flow.records_per_s * shape * clock.regime / records_per_event
    rate *= 1.0 + NEWS_ACTIVITY * clock.news
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
    delay = min(clock.gap_ns * CHILD_GAP, CHILD_GAP_NS)
    clock.child = uniform(market.clock) < CHILD_SHARE
    if clock.child:
        clock.ts_next = ts + np.int64(exponential(market.clock) * delay)
        if uniform(market.clock) < 0.3:
            clock.instrument = flow.neighbours[clock.instrument]
        return
    gap = (clock.gap_ns - CHILD_SHARE * delay) / (1.0 - CHILD_SHARE)
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
        if clock.hedge_ts <= min(clock.due, clock.ts_next):
            if clock.hedge_ts >= until_ns:
                break
            if hedge_options(market):
                enter(market, metaorders)
                book_hedge(market)
            continue
        if clock.due <= clock.ts_next:
            if clock.due >= until_ns:
                break
            k = choose_act(market, metaorders)
            if market.entry[0].kind != NOTHING:
                enter(market, metaorders)
            book_act(market, metaorders, k)
            note_trade(market)
            continue
        if clock.ts_next >= until_ns:
            break
        decide(market, flow, clock.instrument, clock.ts_next)
        enter(market, metaorders)
        e = market.entry[0]
        if e.kind == LIMIT and e.slot >= 0 and e.owner == BACKGROUND:
            market.instruments[e.instrument].latest = e.slot
        note_trade(market)
        _next(market, flow)
    return clock.rows

"""How the simulated exchange writes: packets, rows, the start of an event, snapshots.

Rows of an event with trades, in this order (seen in GLBX data of 2023):

1. per aggressor (the order that came, then each elected stop) and price level: T with the
   aggressor's id and side, the aggressor's own F if it had rested before, and one F per passive
   order in queue order, with the size it gave in this round, hidden size included;
2. in a packet of their own, the final state of every order touched, bids before asks: C at the
   price and size shown before (filled), M (rest or refill remains), A (the aggressor's remainder).

T and F have flags 0 and change nothing; the last row has F_LAST.
"""

import math

import numpy as np

from operators.model.records import (
    ADD,
    CLEAR,
    F_BAD_TS_RECV,
    F_LAST,
    F_PUBLISHER_SPECIFIC,
    F_SNAPSHOT,
    PRICE_UNDEF,
)
from simulator.exchange_state import ASK, BID, NOBODY, kernel, part

LAST_FLAGS = F_LAST | F_PUBLISHER_SPECIFIC
SNAPSHOT_FLAGS = F_SNAPSHOT | F_BAD_TS_RECV
PACKET_GAP_NS = 200
EVENTS_PER_PACKET_MAX = 8
SHARE_RATIO = 0.6
"""Events that travel in the packet before them, where time allows it."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_SIDES = np.array([ord("B"), ord("A"), ord("N")], np.uint8)


@part
def uniform(clock):
    """Next number of the stream, 0 ≤ u < 1: Steele, Lea, Flood 2014, SplitMix64."""
    state = clock[0].random + _GAMMA
    clock[0].random = state
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return np.float64((state ^ (state >> _S31)) >> _S11) * (1.0 / 9007199254740992.0)


@part
def below(clock, stop):
    """Uniform integer, 0 ≤ k < stop."""
    return np.int64(uniform(clock) * stop)


@part
def exponential(clock):
    """Exponential with mean 1."""
    return -math.log(1.0 - uniform(clock))


@part
def price_of(x, index):
    """The price of an index of the instrument's window, 1e-9."""
    return x.price_first_e9 + index * x.tick_e9 + max(0, index - x.knee) * x.knee_e9


@part
def emit(market, i, action, side, price, size, order_id):
    """Append one row of the open event; gives its index."""
    clock = market.clock[0]
    n = clock.rows
    row = market.rows[n]
    x = market.instruments[i]
    row.instrument_id = x.instrument_id
    row.ts_event = clock.ts
    row.order_id = order_id
    row.price = price_of(x, price)
    row.size = size
    row.flags = 0
    row.channel_id = market.channels[x.channel].channel_id
    row.action = action
    row.side = _SIDES[side]
    row.ts_recv = clock.packet_recv
    row.ts_in_delta = clock.packet_delta
    row.sequence = clock.packet_sequence
    clock.rows = n + 1
    return n


@part
def _packet(market, channel, gap_ns):
    """Start a packet on `channel`, captured at least `gap_ns` after the one before."""
    clock = market.clock[0]
    c = market.channels[channel]
    c.sequence += 1
    recv = clock.recv + gap_ns
    u = uniform(market.clock)
    latency = 85_000 + np.int64(20_000.0 * exponential(market.clock))
    # One packet in seven is late where there is time for it: p50 0.12, p99 1.8 ms.
    if u < 0.15 * min(1.0, clock.gap_ns * 1e-6):
        latency += np.int64(600_000.0 * exponential(market.clock))
    c.recv = max(recv, clock.ts + latency)
    c.delta = 13_000 + below(market.clock, 4_000)
    c.events = 1
    clock.recv = c.recv
    clock.packet_recv = c.recv
    clock.packet_delta = c.delta
    clock.packet_sequence = c.sequence


@part
def next_packet(market, channel):
    """The event goes on in a further packet of its channel."""
    clock = market.clock[0]
    c = market.channels[channel]
    c.sequence += 1
    c.recv = clock.recv + 5_000 + below(market.clock, 12_000)
    clock.recv = c.recv
    clock.packet_recv = c.recv
    clock.packet_sequence = c.sequence


@part
def begin(market, i, ts):
    """Open an event of instrument `i` at `ts`, or just after the event before."""
    clock = market.clock[0]
    clock.ts = max(ts, clock.ts + 1)
    clock.event += 1
    clock.touched = 0
    clock.elected = 0
    clock.row_first = clock.rows
    clock.instrument = i
    x = market.instruments[i]
    x.ts_event = clock.ts
    second = clock.ts // 1_000_000_000
    if second != x.second:
        x.second = second
        x.active_seconds += 1
    c = market.channels[x.channel]
    # Neighbours on the channel that happen before a packet leaves travel in it.
    if (
        c.recv == clock.recv
        and clock.ts + 60_000 < c.recv
        and c.events < EVENTS_PER_PACKET_MAX
        and uniform(market.clock) < SHARE_RATIO
    ):
        c.events += 1
        clock.packet_recv = c.recv
        clock.packet_delta = c.delta
        clock.packet_sequence = c.sequence
    else:
        # Packets of instruments that are not simulated take numbers too.
        if uniform(market.clock) < 0.06:
            c.sequence += 1 + np.int64(3.0 * exponential(market.clock))
        _packet(market, x.channel, PACKET_GAP_NS)


@kernel
def clear(market, i, ts):
    """One whole event: R, the session of instrument `i` starts with an empty book."""
    begin(market, i, ts)
    n = emit(market, i, CLEAR, NOBODY, 0, 0, np.uint64(0))
    market.rows[n].price = PRICE_UNDEF
    market.rows[n].flags = LAST_FLAGS


@kernel
def write_snapshot(market, i, ts, out):
    """Fill `out` (1 + resting orders rows) with R and an A per order, levels in priority order."""
    x = market.instruments[i]
    n = 0
    for side in (NOBODY, BID, ASK):
        distance = 0
        while (side == NOBODY and distance == 0) or (side != NOBODY and distance < x.width):
            slot = -1
            if side != NOBODY:
                # From the touch outwards.
                price = x.width - 1 - distance if side == BID else distance
                slot = np.int64(market.levels[x.level_first + side * x.width + price].head)
            distance += 1
            while slot >= 0 or side == NOBODY:
                row = out[n]
                row.length, row.rtype, row.publisher_id = 14, 160, 1
                row.instrument_id = x.instrument_id
                row.ts_event = ts
                row.ts_recv = ts
                row.flags = SNAPSHOT_FLAGS
                row.side = _SIDES[side]
                row.action = CLEAR
                row.price = PRICE_UNDEF
                n += 1
                if side == NOBODY:
                    break
                o = market.orders[slot]
                row.action = ADD
                row.order_id = o.order_id
                row.price = price_of(x, o.price)
                row.size = o.size
                # The sequence that added the order: not monotonic, as in real snapshots.
                row.sequence = np.uint32(o.order_id & np.uint64(0xFFF)) + 1
                slot = np.int64(o.next)
    out[n - 1].flags = SNAPSHOT_FLAGS | F_LAST
    return n

"""Follows option trades through evaluation rows: quotes, forwards, Greeks, sums over a window.

One loop over rows; it returns to Python where a table is full, and goes on at the same row.
`tests/operators/options/flow_oracle.py` says the same slowly.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels import entry, inlined, kernel
from operators.model.evaluations import AUCTION, DIRTY, EXECUTION, FAULT, PANE
from operators.model.records import NS_PER_S
from operators.options.black_76 import greeks, implied_deviation
from operators.options.columns import (
    BARE,
    BY_PARITY,
    COMBINED,
    CROSSED,
    EXPIRED,
    FORGOTTEN,
    FREE,
    FUTURE,
    IN_COMBINED,
    INTRINSIC,
    JUDGED,
    NO_DEFINITION,
    NO_FORWARD,
    NO_SIDE,
    ONE_SIDED,
    OPTION,
    ORDERS_TOLD,
    PLAIN,
    SECONDS,
    SOLVED,
    STALE_FORWARD,
    TRADES,
    UNKNOWN,
    UNSOUND,
    USED,
    WIDE,
)
from operators.pressure_kernel import exp2_minus

_ORDERS_MEANT: Final = 4096
"""Orders after which a mean over orders forgets the earlier ones."""

YEAR_NS: Final = 365.0 * 86_400e9
_E9: Final = 1e-9
_E6: Final = 1e-6


class Tables(NamedTuple):
    """The state, for the kernel."""

    kinds: NDArray[np.int8]
    """By slot, apart from the rest: most rows are of plain instruments and need no more."""
    options: NDArray[Any]
    tenors: NDArray[Any]
    roots: NDArray[Any]
    trades: NDArray[Any]
    numbers: NDArray[np.int64]


class Bounds(NamedTuple):
    """Settings, for the kernel."""

    window_ns: int
    stale_ns: int
    spread_max: float
    half_life_s: float
    trades_max: int


@entry
def follow(rows, start, sound, quality, tables, bounds, seconds, strikes, filled):  # type: ignore[no-untyped-def]
    """Rows from `start`; returns the one before which there was no room, else how many there are.

    `seconds` and `strikes` are filled on; `filled` (2,) int64 counts what is in them.
    """
    kinds, options, tenors, roots = tables.kinds, tables.options, tables.tenors, tables.roots
    for i in range(start, rows.shape[0]):
        row = rows[i]
        instrument = kinds[row.slot]
        kind = row.kind
        if kind == PANE:
            root = roots[row.root]
            if row.ts_event > root.ts_judged:
                while root.touched != 0:
                    tenor = tenors[root.touched - 1]
                    room = strikes.shape[0] - filled[1]
                    if filled[0] == seconds.shape[0] or room < tenor.options:
                        return i
                    index = root.touched - 1
                    root.touched = tenor.next_touched
                    tenor.touched = 0
                    _judge(i, row.ts_event, index, tables, bounds, seconds, strikes, filled)
                root.ts_judged = row.ts_event
        elif kind == FAULT:
            if instrument != PLAIN:
                options[row.slot].quoted = 0
            continue
        elif kind == EXECUTION and OPTION <= instrument <= COMBINED:
            _take(row, i, sound, quality, tables, bounds)
        if instrument == OPTION or instrument == FUTURE:
            _quote(options[row.slot], row)
    return rows.shape[0]


@entry
def newcomers(rows, kinds, out):  # type: ignore[no-untyped-def]
    """The first row of each instrument that is unknown, into `out`; returns how many.

    Their kinds are to be set: until then they are held to be plain.
    """
    count = 0
    for i in range(rows.shape[0]):
        slot = rows[i].slot
        if kinds[slot] == UNKNOWN:
            kinds[slot] = PLAIN
            out[count] = i
            count += 1
    return count


@entry
def outright(rows, indices, kinds, out):  # type: ignore[no-untyped-def]
    """Those of `indices` whose instruments are no options, into `out`; returns how many."""
    count = 0
    for k in range(indices.shape[0]):
        instrument = kinds[rows[indices[k]].slot]
        if instrument == PLAIN or instrument == FUTURE:
            out[count] = indices[k]
            count += 1
    return count


@entry
def partner(options, slot):  # type: ignore[no-untyped-def]
    """Slot + 1 of the put (call) of the same strike in the tenor of a listed call (put); 0 none."""
    option = options[slot]
    place = option.next_option
    while place != 0:
        other = options[place - 1]
        if other.strike_e9 == option.strike_e9 and other.call == -option.call:
            return place
        place = other.next_option
    return np.int64(0)


@inlined
def _quote(option, row):  # type: ignore[no-untyped-def]
    """The quote at the row."""
    option.mid2 = row.bid + row.ask
    option.ts_quote = row.ts_event
    usable = row.bid_size > 0 and row.ask_size > 0 and row.bid < row.ask
    option.quoted = 1 if usable and (row.state & DIRTY) == 0 else 0


@kernel
def _take(row, i, sound, quality, tables, bounds):  # type: ignore[no-untyped-def]
    """An option was traded: its Greeks, and into the sums of strike and tenor."""
    kinds, options, tenors, roots, trades, numbers = tables
    option = options[row.slot]
    numbers[TRADES] += 1
    if kinds[row.slot] == BARE:
        numbers[NO_DEFINITION] += 1
        return
    if kinds[row.slot] == COMBINED:
        numbers[IN_COMBINED] += 1
        return
    if row.side == 0 or row.aggressor == AUCTION:
        numbers[NO_SIDE] += 1
        return
    if not sound[i]:
        numbers[UNSOUND] += 1
        return
    tenor = tenors[option.tenor - 1]
    tenor.clock = max(tenor.clock, row.ts_event)
    _leave(tenor, tenor.clock - bounds.window_ns, tables)
    if tenor.orders == bounds.trades_max:
        _drop(tenor, tables)
        numbers[FORGOTTEN] += 1
    why = _value(option, tenor, row, tables, bounds)
    numbers[why] += 1
    if numbers[FREE] != 0:
        place = numbers[FREE]
        numbers[FREE] = trades[place - 1].next
    else:
        numbers[USED] += 1
        place = numbers[USED]
    trade = trades[place - 1]
    side = np.int64(row.side)
    trade.next = 0
    trade.previous = tenor.tail
    trade.slot = row.slot
    trade.ts = tenor.clock
    trade.side = side
    trade.size = row.size
    trade.judged = 1 if why == JUDGED else 0
    trade.flow_e6 = side * row.size * option.delta_e6 if why == JUDGED else 0
    trade.vega_e6 = side * row.size * option.vega_e6 if why == JUDGED else 0
    trade.premium_e9 = side * row.size * row.price_last
    trade.quality_e6 = np.int64(math.floor(quality[i] * 1e6 + 0.5))
    trade.order_id = row.order_id
    trade.sequence_first = row.sequence_first
    trade.sequence_last = row.sequence_last
    if tenor.tail != 0:
        trades[tenor.tail - 1].next = place
    else:
        tenor.head = place
    tenor.tail = place
    _sum(trade, option, tenor, np.int64(1))
    _learn_order(tenor, trade)
    if option.live == 0:
        option.live = 1
        option.next_live = tenor.first_live
        tenor.first_live = np.int64(row.slot) + 1
    if tenor.touched == 0:
        root = roots[row.root]
        tenor.touched = 1
        tenor.next_touched = root.touched
        root.touched = option.tenor


@inlined
def _sum(trade, option, tenor, sign):  # type: ignore[no-untyped-def]
    """Add a trade to the sums, or take it out of them."""
    if trade.side > 0:
        option.orders_bought += sign
        option.bought += sign * trade.size
    else:
        option.orders_sold += sign
        option.sold += sign * trade.size
    option.flow_e6 += sign * trade.flow_e6
    option.premium_e9 += sign * trade.premium_e9
    tenor.orders += sign
    tenor.lots += sign * trade.size
    tenor.unjudged += sign * trade.size * (1 - trade.judged)
    tenor.quality_e6 += sign * trade.size * trade.quality_e6
    tenor.flow_e6 += sign * trade.flow_e6
    tenor.gross_e6 += sign * abs(trade.flow_e6)
    tenor.vega_e6 += sign * trade.vega_e6
    tenor.vega_gross_e6 += sign * abs(trade.vega_e6)


@kernel
def _drop(tenor, tables):  # type: ignore[no-untyped-def]
    """The oldest trade leaves the window."""
    place = tenor.head
    trade = tables.trades[place - 1]
    _sum(trade, tables.options[trade.slot], tenor, np.int64(-1))
    tenor.head = trade.next
    if trade.next != 0:
        tables.trades[trade.next - 1].previous = 0
    else:
        tenor.tail = 0
    trade.next = tables.numbers[FREE]
    tables.numbers[FREE] = place


@kernel
def _leave(tenor, ts, tables):  # type: ignore[no-untyped-def]
    """Trades up to `ts` leave the window."""
    while tenor.head != 0 and tables.trades[tenor.head - 1].ts <= ts:
        _drop(tenor, tables)


@kernel
def _value(option, tenor, row, tables, bounds):  # type: ignore[no-untyped-def]
    """Brings the option's Greeks to the second of a trade; JUDGED, or why there are none.

    The quote is the one before the trade. Greeks that were found in the same second hold.
    """
    bid, ask = row.bid_before, row.ask_before
    if row.ts_event >= tenor.expiry_ns:
        return EXPIRED
    if row.bid_size_before <= 0 or row.ask_size_before <= 0:
        return ONE_SIDED
    if bid >= ask:
        return CROSSED
    if 2.0 * (ask - bid) > bounds.spread_max * (bid + ask):
        return WIDE
    now = tenor.clock
    forward2 = _forward2(tenor, now, tables, bounds)
    if forward2 <= 0:
        return STALE_FORWARD if forward2 < 0 else NO_FORWARD
    second = now // NS_PER_S
    if option.second == second and option.volatility > 0.0:
        return JUDGED
    years = (tenor.expiry_ns - now) / YEAR_NS
    if years <= 0.0:
        return EXPIRED
    guess = option.volatility * math.sqrt(years)
    option.second = second
    option.volatility = 0.0
    forward, strike = 0.5 * forward2 * _E9, option.strike_e9 * _E9
    # The intrinsic value in integers: in floats it would cost the last digits of a deep option.
    inside2 = max(option.call * (forward2 - 2 * option.strike_e9), 0)
    deviation = implied_deviation(forward, strike, 0.5 * (bid + ask - inside2) * _E9, guess)
    if deviation <= 0.0:
        return INTRINSIC
    tables.numbers[SOLVED] += 1
    option.volatility = deviation / math.sqrt(years)
    delta, gamma, vega = greeks(forward, strike, years, option.volatility, option.call > 0)
    option.delta_e6 = np.int64(math.floor(delta * 1e6 + 0.5))
    option.vega_e6 = np.int64(math.floor(vega * 1e6 + 0.5))
    option.gamma = gamma
    return JUDGED


@kernel
def _forward2(tenor, now, tables, bounds):  # type: ignore[no-untyped-def]
    """Twice the forward, 1e-9: of the future's mid, else by put–call parity; 0 none, −1 stale."""
    missing = 0
    if tenor.future != 0:
        future = tables.options[tenor.future - 1]
        if future.quoted != 0 and future.mid2 > 0:
            if now - future.ts_quote <= bounds.stale_ns:
                return future.mid2
            missing = -1
    if tenor.parity_second != now // NS_PER_S:
        tenor.parity_second = now // NS_PER_S
        tenor.parity2_e9 = _parity2(tenor, now, tables, bounds)
    if tenor.parity2_e9 > 0:
        tables.numbers[BY_PARITY] += 1
        return tenor.parity2_e9
    return missing


@kernel
def _parity2(tenor, now, tables, bounds):  # type: ignore[no-untyped-def]
    """2·(K + C − P) of mids where C and P are nearest, which is at the money; 0 without any."""
    best, best_gap = np.int64(0), np.int64(2**62)
    place = tenor.first_option
    while place != 0:
        call = tables.options[place - 1]
        place = call.next_option
        if call.call < 0 or call.other == 0 or call.quoted == 0:
            continue
        put = tables.options[call.other - 1]
        if put.quoted == 0 or now - min(call.ts_quote, put.ts_quote) > bounds.stale_ns:
            continue
        gap = abs(call.mid2 - put.mid2)
        if gap < best_gap or (gap == best_gap and 2 * call.strike_e9 < best):
            best_gap = gap
            best = 2 * call.strike_e9 + call.mid2 - put.mid2
    return max(best, 0)


@kernel
def _judge(i, ts, index, tables, bounds, seconds, strikes, filled):  # type: ignore[no-untyped-def]
    """A second of a tenor is over: what is in its window, beside what is usual."""
    tenor = tables.tenors[index]
    tables.numbers[SECONDS] += 1
    tenor.clock = max(tenor.clock, ts)
    _leave(tenor, tenor.clock - bounds.window_ns, tables)
    _learn(tenor, ts, bounds)
    out = seconds[filled[0]]
    filled[0] += 1
    out.row, out.tenor, out.ts = i, index, ts
    out.watched_s = tenor.watched_ns / NS_PER_S
    out.orders, out.lots = tenor.orders, tenor.lots
    out.flow, out.gross = tenor.flow_e6 * _E6, tenor.gross_e6 * _E6
    out.vega, out.vega_gross = tenor.vega_e6 * _E6, tenor.vega_gross_e6 * _E6
    weight = tenor.weight
    out.flow_z = _beyond(out.flow, tenor.mean_flow, tenor.square_flow, weight, tenor.order_flow)
    out.vega_z = _beyond(out.vega, tenor.mean_vega, tenor.square_vega, weight, tenor.order_vega)
    lots = max(tenor.lots, 1)
    out.quality = tenor.quality_e6 * _E6 / lots * (lots - tenor.unjudged) / lots
    before = tables.numbers[BY_PARITY]
    out.forward2_e9 = max(_forward2(tenor, ts, tables, bounds), 0)
    out.by_parity = tables.numbers[BY_PARITY] - before
    tables.numbers[BY_PARITY] = before
    _tell_orders(tenor, tables, out)
    _tell_strikes(tenor, tables, bounds, strikes, filled, out)
    tenor.held_flow, tenor.held_vega = out.flow, out.vega


@inlined
def _learn_order(tenor, trade):  # type: ignore[no-untyped-def]
    """Mean squares of one order; those without Greeks count as having none."""
    tenor.orders_seen += 1
    share = 1.0 / min(tenor.orders_seen, _ORDERS_MEANT)
    size, flow, vega = np.float64(trade.size), trade.flow_e6 * _E6, trade.vega_e6 * _E6
    tenor.order_size += (size * size - tenor.order_size) * share
    tenor.order_flow += (flow * flow - tenor.order_flow) * share
    tenor.order_vega += (vega * vega - tenor.order_vega) * share


@inlined
def _beyond(value, mean, square, weight, order):  # type: ignore[no-untyped-def]
    """How many standard deviations a sum lies beyond its mean.

    To its variance that of one order is added, so that the first order where nothing trades is
    never far out. Sums of means are divided by their weight here.
    """
    centre, variance = 0.0, order
    if weight > 0.0:
        centre = mean / weight
        variance += max(square / weight - centre * centre, 0.0)
    return (value - centre) / math.sqrt(variance) if variance > 0.0 else 0.0


@inlined
def _learn(tenor, ts, bounds):  # type: ignore[no-untyped-def]
    """What stood in the window since the last second that was judged becomes part of the usual."""
    if tenor.ts_mark != 0:
        held_ns = min(ts - tenor.ts_mark, bounds.window_ns)
        if held_ns > 0:
            tenor.watched_ns += held_ns
            kept = exp2_minus(held_ns / NS_PER_S / bounds.half_life_s)
            flow, vega, new = tenor.held_flow, tenor.held_vega, 1.0 - kept
            tenor.mean_flow = tenor.mean_flow * kept + flow * new
            tenor.mean_vega = tenor.mean_vega * kept + vega * new
            tenor.square_flow = tenor.square_flow * kept + flow * flow * new
            tenor.square_vega = tenor.square_vega * kept + vega * vega * new
            tenor.weight = tenor.weight * kept + new
    tenor.ts_mark = ts


@inlined
def _tell_orders(tenor, tables, out):  # type: ignore[no-untyped-def]
    """The latest orders of the window, and where it begins."""
    out.ts_first = tables.trades[tenor.head - 1].ts if tenor.head != 0 else out.ts
    told = 0
    place = tenor.tail
    while place != 0 and told < ORDERS_TOLD:
        trade = tables.trades[place - 1]
        out.order_ids[told] = trade.order_id
        out.order_slots[told] = trade.slot
        out.order_views[told] = trade.side * tables.options[trade.slot].call
        if told == 0:
            out.sequence_first, out.sequence_last = trade.sequence_first, trade.sequence_last
        out.sequence_first = min(out.sequence_first, trade.sequence_first)
        out.sequence_last = max(out.sequence_last, trade.sequence_last)
        told += 1
        place = trade.previous
    out.told = told


@inlined
def _learn_option(option, tenor, bounds):  # type: ignore[no-untyped-def]
    """As `_learn`, of one option's net contracts: none while it was not in the list."""
    held_ns = tenor.watched_ns - option.mark_ns
    if held_ns > 0:
        kept = exp2_minus(held_ns / NS_PER_S / bounds.half_life_s)
        new = 1.0 - kept
        option.mean = option.mean * kept + option.held * new
        option.square = option.square * kept + option.held * option.held * new
        option.weight = option.weight * kept + new
    option.mark_ns = tenor.watched_ns


@inlined
def _tell_strikes(tenor, tables, bounds, strikes, filled, out):  # type: ignore[no-untyped-def]
    """Options with trades in the window; those without leave the list."""
    out.strike_first = filled[1]
    before = 0
    place = tenor.first_live
    while place != 0:
        option = tables.options[place - 1]
        following = option.next_live
        _learn_option(option, tenor, bounds)
        net = np.float64(option.bought - option.sold)
        z = _beyond(net, option.mean, option.square, option.weight, tenor.order_size)
        option.held = net
        if option.orders_bought + option.orders_sold == 0:
            option.live = 0
            option.next_live = 0
            if before == 0:
                tenor.first_live = following
            else:
                tables.options[before - 1].next_live = following
        else:
            before = place
            one = strikes[filled[1]]
            filled[1] += 1
            one.slot, one.instrument_id = place - 1, option.instrument_id
            one.call, one.strike_e9 = option.call, option.strike_e9
            one.orders_bought, one.orders_sold = option.orders_bought, option.orders_sold
            one.bought, one.sold = option.bought, option.sold
            one.flow = option.flow_e6 * _E6
            one.premium = option.premium_e9 * _E9
            one.z = z
            one.volatility = option.volatility
        place = following
    out.strike_stop = filled[1]

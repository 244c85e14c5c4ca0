"""Slicing: orders of one side and like size at regular times, as a schedule sends them."""

import math
from typing import Any, ClassVar, Final

import numpy as np

from operators.detectors.points import Found, Points, Row, clipped, side_name
from operators.detectors.slicing_config import SlicingConfig
from operators.kernels import entry, inlined
from operators.model.evaluations import MODIFIED_LIMIT, NEW
from operators.model.prices import price_text
from operators.model.records import NS_PER_S
from operators.model.signals import Evidence

ORDERS: Final = 48
"""Latest orders of a cell that are looked at."""
ORDERS_TOLD: Final = 20
"""Of these, so many are named in evidence, the latest ones."""
WAYS: Final = 4
"""Cells among which the longest idle makes room."""
DECAY: Final = 0.95
"""Weight of an order against the next one's."""
_STEPS: Final = 1024
"""Phases of a cycle that are told apart."""
_MERGE_NS: Final = 20_000_000
"""Orders so close to the one before are one order in pieces."""
_IDLE_NS: Final = 300 * NS_PER_S
"""A cell begins anew after so long."""
_TESTED_EACH: Final = 4
"""Orders from one test of a cell to the next."""
_INDEPENDENT: Final = 4
"""Periods that can be told apart, per order: up to four cycles between two orders."""
_ALIKE_SHARE: Final = 0.2
"""Least number of like intervals, per order, for a test to be worth its time."""
_OCTAVE_BINS: Final = 16
_BIN_SHIFT: Final = 48
"""Of a double's bits, what remains is the exponent and the first four bits of the mantissa."""
_FINE: Final = 20
"""Periods tried on either side of the likeliest, a quarter of a cycle in the span apart."""

# Nine decimals: no processor's last bit shows.
_COS: Final = np.array([round(math.cos(2 * math.pi * k / _STEPS), 9) for k in range(_STEPS)])
_SIN: Final = np.array([round(math.sin(2 * math.pi * k / _STEPS), 9) for k in range(_STEPS)])
_WEIGHTS: Final = np.array([round(DECAY**age, 9) for age in range(ORDERS)])

CELL_DTYPE: Final = np.dtype(
    [
        ("key", "i8"),  # 0: free; see `_key`
        ("orders", "i8"),  # since it began
        ("size", "i8"),  # contracts of these
        ("told", "i8"),  # orders when evidence was last given, 0 never
        ("ts_next", "i8"),
        ("ts_last", "i8"),
        ("times", "i8", (ORDERS,)),  # in a ring: order n at n mod ORDERS
        ("order_ids", "u8", (ORDERS_TOLD,)),
    ]
)

HIT_DTYPE: Final = np.dtype(
    [
        ("row", "i8"),
        ("orders", "i8"),
        ("mean_size", "f8"),
        ("span_ns", "i8"),
        ("period_s", "f8"),
        ("regular", "f8"),
        ("rarity", "f8"),
        ("told", "i8"),
        ("order_ids", "u8", (ORDERS_TOLD,)),  # the latest first
    ]
)


class Slicing:
    """Rayleigh's test of the times of aggressor orders of one instrument, side and class of size.

    A class is an octave of sizes, 8…15 contracts. Of the last n ≤ 48 orders of such a cell, with
    ages a = 0, 1, … and weights w = 0.95^a, and a period T,

        R = |Σ w·e^{2πi·t/T}|/Σ w,   n_eff = c/n·(Σ w)²/Σ w²,   p = 4n·exp(−n_eff·R²)

    where c orders come half a period or more after the one before, since a burst of orders is one
    piece of evidence, and 4n periods can be told apart. T is where intervals between orders, one or
    two steps apart, are most alike, and 20 periods on either side, a quarter of a cycle in the
    whole span apart.
    Evidence if the least p ≤ p_max, given again when orders have doubled or after `repeat_ns`, and
    then replaces the earlier. Strength is −log10 p, clipped to 6; size the contracts of the cell's
    orders that were looked at; times in ns, periods in s.

    A fixed grid of 48 log-spaced periods cannot do this: neighbours differ by 14 %, so that the
    phase runs away after seven orders, and seven orders are no evidence. Orders within 20 ms are
    one. A cell is tested at every fourth order, if a fifth of its intervals are alike.

    Wrong for machines that repeat themselves without a parent order behind them, and blind to
    slices at random times or drowned in other orders of their size: those are for
    `signed_pressure`. Two schedules of one side and class at once hide each other.
    Expected false alarms: p_max per test if orders came independently, since p allows for the
    choice of T; in a shard with a thousand tests an hour, one in ten hours.

    State: 592 bytes per cell, at most `cells_max` cells, whatever the instruments.

    References:
        Rayleigh 1880; Mardia and Jupp 2000, Directional Statistics, section 6.3, on p.
        Lillo, Mike, Farmer 2005: order splitting is what makes signs persist.
    """

    STATE_VERSION: ClassVar[int] = 1
    NAME: ClassVar[str] = "slicing"

    def __init__(self, config: SlicingConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._cells = np.zeros(config.cells_max // WAYS * WAYS, CELL_DTYPE)
        if state is not None and state["size"] == self._cells.size:
            self._cells[state["places"]] = state["cells"]

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        hits = np.empty(points.executions.size, HIT_DTYPE)
        config = self._config
        count = _slices(
            points.rows,
            points.executions,
            points.sound,
            self._cells,
            (
                config.orders_min,
                config.size_min,
                round(config.period_min_s * NS_PER_S),
                round(config.period_max_s * NS_PER_S),
                -math.log10(config.p_max),
                config.repeat_ns,
            ),
            hits,
        )
        if count == 0:
            return []
        hits = hits[:count]
        rows = points.facts(hits["row"])
        return [self._found(points, hit, row) for hit, row in zip(hits, rows, strict=True)]

    def snapshot(self) -> dict[str, Any]:
        """Copies of the cells in use, and their places."""
        places = np.flatnonzero(self._cells["key"])
        return {"size": self._cells.size, "places": places, "cells": self._cells[places]}

    def _found(self, points: Points, hit: np.void, row: Row) -> Found:
        values: Any = hit.tolist()
        index, orders, mean_size, span_ns, period_s, regular, rarity, told, order_ids = values
        symbol = points.symbol(row.instrument_id)
        price_e9 = row.price_last
        chance = 10 ** min(rarity, 9.0)
        evidence = Evidence(
            detector=self.NAME,
            group="slicing",
            instrument_id=row.instrument_id,
            symbol=symbol,
            side=side_name(row.side),
            strength=clipped(rarity),
            structural=True,
            z=None,
            tail_p=None,
            window_s=span_ns // NS_PER_S,
            size=round(orders * mean_size),
            measure=round(rarity, 4),
            threshold=round(-math.log10(self._config.p_max), 4),
            unit="orders of magnitude below chance",
            price_e9=price_e9,
            text=(
                f"{'Buying' if row.side > 0 else 'Selling'} of {symbol} in slices near"
                f" {price_text(price_e9)}: {orders} orders of about {mean_size:.0f} lots, one every"
                f" {period_s:.1f} s (regularity {regular:.2f}, chance 1 in {chance:,.0f})"
            ),
            order_ids=tuple(order_ids[told - 1 :: -1]),
            sequence_first=row.sequence_first,
            sequence_last=row.sequence_last,
            ts_first=row.ts_event - span_ns,
            ts_last=row.ts_event,
            quality=round(float(points.quality[index]), 6),
        )
        key = row.size.bit_length() << 1 | (row.side > 0)
        return Found(index, key, row.mid_e9(price_e9), points.is_warm(index), evidence)


@entry
def _slices(rows, executions, sound, cells, limits, hits):  # type: ignore[no-untyped-def]
    """Enter each order into its cell and test the cell."""
    orders_min, size_min, period_min_ns, period_max_ns, rarity_min, repeat_ns = limits
    times = np.empty(ORDERS, np.int64)
    alike = np.zeros(_OCTAVE_BINS * 64, np.int64)
    count = 0
    for k in range(executions.shape[0]):
        i = executions[k]
        row = rows[i]
        taken = row.aggressor == NEW or row.aggressor == MODIFIED_LIMIT
        if not taken or row.side == 0 or row.size < size_min or not sound[i]:
            continue
        key = _key(row)
        cell = cells[_place(cells, key)]
        if cell.key != key or row.ts_event - cell.ts_last > _IDLE_NS:
            cell.key = key
            cell.orders = 0
            cell.size = 0
            cell.told = 0
            cell.ts_next = 0
        elif row.ts_event - cell.ts_last < _MERGE_NS:
            continue
        cell.ts_last = row.ts_event
        cell.times[cell.orders % ORDERS] = row.ts_event
        cell.order_ids[cell.orders % ORDERS_TOLD] = row.order_id
        cell.orders += 1
        cell.size += row.size
        n = min(cell.orders, ORDERS)
        if n < orders_min or cell.orders % _TESTED_EACH:
            continue
        for age in range(n):
            times[age] = cell.times[(cell.orders - 1 - age) % ORDERS]
        likely = _likely_period(times, n, period_min_ns, period_max_ns, alike)
        if likely == 0.0:
            continue
        power, period_ns = _most_regular(times, n, likely)
        rarity = _rarity(power, times, n, period_ns)
        if rarity < rarity_min:
            continue
        if cell.told == 0 or cell.orders >= 2 * cell.told or row.ts_event >= cell.ts_next:
            cell.told = cell.orders
            cell.ts_next = row.ts_event + repeat_ns
            hit = hits[count]
            hit.row = i
            hit.orders = n
            hit.mean_size = cell.size / cell.orders
            hit.span_ns = times[0] - times[n - 1]
            hit.period_s = period_ns / NS_PER_S
            hit.regular = np.sqrt(power)
            hit.rarity = rarity
            hit.told = min(n, ORDERS_TOLD)
            for age in range(hit.told):
                hit.order_ids[age] = cell.order_ids[(cell.orders - 1 - age) % ORDERS_TOLD]
            count += 1
    return count


@inlined
def _key(row):  # type: ignore[no-untyped-def]
    """Slot, octave of the size and side in one number, never 0."""
    octave = np.float64(row.size).view(np.int64) >> 52
    return (np.int64(row.slot) + 1) << 12 | np.int64(octave - 1023) << 1 | np.int64(row.side > 0)


@inlined
def _place(cells, key):  # type: ignore[no-untyped-def]
    """The cell of the key, or the one among its neighbours that is idle for longest."""
    sets = cells.shape[0] // WAYS
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    first = np.int64((mixed >> np.uint64(32)) % np.uint64(sets)) * WAYS
    oldest = first
    for way in range(WAYS):
        if cells[first + way].key == key:
            return first + way
        if cells[first + way].ts_last < cells[oldest].ts_last:
            oldest = first + way
    return oldest


@inlined
def _likely_period(times, n, period_min_ns, period_max_ns, alike):  # type: ignore[no-untyped-def]
    """Mean of the intervals where most are alike, to about a tenth; 0 where too few are."""
    for steps in range(1, 3):
        for age in range(n - steps):
            interval = times[age] - times[age + steps]
            if period_min_ns <= interval <= period_max_ns:
                alike[_bin_of(interval)] += 1
    first = _bin_of(period_min_ns)
    last = _bin_of(period_max_ns)
    best = 0
    found = 0
    for place in range(first, last):
        both = alike[place] + alike[place + 1]
        if both > found:
            found = both
            best = place
    alike[first : last + 1] = 0
    if found < max(4.0, _ALIKE_SHARE * n):
        return 0.0
    total = 0.0
    for steps in range(1, 3):
        for age in range(n - steps):
            interval = times[age] - times[age + steps]
            if period_min_ns <= interval <= period_max_ns and 0 <= _bin_of(interval) - best <= 1:
                total += interval
    return total / found


@inlined
def _bin_of(interval):  # type: ignore[no-untyped-def]
    """Sixteen bins an octave."""
    return (np.float64(interval).view(np.int64) >> _BIN_SHIFT) - (1023 << (52 - _BIN_SHIFT))


@inlined
def _most_regular(times, n, likely):  # type: ignore[no-untyped-def]
    """R² and the period where it is greatest."""
    span = times[0] - times[n - 1]
    step = likely * likely / (4.0 * span)
    best = -1.0
    best_period = 0.0
    for k in range(-_FINE, _FINE + 1):
        period = likely + k * step
        if period <= 0.0:
            continue
        along = 0.0
        across = 0.0
        total = 0.0
        scale = _STEPS / period
        for age in range(n):
            phase = np.int64((times[age] - times[n - 1]) * scale) & (_STEPS - 1)
            along += _WEIGHTS[age] * _COS[phase]
            across += _WEIGHTS[age] * _SIN[phase]
            total += _WEIGHTS[age]
        power = (along * along + across * across) / (total * total)
        if power > best:
            best = power
            best_period = period
    return best, best_period


@inlined
def _rarity(power, times, n, period):  # type: ignore[no-untyped-def]
    """−log10 p."""
    total = 0.0
    squares = 0.0
    apart = 1.0
    for age in range(n):
        total += _WEIGHTS[age]
        squares += _WEIGHTS[age] * _WEIGHTS[age]
        if age > 0 and 2 * (times[age - 1] - times[age]) >= period:
            apart += 1.0
    effective = total * total / squares * apart / n
    return power * effective / 2.302585092994046 - np.log10(_INDEPENDENT * n)

"""Sweep: aggressors of one side take several price levels, or all that was shown, at once."""

import math
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np

from operators.detectors.points import (
    Found,
    Points,
    Row,
    clipped,
    grown,
    side_name,
    trimmed,
)
from operators.detectors.sweep_config import SweepConfig
from operators.detectors.sweep_rates import RATE_DTYPE, entered, hourly
from operators.kernels import entry
from operators.model.evaluations import OUTRIGHT
from operators.model.prices import price_text
from operators.model.signals import Evidence

ORDERS_MAX: Final = 8
"""Order ids kept of one chain."""

_AT_THRESHOLD: Final = 2.5
CHAIN_DTYPE: Final = np.dtype(
    [
        ("side", "i1"),  # 0: no chain
        ("orders", "u1"),  # used entries of order_ids
        ("levels", "i4"),
        ("levels_told", "i4"),  # when evidence was last given
        ("size_told", "i8"),
        ("size", "i8"),
        ("depth", "i8"),  # contracts shown at the touch before the chain
        ("price_last", "i8"),  # furthest
        ("ts_first", "i8"),
        ("ts_last", "i8"),
        ("sequence_first", "u4"),
        ("order_ids", "u8", (ORDERS_MAX,)),
    ]
)


HIT_DTYPE: Final = np.dtype([("row", "i8"), ("per_hour", "f8"), ("like", "i8"), ("chains", "i8")])


class _Chain(NamedTuple):
    """CHAIN_DTYPE as Python values."""

    side: int
    orders: int
    levels: int
    levels_told: int
    size_told: int
    size: int
    depth: int
    price_last: int
    ts_first: int
    ts_last: int
    sequence_first: int
    order_ids: list[int]


assert CHAIN_DTYPE.names == _Chain._fields


class Sweep:
    """Chains of aggressors, and those among them that sweep. Structural: no baseline is needed.

    Aggressor orders of one instrument and side at most `coalesce_ns` apart are a chain; a parent
    order sent in pieces is one. A chain c is a sweep when

        levels(c) ≥ levels_min, or size(c) ≥ size_min and size(c) ≥ depth(c)

    with levels the distinct prices taken, and depth the contracts shown at the opposite touch
    before it. Evidence is given at the aggressor that makes it one, and again when it took a
    further level or twice as much; it then replaces the earlier.

        strength = max(2.5·levels/levels_min · min(1, √(size/size_min)),
                       2 + log2(size/depth) + ½·log2(size/size_min))

    counting the terms that qualify: three levels of a thin book are few contracts. It is at most

        2.5 − log10(r),   r = (C + 300·q)/(N + 300) · (N + 1)/(T + 60 s)   an hour,

    and 6, with C of the N chains that the instrument has had in the time T as deep or large as c, T
    without pauses beyond five minutes, and q the same share of all outright futures of the root, or
    of all its other instruments, which starts as in ES at night. Where r is more than
    `per_hour_max` there is no evidence: what a market does all the time says nothing.
    Levels of a later aggressor that begins at or behind the furthest price of its chain count less
    one, which can be one too many.

    Wrong when elected stops are among the aggressors: they are forced, not chosen (see `stop_run`).
    Expected false alarms: the rule is a fact, but not always an institution: up to `per_hour_max`
    an instrument and hour, most of them weak. Of 2,933 aggressors of a holiday night in ES, 33 took
    two levels and 3 three.

    State: 187 bytes per instrument and 96 per root.

    References:
        Coalescing: FlashAlpha publishes 500 ms for options; 5 ms for futures is our choice.
        DBN `mbo`: T rows carry the aggressor's order id, one per price level.
    """

    STATE_VERSION: ClassVar[int] = 2
    NAME: ClassVar[str] = "sweep"

    def __init__(self, config: SweepConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._chains = np.zeros(0, CHAIN_DTYPE) if state is None else state["chains"].copy()
        self._rates = np.zeros(0, RATE_DTYPE) if state is None else state["rates"].copy()
        self._pools = np.zeros(0, RATE_DTYPE) if state is None else state["pools"].copy()

    def observe(self, points: Points) -> list[Found]:
        """Evidence in the order of rows."""
        if points.executions.size == 0:
            return []
        self._chains = grown(self._chains, points.slots)
        self._rates = grown(self._rates, points.slots)
        self._pools = grown(self._pools, 2 * (int(points.rows["root"].max()) + 1))
        hits = np.empty(points.executions.size, HIT_DTYPE)
        chains = np.empty(points.executions.size, CHAIN_DTYPE)
        config = self._config
        count = _chain(
            points.rows,
            points.executions,
            points.sound,
            self._chains,
            self._rates,
            self._pools,
            (config.levels_min, config.size_min, config.coalesce_ns, config.per_hour_max),
            hits,
            chains,
        )
        if count == 0:
            return []
        rows = points.facts(hits["row"][:count])
        told = [_Chain._make(chain) for chain in chains[:count].tolist()]
        return [
            self._found(points, hit, row, chain)
            for hit, row, chain in zip(hits[:count].tolist(), rows, told, strict=True)
        ]

    def snapshot(self) -> dict[str, Any]:
        """Copies of the chains and how often they come, by slot."""
        return {
            "chains": trimmed(self._chains),
            "rates": trimmed(self._rates),
            "pools": self._pools.copy(),
        }

    def _found(
        self, points: Points, hit: tuple[int, float, int, int], row: Row, chain: _Chain
    ) -> Found:
        index, per_hour, like, chains = hit
        config = self._config
        levels, size, depth = chain.levels, chain.size, chain.depth
        strength = 0.0
        if levels >= config.levels_min:
            strength = _AT_THRESHOLD * levels / config.levels_min
            strength *= min(1.0, math.sqrt(size / config.size_min))
        if depth and size >= depth and size >= config.size_min:
            by_depth = 2 + math.log2(size / depth) + 0.5 * math.log2(size / config.size_min)
            strength = max(strength, by_depth)
        strength = min(strength, _AT_THRESHOLD - math.log10(per_hour))
        symbol = points.symbol(row.instrument_id)
        by_levels = levels >= config.levels_min
        verb = "Bought" if row.side > 0 else "Sold"
        price_e9 = chain.price_last
        evidence = Evidence(
            detector=self.NAME,
            group="aggression",
            instrument_id=row.instrument_id,
            symbol=symbol,
            side=side_name(row.side),
            strength=clipped(strength),
            structural=True,
            z=None,
            tail_p=None,
            window_s=0,
            size=size,
            measure=float(levels) if by_levels else round(size / depth, 4),
            threshold=float(config.levels_min) if by_levels else 1.0,
            unit="levels" if by_levels else "of the size shown",
            price_e9=price_e9,
            text=(
                f"{verb} {size} lots of {symbol} at once,"
                f" {levels} {'level' if levels == 1 else 'levels'} deep to"
                f" {price_text(price_e9)}: {depth} lots were shown at the touch"
                f"; {like} like it among the {chains} before"
            ),
            order_ids=tuple(chain.order_ids[: chain.orders]),
            sequence_first=chain.sequence_first,
            sequence_last=row.sequence_last,
            ts_first=chain.ts_first,
            ts_last=row.ts_event,
            quality=round(float(points.quality[index]), 6),
        )
        mid_e9 = row.mid_e9(price_e9)
        return Found(index, chain.ts_first, mid_e9, points.is_warm(index), evidence)


@entry
def _chain(rows, executions, sound, chains, rates, pools, limits, hits, hit_chains):  # type: ignore[no-untyped-def]
    """Bring the chains forward; those that became or grew as sweeps are copied out."""
    levels_min, size_min, coalesce_ns, per_hour_max = limits
    count = 0
    for k in range(executions.shape[0]):
        i = executions[k]
        row = rows[i]
        if row.side == 0:
            continue
        chain = chains[row.slot]
        pool = pools[2 * row.root + (1 if row.state & OUTRIGHT else 0)]
        if not sound[i]:
            chain.side = 0
            continue
        since = row.ts_event - chain.ts_last
        if chain.side == row.side and 0 <= since <= coalesce_ns:
            beyond = (row.price_last - chain.price_last) * row.side
            if (row.price_first - chain.price_last) * row.side > 0:
                chain.levels += row.levels
            elif beyond > 0:
                chain.levels += max(1, row.levels - 1)
            if beyond > 0:
                chain.price_last = row.price_last
            chain.size += row.size
        else:
            if chain.side != 0:
                entered(rates[row.slot], chain, size_min, since)
                entered(pool, chain, size_min, since)
            chain.side = row.side
            chain.orders = 0
            chain.levels = row.levels
            chain.levels_told = 0
            chain.size_told = 0
            chain.size = row.size
            chain.depth = row.ask_size_before if row.side > 0 else row.bid_size_before
            chain.price_last = row.price_last
            chain.ts_first = row.ts_event
            chain.sequence_first = row.sequence_first
        chain.ts_last = row.ts_event
        if chain.orders < ORDERS_MAX:
            chain.order_ids[chain.orders] = row.order_id
            chain.orders += 1
        by_levels = chain.levels >= levels_min
        by_depth = chain.depth > 0 and chain.size >= chain.depth and chain.size >= size_min
        if not by_levels and not by_depth:
            continue
        further = by_levels and chain.levels > chain.levels_told
        if further or chain.size >= 2 * chain.size_told or chain.size_told == 0:
            per_hour, like = hourly(rates[row.slot], pool, chain, by_levels, by_depth, size_min)
            if per_hour > per_hour_max:
                continue
            chain.levels_told = chain.levels
            chain.size_told = chain.size
            hits[count].row = i
            hits[count].per_hour = per_hour
            hits[count].like = like
            hits[count].chains = rates[row.slot].chains
            hit_chains[count] = chain
            count += 1
    return count

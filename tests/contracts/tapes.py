"""A market for the contracts: two feeds, two sessions, some damage, ticks and definitions.

Data is lost now and then, and the source says so; a part is history.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from operators.model.controls import FeedGap, delayed_control, gap_controls
from operators.model.items import Control, Definition, Instrument, MarketStatus, MboRows, Tick
from operators.model.records import NS_PER_S
from simulator.simulation import Simulation, SimulationConfig, session

EAST, WEST = "east", "west"
ROOTS = {EAST: ("ES", "CL"), WEST: ("NQ", "GC")}


def feed_items(
    feed: str, *, sessions: int = 2, duration_s: float = 40.0, records_per_s: float = 150.0
) -> list[Any]:
    """Items of one feed; the two feeds use the same instrument ids, as two datasets may."""
    config = SimulationConfig(
        seed=7,
        roots=ROOTS[feed],
        instruments=5,
        duration_s=duration_s,
        records_per_s=records_per_s,
        resting_orders=300,
        institutions=True,
        institutions_per_hour=900.0,
    )
    items: list[Any] = []
    for number in range(sessions):
        items += _session(feed, session(config, number), first=number == 0)
    return items


def _session(feed: str, config: SimulationConfig, *, first: bool) -> Iterator[Any]:
    simulation = Simulation(config)
    ts = config.start_ns
    if first:
        for spec in simulation.specs:
            id_ = spec.instrument_id
            yield Instrument(feed, id_, spec.symbol, spec.root, "definition", ts)
            yield _definition(feed, id_, spec, ts)
    rng = np.random.default_rng(config.seed % 2**32)
    ids = [spec.instrument_id for spec in simulation.specs]
    for batch in simulation.stream(tick_ns=NS_PER_S):
        if isinstance(batch, int):
            yield Tick(feed, batch)
            yield from _controls(feed, batch, (batch - config.start_ns) // NS_PER_S, ids)
            continue
        kept = batch[rng.random(batch.size) > (0.002 if feed == EAST else 0.0)]
        kept.flags.writeable = False
        yield MboRows(feed, kept)
    last = simulation.specs[0].instrument_id
    yield MarketStatus(feed, last, config.stop_ns, 8, False)
    yield Control(feed, config.stop_ns, "silence", "{}")
    yield MarketStatus(feed, last, config.stop_ns, 7, True)


def _controls(feed: str, ts: int, second: int, ids: list[int]) -> Iterator[Control]:
    """Gaps of two instruments, of one that is unknown and of all; seven seconds of history."""
    if feed != WEST:
        return
    gaps = {9: ((ids[1],), 1), 20: ((ids[0],), 19), 30: ((ids[-1] + 1_000,), 0), 38: (None, 34)}
    if second in gaps:
        named, lost_s = gaps[second]
        from_ns = ts - lost_s * NS_PER_S
        told = FeedGap(reason="seam", from_ns=from_ns, to_ns=ts, instruments=named)
        yield from gap_controls(feed, ts, told)
    elif second in (5, 12):
        yield delayed_control(feed, ts, on=second == 5)


def _definition(feed: str, id_: int, spec: Any, ts: int) -> Definition:
    return Definition(
        feed=feed,
        instrument_id=id_,
        ts_event=ts,
        symbol=spec.symbol,
        instrument_class=spec.instrument_class,
        asset=spec.root,
        tick_e9=spec.tick_e9,
        tick_rule=None,
        point_value_e9=spec.point_value * 10**9,
        currency="USD",
        expiration_ns=spec.expiration_ns,
        strike_price_e9=spec.strike_e9,
        underlying=spec.underlying,
        underlying_id=spec.underlying_id or None,
    )


@cache
def feeds() -> dict[str, list[Any]]:
    """The items of both feeds, each in its order."""
    return {feed: feed_items(feed) for feed in (EAST, WEST)}


def merged(choices: Any, parts: dict[str, list[Any]]) -> list[Any]:
    """One interleaving of the feeds; `choices(n)` gives a number below n."""
    rest = {feed: iter(items) for feed, items in parts.items()}
    left = {feed: len(items) for feed, items in parts.items() if items}
    out = []
    while left:
        feed = sorted(left)[choices(len(left))]
        out.append(next(rest[feed]))
        left[feed] -= 1
        if not left[feed]:
            del left[feed]
    return out


@cache
def tape() -> list[Any]:
    """Both feeds, taken in turns."""
    turns = iter(range(10**9))
    return merged(lambda n: next(turns) % n, feeds())

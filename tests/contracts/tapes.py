"""A market for the contracts: two feeds, two sessions, some damage, ticks and definitions.

Data is lost now and then, and the source says so; a part is history.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from operators.model.calibration import Alarms, Calibration, Steps
from operators.model.calibration_record import MoveTable, calibration_controls, move_table
from operators.model.controls import FeedGap, delayed_control, gap_controls
from operators.model.items import Control, Definition, Instrument, MarketStatus, MboRows, Tick
from operators.model.records import NS_PER_S
from simulator.simulation import Simulation, SimulationConfig, session

EAST, WEST = "east", "west"
CALIBRATION = Calibration(
    version="contracts",
    flow=Steps((-2.0, 0.0, 1.0), (0.2, 0.6, 0.8), (0.1, 0.5, 0.7), (0.3, 0.7, 0.9)),
    move=Steps((0.0,), (0.4,), (0.3,), (0.5,)),
    move_horizon_s=30,
    alarms=(Alarms(0.4, 1.0),),
)
_RISING = tuple(0.3 + n / 100 for n in range(7))
RECALIBRATION = move_table(
    "contracts", 60, Steps(tuple(map(float, range(-3, 4))), _RISING, (0.1,) * 7, (0.9,) * 7)
)
"""In two records."""
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
    """Gaps of two instruments, of one that is unknown and of all; seven seconds of history.

    After a while another table of `p_move`, and the way back.
    """
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
    elif second in (15, 32):
        table = RECALIBRATION if second == 15 else MoveTable(version=CALIBRATION.version)
        yield from calibration_controls(feed, ts, table)


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

"""Institutions: which behaviours there are on a tape, and the table of what they did."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.model.records import NS_PER_S
from simulator.behaviours import (
    DIFFICULTIES,
    LOOK_ALIKES,
    NUMBERS,
    SIZELESS,
    UNDIRECTED,
    Scene,
    legs,
    possible,
)
from simulator.exchange_state import ASK, BID, FOREVER, METAORDER_DTYPE
from simulator.instruments import InstrumentSpec

SIDES: Final = {1: "buy", -1: "sell", 0: "none"}
NEAR_STRIKES: Final = 6
"""Strikes around the money, of each expiry and class, that institutions trade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One behaviour as it was executed: the truth a detector is judged by.

    docs/evaluation.md describes the file that holds these.
    """

    who: str
    kind: str
    institutional: bool
    """False: a look-alike."""
    directional: bool
    """Whether it says where the price goes."""
    root: str
    symbol: str
    """Of its first instrument."""
    instrument_id: int
    instruments: tuple[int, ...]
    """All its instruments, ids."""
    side: str
    """buy or sell: of the institution, in terms of the future; none: not directional."""
    size: int
    """Contracts wanted; 0 where the behaviour has no size of its own."""
    executed: int
    """Contracts, over all legs."""
    ts_start: str
    """Nanoseconds since the epoch as text: of its first order."""
    ts_end: str
    """Of its last order or fill."""
    order_ids: tuple[str, ...]
    """At most 256 of each leg, in order of appearance."""
    difficulty: str
    """easy, medium or hard."""
    regime: str
    """calm, normal, volatile or news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which behaviours are wanted, and for what market."""

    kinds: tuple[str, ...]
    difficulty: str
    """easy, medium, hard, or mixed."""
    start_ns: int
    stop_ns: int
    per_hour: float
    """Pauses between the behaviours of a root last an hour divided by this, on average."""
    seed: int
    volumes_per_s: NDArray[np.float64]
    """(instruments,) Contracts the crowd is expected to trade, on average over the tape."""
    activity: NDArray[np.float64]
    """(1440,) By minute of the exchange's day, 1 on average over the tape."""
    offset_ns: int
    """Exchange's clock minus UTC."""


def schedule(specs: Sequence[InstrumentSpec], plan: Plan) -> NDArray[np.void]:
    """Behaviours of each root, one after the other, METAORDER_DTYPE by the time they begin.

    The first of each root comes within seconds; the kinds take turns in random order.
    """
    rows: list[NDArray[np.void]] = []
    group = 0
    for front in _fronts(specs):
        rng = random.Random(f"{plan.seed} {specs[front].root}")
        ts = plan.start_ns + int(rng.uniform(2, 8) * NS_PER_S)
        names: list[str] = []
        while ts < plan.stop_ns:
            scene = _scene(specs, plan, front, rng, ts)
            names = names or _in_turn(possible(plan.kinds, scene), rng)
            if not names:
                break
            group += 1
            made = [_row(leg, group, ts) for leg in legs(names.pop(), scene)]
            rows += made
            ts = max(int(row["ts_end"]) for row in made)
            ts += int(rng.expovariate(plan.per_hour / 3600) * NS_PER_S)
    if not rows:
        return np.zeros(0, METAORDER_DTYPE)
    table = np.array(rows, METAORDER_DTYPE)
    return table[np.argsort(table["ts_begin"], kind="stable")]


def _fronts(specs: Sequence[InstrumentSpec]) -> list[int]:
    """The first future of each root."""
    first: dict[str, int] = {}
    for k, spec in enumerate(specs):
        if spec.instrument_class == "F":
            first.setdefault(spec.root, k)
    return list(first.values())


def _in_turn(names: Sequence[str], rng: random.Random) -> list[str]:
    return rng.sample(list(names), len(names))


def _scene(
    specs: Sequence[InstrumentSpec], plan: Plan, front: int, rng: random.Random, ts: int
) -> Scene:
    root = [(k, spec) for k, spec in enumerate(specs) if spec.root == specs[front].root]
    later = [k for k, spec in root if spec.instrument_class == "F" and k != front]
    level = rng.randrange(3)
    if plan.difficulty in DIFFICULTIES:
        level = DIFFICULTIES.index(plan.difficulty)
    minute = (ts + plan.offset_ns) // (60 * NS_PER_S)
    now, soon = (float(plan.activity[(minute + ahead) % plan.activity.size]) for ahead in (0, 3))
    return Scene(
        rng=rng,
        difficulty=level,
        side=BID if rng.random() < 0.5 else ASK,
        volume_per_s=float(plan.volumes_per_s[front]) * now,
        day_slope=max(-1.0, min(1.0, (soon - now) / max(now, soon, 1e-9))),
        front=front,
        following=later[0] if later else None,
        options=tuple(_near_the_money(root, specs[front])),
    )


def _near_the_money(
    root: list[tuple[int, InstrumentSpec]], front: InstrumentSpec
) -> list[tuple[int, InstrumentSpec]]:
    """Options of the front month, few strikes of each expiry and class, nearest first."""
    found = [
        (k, spec)
        for k, spec in root
        if spec.strike_e9 is not None and spec.underlying_id == front.instrument_id
    ]

    def key(each: tuple[int, InstrumentSpec]) -> tuple[int, str]:
        return each[1].expiration_ns, each[1].instrument_class

    def distance(each: tuple[int, InstrumentSpec]) -> int:
        assert each[1].strike_e9 is not None
        return abs(each[1].strike_e9 - front.price_e9)

    near: list[tuple[int, InstrumentSpec]] = []
    for _, group in groupby(sorted(found, key=key), key=key):
        near += sorted(group, key=distance)[:NEAR_STRIKES]
    return near


def _row(leg: dict[str, float], group: int, ts: int) -> NDArray[np.void]:
    row = np.zeros(1, METAORDER_DTYPE)
    for name, value in leg.items():
        row[name] = value
    row["group"], row["slot"] = group, -1
    row["ts_begin"] += ts
    row["ts_end"] += ts
    row["ts_next"] = row["ts_begin"]
    filled: NDArray[np.void] = row[0]
    return filled


def first_due(metaorders: NDArray[np.void]) -> int:
    """When the first of the metaorders acts, ns."""
    return int(metaorders["ts_next"].min()) if metaorders.size else FOREVER


def labels(
    metaorders: NDArray[np.void],
    orders: NDArray[np.void],
    specs: Sequence[InstrumentSpec],
    regime: str,
) -> list[Label]:
    """What has been done so far, in order of the first order; `orders` are the exchange's."""
    groups: dict[int, list[NDArray[np.void]]] = {}
    for row in sorted((m for m in metaorders if m["ids"]), key=lambda m: int(m["ts_first"])):
        groups.setdefault(int(row["group"]), []).append(row)
    counts = {True: 0, False: 0}
    found = []
    for rows in groups.values():
        institutional = NUMBERS[int(rows[0]["kind"])] not in LOOK_ALIKES
        counts[institutional] += 1
        who = f"{'institution' if institutional else 'bystander'}-{counts[institutional]}"
        executed = sum(_executed(row, orders) for row in rows)
        found.append(_label(who, rows, specs, executed, regime))
    return found


def _executed(row: NDArray[np.void], orders: NDArray[np.void]) -> int:
    resting = orders[row["slot"]] if row["slot"] >= 0 else None
    left = 0 if resting is None else int(resting["size"]) + int(resting["hidden"])
    return int(row["done"]) + int(row["placed"]) - left


def _label(
    who: str,
    rows: list[NDArray[np.void]],
    specs: Sequence[InstrumentSpec],
    executed: int,
    regime: str,
) -> Label:
    first = rows[0]
    kind = NUMBERS[int(first["kind"])]
    legs_of = [specs[int(row["instrument"])] for row in rows]
    spec = legs_of[0]
    order_ids = sorted(int(each) for row in rows for each in row["order_ids"][: row["ids"]])
    return Label(
        who=who,
        kind=kind,
        institutional=kind not in LOOK_ALIKES,
        directional=kind not in UNDIRECTED,
        root=spec.root,
        symbol=spec.symbol,
        instrument_id=spec.instrument_id,
        instruments=tuple(each.instrument_id for each in legs_of),
        side=SIDES[int(first["direction"]) if kind not in UNDIRECTED else 0],
        size=0 if kind in SIZELESS else sum(int(row["size"]) for row in rows),
        executed=executed,
        ts_start=str(first["ts_first"]),
        ts_end=str(max(int(row["ts_last"]) for row in rows)),
        order_ids=tuple(map(str, order_ids)),
        difficulty=DIFFICULTIES[int(first["difficulty"])],
        regime=regime,
    )

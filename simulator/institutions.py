"""Institutions: which metaorders there are, and the table of what they did."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from operators.model.records import NS_PER_S
from simulator.exchange_state import ASK, BID, FOREVER, METAORDER_DTYPE
from simulator.institutions_kernel import ABSORPTION, ICEBERG, STOP_RUN, SWEEP, TWAP
from simulator.instruments import InstrumentSpec

KIND_NAMES: Final = {
    TWAP: "twap",
    ICEBERG: "iceberg",
    SWEEP: "sweep",
    STOP_RUN: "stop_run",
    ABSORPTION: "absorption",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One metaorder as it was executed: the truth a detector is judged by."""

    who: str
    kind: str
    root: str
    symbol: str
    instrument_id: int
    side: str
    """buy or sell: the side of the institution."""
    size: int
    """Contracts wanted; 0 where the order takes what is displayed."""
    executed: int
    ts_start: str
    """Nanoseconds since the epoch as text: of its first order."""
    ts_end: str
    """Of its last order or fill."""
    order_ids: tuple[str, ...]
    """At most 256, in order of appearance."""


def schedule(
    specs: Sequence[InstrumentSpec], *, start_ns: int, stop_ns: int, per_hour: float, seed: int
) -> NDArray[np.void]:
    """Metaorders on each root's front month, one after the other, METAORDER_DTYPE.

    The first of each root comes within seconds; the kinds take turns in random order.
    """
    fronts = [k for k, spec in enumerate(specs) if spec.instrument_class == "F"]
    seen: set[str] = set()
    rows: list[NDArray[np.void]] = []
    for k in fronts:
        if specs[k].root in seen:
            continue
        seen.add(specs[k].root)
        rng = random.Random(f"{seed} {specs[k].root}")
        ts = start_ns + int(rng.uniform(2, 8) * NS_PER_S)
        kinds: list[int] = []
        while ts < stop_ns:
            if not kinds:
                kinds = rng.sample(sorted(KIND_NAMES), len(KIND_NAMES))
            row = _metaorder(rng, kinds.pop(), ts)
            row["instrument"] = k
            rows.append(row)
            ts = int(row["ts_end"]) + int(rng.expovariate(per_hour / 3600) * NS_PER_S)
    return np.array(rows, METAORDER_DTYPE) if rows else np.zeros(0, METAORDER_DTYPE)


def _metaorder(rng: random.Random, kind: int, ts: int) -> NDArray[np.void]:
    row = np.zeros(1, METAORDER_DTYPE)
    period_s, acts, row["size"] = 1.0, 1, 2**30
    if kind == TWAP:
        period_s, acts = rng.uniform(1.0, 4.0), rng.randint(20, 60)
        row["slice"] = rng.randint(3, 12)
        row["size"] = row["slice"] * acts
    elif kind == ICEBERG:
        period_s, acts = rng.uniform(0.5, 2.0), 120
        row["slice"] = rng.randint(5, 20)
        row["size"] = row["slice"] * rng.randint(15, 40)
    elif kind == SWEEP:
        period_s, acts = rng.uniform(0.3, 1.5), rng.randint(1, 3)
        row["levels"] = rng.randint(3, 5)
    elif kind == STOP_RUN:
        period_s, acts = rng.uniform(0.2, 0.8), rng.randint(2, 4)
        row["levels"] = rng.randint(6, 14)
    else:
        period_s, acts = rng.uniform(0.3, 0.8), rng.randint(60, 150)
        row["slice"] = rng.randint(20, 60)
        row["size"] = row["slice"] * rng.randint(20, 60)
    row["kind"], row["slot"] = kind, -1
    row["side"] = BID if rng.random() < 0.5 else ASK
    row["ts_next"], row["period_ns"] = ts, int(period_s * NS_PER_S)
    row["ts_end"] = ts + int(period_s * (acts - 0.5) * NS_PER_S)
    filled: NDArray[np.void] = row[0]
    return filled


def first_due(metaorders: NDArray[np.void]) -> int:
    """When the first of the metaorders acts, ns."""
    return int(metaorders["ts_next"].min()) if metaorders.size else FOREVER


def labels(
    metaorders: NDArray[np.void], orders: NDArray[np.void], specs: Sequence[InstrumentSpec]
) -> list[Label]:
    """What has been done so far, in order of the first order; `orders` are the exchange's."""
    started = sorted((m for m in metaorders if m["ids"]), key=lambda m: int(m["ts_first"]))
    found = []
    for number, row in enumerate(started, 1):
        resting = orders[row["slot"]] if row["slot"] >= 0 else None
        left = 0 if resting is None else int(resting["size"]) + int(resting["hidden"])
        executed = int(row["done"]) + int(row["placed"]) - left
        found.append(_label(number, row, specs[row["instrument"]], executed))
    return found


def _label(number: int, row: NDArray[np.void], spec: InstrumentSpec, executed: int) -> Label:
    kind = int(row["kind"])
    return Label(
        who=f"institution-{number}",
        kind=KIND_NAMES[kind],
        root=spec.root,
        symbol=spec.symbol,
        instrument_id=spec.instrument_id,
        side="buy" if row["side"] == BID else "sell",
        size=0 if kind in (SWEEP, STOP_RUN) else int(row["size"]),
        executed=executed,
        ts_start=str(row["ts_first"]),
        ts_end=str(row["ts_last"]),
        order_ids=tuple(map(str, row["order_ids"][: row["ids"]])),
    )


def write_labels(table: Iterable[Label], path: Path) -> None:
    """One JSON object per line and metaorder."""
    path.write_bytes(b"".join(orjson.dumps(asdict(label)) + b"\n" for label in table))

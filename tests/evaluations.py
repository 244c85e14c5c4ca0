"""Evaluation rows in a test, from what matters about them.

A market is a list of rows, each made by `execution`, `pane` or `fault` with defaults for what is
not told; `evaluations` puts them, with their windows, baseline and quality, into one item. Times
are seconds after `START_NS`, prices are points.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.model.evaluations import (
    DIRTY,
    EVAL_DTYPE,
    EXECUTION,
    FAULT,
    FILL_DTYPE,
    JUDGED,
    NEW,
    OPENED,
    PANE,
    WINDOW_SUMS,
    WINDOWS_S,
)
from operators.model.items import Evaluations, Findings
from operators.model.records import NS_PER_S, PRICE_SCALE
from operators.model.streams import Flowing

FEED = "test"
START_NS = 1_703_516_400 * NS_PER_S
"""2023-12-25 15:00 UTC."""
BID, ASK = 4810.00, 4810.25


@dataclass(frozen=True)
class Row:
    """One evaluation row and what stands beside it."""

    fields: dict[str, Any]
    fills: tuple[dict[str, Any], ...] = ()
    windows: dict[int, dict[str, int]] = field(default_factory=dict)
    """Window in s → sums over it."""
    mids2: dict[int, int] = field(default_factory=dict)
    z: dict[str, float] = field(default_factory=dict)
    tail_p: dict[str, float] = field(default_factory=dict)
    quality: float = 1.0
    sessions: int = 0


def e9(price: float) -> int:
    """Points → 1e-9."""
    return round(price * PRICE_SCALE)


def ns(s: float) -> int:
    """Seconds after the start → ns since the epoch."""
    return START_NS + round(s * NS_PER_S)


def fill(
    order_id: int,
    size: int,
    price: float = BID,
    *,
    side: int = 1,
    hidden: int = 0,
    hidden_total: int = 0,
    refills: int = 0,
    whole: int = 0,
    follows: int = 0,
) -> dict[str, Any]:
    """A passive fill; `side` is the resting order's."""
    return {
        "order_id": order_id,
        "price": e9(price),
        "size": size,
        "hidden": hidden,
        "hidden_total": hidden_total,
        "refills": refills,
        "whole": whole,
        "follows": follows,
        "side": side,
    }


def execution(
    s: float,
    side: int,
    size: int,
    *,
    price: float | None = None,
    levels: int = 1,
    tick: float = 0.25,
    fills: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> Row:
    """An aggressor order that took `levels` prices from `price` (the touch) onwards."""
    first = (ASK if side > 0 else BID) if price is None else price
    fields = {
        "kind": EXECUTION,
        "aggressor": NEW,
        "side": side,
        "size": size,
        "levels": levels,
        "price_first": e9(first),
        "price_last": e9(first + side * tick * (levels - 1)),
        "hidden": sum(f["hidden"] for f in fills),
        "refills": sum(f["hidden"] > 0 for f in fills),
    }
    return _row(s, fields, tuple(fills), more)


def pane(s: float, **more: Any) -> Row:
    """The close of a one-second pane at `s`."""
    return _row(s, {"kind": PANE}, (), more)


def fault(s: float, *, dirty: bool = True, **more: Any) -> Row:
    """The book turned dirty, or sound."""
    return _row(s, {"kind": FAULT, "dirty": dirty, "aggressor": 7 if dirty else 0}, (), more)


def evaluations(rows: Iterable[Row], roots: tuple[str, ...] = ("ES", "NQ")) -> Evaluations:
    """The rows as one item, read-only, as it leaves `baseline`."""
    rows = list(rows)
    table = np.zeros(len(rows), EVAL_DTYPE)
    windows = np.zeros((len(rows), len(WINDOWS_S), len(WINDOW_SUMS)), np.int64)
    mids2 = np.zeros((len(rows), len(WINDOWS_S)), np.int64)
    z = np.full((len(rows), len(JUDGED)), np.nan)
    tail_p = np.full((len(rows), len(JUDGED)), np.nan)
    fills = np.zeros(sum(len(row.fills) for row in rows), FILL_DTYPE)
    filled = 0
    for name in {name for row in rows for name in row.fields}:
        none = np.zeros(EVAL_DTYPE[name].shape, int).tolist()
        table[name] = [row.fields.get(name, none) for row in rows]
    for index, row in enumerate(rows):
        table["fill_first"][index], table["fill_stop"][index] = filled, filled + len(row.fills)
        for one in row.fills:
            fills[filled] = tuple([one[name] for name in FILL_DTYPE.names or ()])
            filled += 1
        for window, sums in row.windows.items():
            for name, value in sums.items():
                windows[index, WINDOWS_S.index(window), WINDOW_SUMS.index(name)] = value
        for window, value in row.mids2.items():
            mids2[index, WINDOWS_S.index(window)] = value
        for column, judged in ((z, row.z), (tail_p, row.tail_p)):
            for name, value in judged.items():
                column[index, JUDGED.index(name)] = value
    return Evaluations(
        feed=FEED,
        rows=_frozen(table),
        fills=_frozen(fills),
        roots=roots,
        windows=_frozen(windows),
        mids2=_frozen(mids2),
        quality=_frozen(np.array([row.quality for row in rows], np.float64)),
        z=_frozen(z),
        tail_p=_frozen(tail_p),
        sessions=_frozen(np.array([row.sessions for row in rows], np.int16)),
    )


def found_in(items: Iterable[Flowing]) -> list[Any]:
    """Evidence in the findings among `items`."""
    return [o.evidence for item in items if isinstance(item, Findings) for o in item.observations]


def _row(s: float, fields: dict[str, Any], fills: tuple[dict[str, Any], ...], more: Any) -> Row:
    more = dict(more)
    beside = {
        name: more.pop(name)
        for name in ("windows", "mids2", "z", "tail_p", "quality", "sessions")
        if name in more
    }
    dirty = more.pop("dirty", fields.pop("dirty", False))
    instrument_id = more.setdefault("instrument_id", 1)
    return Row(
        fields={
            "slot": instrument_id - 1,
            "state": OPENED | (DIRTY if dirty else 0),
            "ts_event": ns(s),
            "ts_recv": ns(s),
            "sequence_first": round(s * 1000),
            "sequence_last": round(s * 1000),
            "order_id": 7_000_000 + round(s * 1000),
            "bid_before": e9(BID),
            "ask_before": e9(ASK),
            "bid_size_before": 20,
            "ask_size_before": 20,
            "bid": e9(BID),
            "ask": e9(ASK),
            "bid_size": 20,
            "ask_size": 20,
            **fields,
            **more,
        },
        fills=fills,
        **beside,
    )


def _frozen(column: NDArray[Any]) -> NDArray[Any]:
    column.flags.writeable = False
    return column

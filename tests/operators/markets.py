"""Random markets as evaluation rows, hostile where a detector keeps state, and ways to cut them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from operators.model.evaluations import AUCTION, IMPLIED, NEW, STOP
from operators.model.items import Evaluations, Findings
from operators.model.streams import Flowing, Message
from tests.evaluations import ASK, BID, Row, e9, execution, fault, fill, pane


def market(seed: int, rows: int, instruments: int = 3) -> list[Row]:
    """Executions, panes and faults of several instruments of two roots, ES and NQ."""
    rng = np.random.default_rng(seed)
    s = 0.0
    out: list[Row] = []
    for _ in range(rows):
        s += float(
            rng.choice([0.0, 0.001, 0.004, 0.3, 1.0, 7.0], p=[0.2, 0.2, 0.2, 0.2, 0.18, 0.02])
        )
        instrument_id = int(rng.integers(1, instruments + 1))
        more: dict[str, Any] = {
            "instrument_id": instrument_id,
            "root": (instrument_id - 1) % 2,
            "quality": float(rng.choice([1.0, 0.9, 0.5], p=[0.8, 0.15, 0.05])),
            "sessions": 7,
            "dirty": bool(rng.random() < 0.03),
        }
        kind = rng.random()
        if kind < 0.02:
            out.append(fault(s, **{**more, "dirty": bool(rng.random() < 0.5)}))
        elif kind < 0.5:
            out.append(_pane(rng, s, more))
        else:
            out.append(_execution(rng, s, more))
    return out


def cut(item: Evaluations, places: Iterable[int]) -> list[Evaluations]:
    """The same rows as several items, cut before each of `places`."""
    edges = [0, *sorted({place for place in places if 0 < place < item.rows.size}), item.rows.size]
    return [_part(item, a, b) for a, b in zip(edges, edges[1:], strict=False)]


def messages(items: Iterable[Flowing]) -> dict[tuple[str, str], list[Any]]:
    """(stream, root) → values in order; observations count as a stream of their own."""
    streams: dict[tuple[str, str], list[Any]] = {}
    for item in items:
        if isinstance(item, Message):
            streams.setdefault((item.stream, item.root), []).append((item.seq, item.value))
        elif isinstance(item, Findings):
            for one in item.observations:
                root = item.evaluations.roots[item.evaluations.rows["root"][one.row]]
                streams.setdefault(("observations", root), []).append(replace(one, row=0))
    return streams


def _part(item: Evaluations, start: int, stop: int) -> Evaluations:
    columns = ("windows", "mids2", "quality", "z", "tail_p", "sessions")
    parts = {name: getattr(item, name)[start:stop] for name in columns}
    return replace(item, rows=item.rows[start:stop], **parts)


def _pane(rng: np.random.Generator, s: float, more: dict[str, Any]) -> Row:
    warm = bool(rng.random() < 0.8)
    buy, sell = (int(v) for v in rng.integers(0, 200, 2))
    stops = [int(v) for v in rng.integers(0, 30, 2)] if rng.random() < 0.3 else [0, 0]
    return pane(
        s,
        **more,
        stop_buy=stops[0],
        stop_sell=stops[1],
        windows={5: {"buy": buy, "sell": sell}, 60: {"buy": sell, "sell": buy}},
        mids2={60: int(rng.choice([0, e9(BID) + e9(ASK), e9(BID) + e9(ASK) + e9(1)]))},
        z={
            "pressure_5": float(rng.normal(0.5, 2.0)),
            "absorption_60": float(rng.normal(0, 3)),
            "stops_5": 3.5,
        }
        if warm
        else {},
        tail_p={"stops_5": float(rng.choice([1e-4, 0.2])), "absorption_60": 0.01} if warm else {},
    )


def _execution(rng: np.random.Generator, s: float, more: dict[str, Any]) -> Row:
    side = int(rng.choice([1, -1]))
    kind = int(rng.choice([NEW, STOP, IMPLIED, AUCTION], p=[0.6, 0.3, 0.05, 0.05]))
    fills: Sequence[dict[str, Any]] = ()
    if rng.random() < 0.3:
        order, refills = int(rng.integers(1, 6)), int(rng.integers(1, 40))
        hidden = int(rng.integers(0, 10))
        fills = [
            fill(99, 1, side=-side),
            fill(
                order, 5, side=-side, hidden=hidden, hidden_total=3 * refills + hidden,
                refills=refills,
            ),
        ]  # fmt: skip
    warm = bool(rng.random() < 0.7)
    return execution(
        s,
        side if kind in (NEW, STOP) else 0,
        int(rng.integers(1, 160)),
        levels=int(rng.integers(1, 5)),
        price=(ASK if side > 0 else BID) + 0.25 * int(rng.integers(-2, 3)),
        aggressor=kind,
        fills=fills,
        z={"size": 3.0, "hidden": 4.0} if warm else {},
        tail_p={
            "size": float(rng.choice([1e-5, 5e-4, 0.3])),
            "hidden": float(rng.choice([1e-4, 0.3])),
        }
        if warm
        else {},
        **more,
    )

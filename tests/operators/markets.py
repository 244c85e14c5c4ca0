"""Random markets as evaluation rows, hostile where a detector keeps state, and ways to cut them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from operators.detect_config import DetectConfig
from operators.detectors.order_flow_config import OrderFlowConfig
from operators.detectors.quote_churn_config import QuoteChurnConfig
from operators.detectors.roll_config import RollConfig
from operators.detectors.signed_pressure_config import SignedPressureConfig
from operators.detectors.slicing_config import SlicingConfig
from operators.detectors.stop_run_config import StopRunConfig
from operators.detectors.synthetic_iceberg_config import SyntheticIcebergConfig
from operators.detectors.two_sided_config import TwoSidedConfig
from operators.model.evaluations import (
    AUCTION,
    DIRTY,
    FRONT,
    IMPLIED,
    NEW,
    OFI_LEVELS,
    OPENED,
    OUTRIGHT,
    STOP,
)
from operators.model.items import Evaluations, Findings
from operators.model.streams import Flowing, Message
from tests.evaluations import ASK, BID, Row, e9, execution, fault, fill, pane

SENSITIVE = DetectConfig(
    signed_pressure=SignedPressureConfig(threshold=2.5),
    stop_run=StopRunConfig(count_min=1, size_min=1),
    order_flow=OrderFlowConfig(z_min=1.0, own_z_min=0.1, panes_min=30),
    slicing=SlicingConfig(p_max=0.49, orders_min=4, size_min=1),
    synthetic_iceberg=SyntheticIcebergConfig(tranches_min=2, p_max=0.4, burst=1.0),
    quote_churn=QuoteChurnConfig(ratio_min=2.0, balance_min=0.3, size_min=1),
    roll=RollConfig(size_min=50, balance_min=0.6),
    two_sided=TwoSidedConfig(balance_min=0.95),
)
"""In a random market every detector sees something."""


def market(seed: int, rows: int, instruments: int = 3) -> list[Row]:
    """Executions, panes and faults of several instruments of two roots, ES and NQ."""
    rng = Random(seed)
    s = 0.0
    out: list[Row] = []
    for _ in range(rows):
        s += rng.choice((0.0, 0.0, 0.001, 0.001, 0.004, 0.004, 0.3, 0.3, 1.0, 7.0))
        instrument_id = rng.randint(1, instruments)
        more: dict[str, Any] = {
            "instrument_id": instrument_id,
            "root": (instrument_id - 1) % 2,
            "quality": 0.5 if rng.random() < 0.05 else rng.choice((1.0, 1.0, 0.9)),
            "sessions": 7,
            "dirty": rng.random() < 0.03,
        }
        kind = rng.random()
        if kind < 0.02:
            out.append(fault(s, **{**more, "dirty": rng.random() < 0.5}))
        elif kind < 0.5:
            out.append(_pane(rng, s, more))
        else:
            out.append(_execution(rng, s, more))
    return out


def cut(item: Evaluations, places: Iterable[int]) -> list[Evaluations]:
    """The same rows as several items, cut before each of `places`."""
    edges = [0, *sorted({place for place in places if 0 < place < item.rows.size}), item.rows.size]
    return [_part(item, a, b) for a, b in pairwise(edges)]


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


def _pane(rng: Random, s: float, more: dict[str, Any]) -> Row:
    warm = rng.random() < 0.8
    buy, sell = rng.randrange(200), rng.randrange(200)
    stops = (rng.randrange(30), rng.randrange(30)) if rng.random() < 0.3 else (0, 0)
    mids2 = e9(BID) + e9(ASK)
    near = {name: rng.randrange(100) for name in ("add_bid", "add_ask")}
    near |= {name: rng.randrange(100) for name in ("cancel_bid", "cancel_ask")}
    near |= {"buy": rng.randrange(9), "ofi_1": rng.randrange(-99, 99)}
    flashes = {"flash_bid": rng.randrange(60), "flash_ask": rng.randrange(60)}
    more["state"] = OPENED | OUTRIGHT * (rng.random() < 0.7) | DIRTY * more.pop("dirty")
    more["state"] |= FRONT * (more["instrument_id"] <= 2)
    minute = {"hidden_bid": buy // 3, "hidden_ask": sell // 3}
    minute |= {"sweep_buy": sell // 3, "sweep_sell": buy // 3}
    return pane(
        s,
        **more,
        stop_buy=stops[0],
        stop_sell=stops[1],
        ofi=[rng.randrange(-20, 20) for _ in range(OFI_LEVELS)],
        windows={
            5: {"buy": buy, "sell": sell, **flashes},
            30: near,
            60: {"buy": sell, "sell": buy, **minute},
        },
        mids2={60: rng.choice((0, mids2, mids2 + e9(1)))},
        z={
            "pressure_5": rng.gauss(0.5, 2.0),
            "absorption_60": rng.gauss(0.0, 3.0),
            "stops_5": 3.5,
            "ofi_30": rng.gauss(0.0, 4.0),
        }
        if warm
        else {},
        tail_p={
            "stops_5": rng.choice((1e-4, 0.2)),
            "absorption_60": rng.choice((0.002, 0.002, 0.02)),
            "ofi_30": rng.choice((0.001, 0.02)),
            "volume_60": rng.choice((0.05, 0.4)),
            "cancel_60": rng.choice((0.01, 0.4)),
            "flash_5": rng.choice((0.001, 0.4)),
        }
        if warm
        else {},
    )


def _execution(rng: Random, s: float, more: dict[str, Any]) -> Row:
    side = rng.choice((1, -1))
    kind = rng.choice(
        (NEW, NEW, NEW, NEW, NEW, NEW, STOP, STOP, STOP, rng.choice((IMPLIED, AUCTION)))
    )
    fills: Sequence[dict[str, Any]] = ()
    if rng.random() < 0.3:
        refills, hidden = rng.randint(1, 40), rng.randrange(10)
        iceberg = fill(
            rng.randint(1, 5),
            5,
            side=-side,
            hidden=hidden,
            hidden_total=3 * refills + hidden,
            refills=refills,
        )
        fills = (fill(99, 1, side=-side), iceberg)
    elif rng.random() < 0.5:
        # Orders 1…9 fill to the last, one after another: some follow the one before.
        order_id = rng.randint(1, 9)
        follows = order_id - 1 if rng.random() < 0.7 else 0
        fills = (fill(order_id, 7, side=-side, whole=rng.choice((7, 70)), follows=follows),)
    warm = rng.random() < 0.7
    return execution(
        s,
        side if kind in (NEW, STOP) else 0,
        rng.randint(1, 160),
        levels=rng.randint(1, 4),
        price=(ASK if side > 0 else BID) + 0.25 * rng.randint(-2, 2),
        aggressor=kind,
        fills=fills,
        z={"size": 3.0, "hidden": 4.0} if warm else {},
        tail_p={"size": rng.choice((1e-5, 5e-4, 0.3)), "hidden": rng.choice((1e-4, 0.3))}
        if warm
        else {},
        **more,
    )

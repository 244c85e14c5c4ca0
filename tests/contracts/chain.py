"""The operators as a chain of plain objects, and what to compare of their outputs."""

import importlib
import pickle
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np

import operators
from config.calendar import load_calendar
from operators.analyze import Analyze
from operators.analyze_config import AnalyzeConfig
from operators.baseline import Baseline
from operators.baseline_config import BaselineConfig
from operators.book import Book
from operators.book_config import BookConfig
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.executions_config import ExecutionsConfig
from operators.model.evaluations import EXECUTION
from operators.model.items import Evaluations, Findings, MboRows
from operators.model.streams import Message
from operators.outcome import Outcome
from operators.outcome_config import OutcomeConfig
from operators.pressure import Pressure
from operators.pressure_config import PressureConfig
from operators.validate import Validate
from operators.validate_config import ValidateConfig
from tests.contracts.tapes import CALIBRATION, tape

CONFIGS: dict[str, Any] = {
    "Validate": ValidateConfig(),
    "Book": BookConfig(),
    "Pressure": PressureConfig(),
    "Baseline": BaselineConfig(calendar=load_calendar(), sessions_min=1),
    "Detect": DetectConfig(executions=ExecutionsConfig(size_min=20)),
    "Analyze": AnalyzeConfig(
        params="contracts", sample_every=2, control_every=5, calibration=CALIBRATION
    ),
    "Outcome": OutcomeConfig(calendar=load_calendar(), horizons_s=(1, 5, 30)),
}
CHAIN: tuple[Any, ...] = (Validate, Book, Pressure, Baseline, Detect, Analyze, Outcome)
"""In the order of the flow."""


def modules() -> list[Any]:
    """Every module of the core."""
    found = pkgutil.walk_packages(operators.__path__, "operators.")
    return [importlib.import_module(each.name) for each in found]


def classes(*methods: str) -> dict[str, type]:
    """Classes of the core that define these, by name."""
    return {
        name: value
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, type)
        and value.__module__ == module.__name__
        and all(method in vars(value) for method in methods)
    }


def made(kind: Any, state: Any = None) -> Any:
    """An operator with the config of the contracts."""
    return kind(CONFIGS[kind.__name__], state)


@cache
def input_of(kind: Any) -> list[Any]:
    """What the operator is given: the common tape after the operators before it."""
    place = CHAIN.index(kind)
    if place == 0:
        return tape()
    before = CHAIN[place - 1]
    return made(before).on_items(input_of(before))


def through(chain: Iterable[Any], items: list[Any]) -> list[Any]:
    """Output of a chain of operators."""
    for operator in chain:
        items = operator.on_items(items)
    return items


def rows_in(item: Any) -> int:
    """Rows of an item that may be cut, else 0."""
    if isinstance(item, Findings):
        item = item.evaluations
    return item.rows.size if isinstance(item, MboRows | Evaluations) else 0


def cut(items: Iterable[Any], lengths: Callable[[], int]) -> list[Any]:
    """The same items with their rows in pieces of `lengths()`."""
    out: list[Any] = []
    for item in items:
        first, stop = 0, rows_in(item)
        if stop == 0:
            out.append(item)
        while first < stop:
            last = min(first + lengths(), stop)
            out.append(_part(item, first, last))
            first = last
    return out


def _part(item: Any, first: int, stop: int) -> Any:
    if isinstance(item, MboRows):
        faults = None if item.faults is None else item.faults[first:stop]
        return MboRows(item.feed, item.rows[first:stop], faults)
    if isinstance(item, Findings):
        observations = tuple(
            replace(one, row=one.row - first)
            for one in item.observations
            if first <= one.row < stop
        )
        return Findings(_part(item.evaluations, first, stop), observations)
    columns = ("windows", "mids2", "quality", "z", "tail_p", "sessions")
    parts = {
        name: getattr(item, name)[first:stop] for name in columns if getattr(item, name) is not None
    }
    if item.depth is not None:
        depth = item.depth[(item.depth["row"] >= first) & (item.depth["row"] < stop)]
        depth["row"] -= first
        depth.flags.writeable = False
        parts["depth"] = depth if depth.size else None
    return replace(item, rows=item.rows[first:stop], **parts)


def told(items: Iterable[Any]) -> dict[str, Any]:
    """What an output says, whatever pieces it is in: columns joined, messages by stream."""
    columns: dict[str, list[bytes]] = {}
    out: dict[str, Any] = {}
    for item in items:
        if isinstance(item, Message):
            place = out.setdefault(f"{item.stream} of {item.root}", [])
            place.append((item.seq, item.value))
            continue
        evaluations = item.evaluations if isinstance(item, Findings) else item
        if isinstance(evaluations, MboRows | Evaluations):
            for name, values in _columns(evaluations).items():
                columns.setdefault(name, []).append(values)
        else:
            out.setdefault("others", []).append(item)
        if isinstance(item, Findings):
            for one in item.observations:
                row = _row(evaluations, one.row)
                out.setdefault("observations", []).append((row, replace(one, row=0)))
    return out | {name: b"".join(parts) for name, parts in columns.items()}


def _row(evaluations: Evaluations, index: int) -> tuple[int, ...]:
    row = evaluations.rows[index]
    return tuple(int(row[name]) for name in ("kind", "instrument_id", "ts_event", "sequence_last"))


def _columns(item: Any) -> dict[str, bytes]:
    """Bytes of each array; an execution's fills instead of their places."""
    if isinstance(item, MboRows):
        faults = b"" if item.faults is None else item.faults.tobytes()
        return {"rows": item.rows.tobytes(), "faults": faults}
    rows = item.rows.copy()
    own = [
        item.fills[row["fill_first"] : row["fill_stop"]] for row in rows[rows["kind"] == EXECUTION]
    ]
    rows["fill_first"] = rows["fill_stop"] = 0
    columns = {"rows": rows.tobytes(), "fills": b"".join(fills.tobytes() for fills in own)}
    if item.depth is not None:
        depth = item.depth.copy()
        depth["row"] = rows["sequence_last"][depth["row"]]
        columns["depth"] = depth.tobytes()
    for name in ("windows", "mids2", "quality", "z", "tail_p", "sessions"):
        if (values := getattr(item, name)) is not None:
            columns[name] = np.ascontiguousarray(values).tobytes()
    return columns


def pickled(value: Any) -> bytes:
    """Bytes of a snapshot as a recovery store holds it."""
    return pickle.dumps(value, protocol=5)


ORDERS = {"orders": 24, "orders_filled": 32}
"""Bytes of an order. They stand in the order of its table, which is not part of the state."""


def in_order(orders: bytes, size: int) -> list[bytes]:
    """The orders of a book, sorted."""
    return sorted(orders[at : at + size] for at in range(0, len(orders), size))


def same(value: Any) -> Any:
    """A snapshot in a form whose equality is that of the state."""
    if isinstance(value, dict):
        return {
            key: in_order(one, ORDERS[key]) if key in ORDERS else same(one)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [same(one) for one in value]
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    return value


def plain(value: Any) -> bool:
    """Is a snapshot made of plain data: numbers, text, bytes, tuples, dictionaries, arrays?"""
    if isinstance(value, dict):
        return all(plain(key) and plain(one) for key, one in value.items())
    if type(value) in (tuple, list):
        return all(plain(one) for one in value)
    if isinstance(value, np.ndarray):
        return value.dtype != object
    return value is None or isinstance(value, int | float | str | bytes | np.generic)


def arrays(value: Any) -> list[Any]:
    """Every array anywhere inside items or a snapshot."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        return [array for one in value.values() for array in arrays(one)]
    if isinstance(value, list | tuple):
        return [array for one in value for array in arrays(one)]
    if is_dataclass(value) and not isinstance(value, type):
        return [array for one in fields(value) for array in arrays(getattr(value, one.name))]
    return []

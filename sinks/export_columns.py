"""Columns of an exported table, made from the types in `operators/model/signals.py`.

In CSV an object's fields are columns of their own (`contract_symbol`) and a list is one cell of
JSON. In Parquet both keep their form. Instants are instants; prices are points, as decimal text in
JSON and CSV and as 64-bit floats in Parquet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args, get_origin

import orjson
import polars as pl

from operators.model.streams import VALUE_TYPES
from sinks.codec import hints_of, is_record, json_name, required, unit
from sinks.instants import instant_text

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so is a formula to a spreadsheet (OWASP, CSV injection)."""
PLACE: Final = ("generation", "root", "seq")
"""First columns of an event stream: they name a message within it."""
INSTANT: Final = pl.Datetime("ns", "UTC")

Cell = Callable[[Any], Any]
"""Turns a JSON value into what the csv module writes."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of CSV."""

    name: str
    path: tuple[str, ...]
    """Where its value is in the JSON object."""
    cell: Cell


def csv_columns(stream: str) -> list[Column]:
    """Columns of an event stream, the place first."""
    place = [
        Column("generation", ("generation",), text_cell),
        Column("root", ("root",), text_cell),
        Column("seq", ("seq",), _as_it_is),
    ]
    return place + [c for c in _columns(VALUE_TYPES[stream], ()) if c.name not in PLACE]


def text_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe stands before what may be."""
    return f"'{text}" if text.startswith(FORMULA) else text


@dataclass(frozen=True, slots=True)
class Types:
    """A polars type on the way from JSON to Parquet."""

    read: Any
    """As JSON has it: numbers that JSON would lose are text."""
    number: Any
    """These as numbers."""
    final: Any
    """Instants as instants."""


def parquet_types(stream: str) -> dict[str, Types]:
    """Column → its types, for an event stream, the place first."""
    place = {"generation": _same(pl.String), "root": _same(pl.String), "seq": _same(pl.Int64)}
    hints = hints_of(VALUE_TYPES[stream])
    return place | {
        json_name(name, hint): _types(hint) for name, hint in hints.items() if name not in PLACE
    }


def _columns(kind: type, path: tuple[str, ...]) -> Iterator[Column]:
    for field, hint in hints_of(kind).items():
        here = (*path, json_name(field, hint))
        inner = required(hint)
        if is_record(inner):
            yield from _columns(inner, here)
        else:
            yield Column("_".join(here), here, _cell(hint))


def _cell(hint: Any) -> Cell:
    inner = required(hint)
    match unit(hint):
        case "ts_ns":
            return _instant_cell
        case "order_id" | "price_e9":
            # Decimal text of a number: its minus is no formula.
            return _as_it_is
    if inner is bool:
        return _flag_cell
    if inner in (int, float):
        return _as_it_is
    if inner is str or get_origin(inner) is Literal:
        return text_cell
    return _json_cell


def _types(hint: Any) -> Types:
    inner = required(hint)
    match unit(hint):
        case "ts_ns":
            return Types(pl.String, pl.Int64, INSTANT)
        case "order_id":
            return Types(pl.String, pl.UInt64, pl.UInt64)
        case "price_e9":
            return Types(pl.String, pl.Float64, pl.Float64)
    if is_record(inner):
        fields = {json_name(name, h): _types(h) for name, h in hints_of(inner).items()}
        return Types(
            read=pl.Struct({name: types.read for name, types in fields.items()}),
            number=pl.Struct({name: types.number for name, types in fields.items()}),
            final=pl.Struct({name: types.final for name, types in fields.items()}),
        )
    if get_origin(inner) is tuple:
        item = _types(get_args(inner)[0])
        return Types(pl.List(item.read), pl.List(item.number), pl.List(item.final))
    if get_origin(inner) is Literal:
        return _same(pl.String)
    return _same({int: pl.Int64, float: pl.Float64, str: pl.String, bool: pl.Boolean}[inner])


def _same(kind: Any) -> Types:
    return Types(kind, kind, kind)


def _as_it_is(value: Any) -> Any:
    return value


def _instant_cell(value: str) -> str:
    return instant_text(int(value))


def _flag_cell(value: bool) -> str:
    return "true" if value else "false"


def _json_cell(value: Any) -> str:
    return orjson.dumps(value).decode()

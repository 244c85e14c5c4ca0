"""Pressure messages as a table: one row per instrument and second in which something happened.

A row per second, as the messages are: over ten seconds the short windows would be lost, and seconds
without change have no row. The levels of the book stay out. Prices are floats in points, volumes
and window sums contracts; `buy_30s` is `buy` of the window of 30 seconds.
"""

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from operators.model.streams import PRESSURE
from sinks.codec import hints_of, json_name, required, unit
from sinks.schema import schema

INSTRUMENTS: Final = "instruments"
LEFT_OUT: Final = ("levels", "windows")
LINES_LOOKED_AT: Final = 1_000
"""For the names of the windows, which every instrument has alike."""
COMPRESSION_LEVEL: Final = 3


def fixed_columns() -> dict[str, Any]:
    """Column → polars type, but for the windows."""
    from operators.model.signals import InstrumentPressure

    columns: dict[str, Any] = {"ts_event": pl.Datetime("ns", "UTC"), "generation": pl.String}
    for name, hint in hints_of(InstrumentPressure).items():
        if name not in LEFT_OUT:
            columns[json_name(name, hint)] = _type_of(hint)
    return columns


def table_of(messages: Path | bytes, generation: str) -> pl.LazyFrame | None:
    """The rows of messages, a line each, in their order; None if there are none."""
    windows = windows_of(_lines(messages))
    if windows is None:
        return None
    metrics = {window: pl.Struct(dict.fromkeys(names, pl.Int64)) for window, names in windows}
    fixed = fixed_columns()
    texts = [name for name, kind in fixed.items() if kind == pl.Float64 and name != "quality"]
    fields = {
        name: pl.String if name in texts else kind
        for name, kind in fixed.items()
        if name not in ("ts_event", "generation")
    }
    instrument = pl.Struct(fields | {"windows": pl.Struct(metrics)})
    frame = pl.scan_ndjson(
        messages, schema={"ts_event": pl.String, INSTRUMENTS: pl.List(instrument)}
    )
    rows = frame.explode(INSTRUMENTS).drop_nulls(INSTRUMENTS).unnest(INSTRUMENTS)
    window = pl.col("windows").struct
    return rows.select(
        pl.col("ts_event").cast(pl.Int64).cast(pl.Datetime("ns", "UTC")),
        pl.lit(generation).alias("generation"),
        *(pl.col(name).cast(fixed[name]) for name in fields),
        *(
            window.field(seconds).struct.field(name).alias(f"{name}_{seconds}s")
            for seconds, names in windows
            for name in names
        ),
    )


def write_table(file: Path, generation: str, target: Path) -> None:
    """Make the Parquet file of a file of messages; there whole or not at all.

    Raises:
        OSError, pl.exceptions.PolarsError: It cannot be read or written.
    """
    rows = table_of(file, generation)
    if rows is None:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        rows.sink_parquet(
            part, compression="zstd", compression_level=COMPRESSION_LEVEL, maintain_order=True
        )
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def windows_of(lines: Iterable[bytes]) -> list[tuple[str, list[str]]] | None:
    """(window in seconds, names of its sums), both in order, as the first instrument has them."""
    for line in islice(lines, LINES_LOOKED_AT):
        for instrument in orjson.loads(line)[INSTRUMENTS]:
            windows = sorted(instrument["windows"].items(), key=lambda one: int(one[0]))
            return [(seconds, sorted(sums)) for seconds, sums in windows]
    return None


def _lines(messages: Path | bytes) -> Iterable[bytes]:
    if isinstance(messages, bytes):
        yield from messages.splitlines()
        return
    with messages.open("rb") as opened:
        yield from opened


def _type_of(hint: Any) -> Any:
    if unit(hint) == "price_e9":
        return pl.Float64
    return {int: pl.Int64, str: pl.String, bool: pl.Boolean, float: pl.Float64}[required(hint)]


assert {"ts_event", INSTRUMENTS} <= schema(PRESSURE)["properties"].keys()

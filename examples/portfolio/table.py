"""The table of a portfolio: as text, CSV and Parquet."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from examples.checkpoint import replace_file
from examples.portfolio.attribution import COLUMNS, Row

SHOWN: Final = (
    "account",
    "symbol",
    "contracts",
    "exposure",
    "open_for",
    "open_against",
    "closed",
    "retracted",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def text_table(rows: Sequence[Row]) -> str:
    """The columns that fit a terminal, numbers right-aligned."""
    cells = [list(SHOWN), *([_shown(row[name]) for name in SHOWN] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(SHOWN))]
    lines = []
    for line in cells:
        parts = [
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """All columns; texts that a spreadsheet would take for formulas get a quote before them.

    Raises:
        ConsumerError: The file cannot be written.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    replace_file(path, out.getvalue().encode())


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """All columns, typed also where the table is empty.

    Raises:
        ConsumerError: The file cannot be written.
    """
    import polars as pl

    texts = dict.fromkeys(("account", "root", "symbol", "ts_last"), pl.String)
    counts = dict.fromkeys(
        ("open_for", "open_against", "closed", "retracted", "size_for", "size_against"), pl.Int64
    )
    schema = {name: texts.get(name) or counts.get(name) or pl.Float64 for name in COLUMNS}
    out = io.BytesIO()
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(out)
    replace_file(path, out.getvalue())


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if isinstance(value, float) else str(value)


def _safe(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if is_formula else value

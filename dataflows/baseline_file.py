"""Baselines as Parquet files: one row per non-empty bin, readable by any Parquet tool.

Columns: root, session (a date), class, bucket (of the exchange's day), metric, bin, count. The
file's metadata says what the numbers mean: the version of this form, bucket length, pseudo-count.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from operators.baseline_history import CLASS_NAMES, HISTORY_DTYPE, HistoryTable, table
from operators.model.errors import ConfigError

FORM_VERSION: Final = 1
_KEY: Final = "ifd_baseline"
_PLAIN: Final = {"session": pl.Date, "bucket": pl.UInt8, "bin": pl.Int16, "count": pl.UInt32}


def save_baseline(path: Path, history: HistoryTable) -> None:
    """Writes `history` to `path`, whole or not at all.

    Raises:
        ConfigError: The file cannot be written.
    """
    cells = history.cells
    frame = pl.DataFrame(
        {
            "root": _named(cells["root"], history.roots),
            "session": pl.Series(cells["session"], dtype=pl.Int32).cast(pl.Date),
            "class": _named(cells["class"], CLASS_NAMES),
            "bucket": cells["bucket"],
            "metric": _named(cells["metric"], history.metrics),
            "bin": cells["bin"],
            "count": cells["count"],
        }
    )
    about = {
        "version": FORM_VERSION,
        "bucket_s": history.bucket_s,
        "pseudo_size": history.pseudo_size,
        "metrics": history.metrics,
    }
    partial = path.with_name(f".{path.name}.partial")
    try:
        try:
            frame.write_parquet(partial, compression="zstd", metadata={_KEY: json.dumps(about)})
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"baseline {path} cannot be written: {_line(error)}") from error


def load_baseline(path: Path) -> HistoryTable:
    """Reads what `save_baseline` wrote.

    Raises:
        ConfigError: The file cannot be read, or is no baseline of a version this program knows.
    """
    if not path.is_file():
        raise ConfigError(f"baseline {path} cannot be read: there is no such file")
    try:
        metadata = pl.read_parquet_metadata(path)
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"baseline {path} cannot be read: {_line(error)}") from error
    if _KEY not in metadata:
        raise ConfigError(f"baseline {path} is a Parquet file, but not a baseline")
    try:
        return _history(frame, json.loads(metadata[_KEY]))
    except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise ConfigError(f"baseline {path} cannot be used: {_line(error)}") from error


def _history(frame: pl.DataFrame, about: dict[str, Any]) -> HistoryTable:
    if about["version"] != FORM_VERSION:
        raise ValueError(f"version was {about['version']}, expected {FORM_VERSION}")
    if missing := {"root", "class", "metric", *_PLAIN} - set(frame.columns):
        raise ValueError(f"columns lack {', '.join(sorted(missing))}")
    if frame.null_count().sum_horizontal().sum():
        raise ValueError("cells must not be empty")
    metrics = tuple(str(name) for name in about["metrics"])
    roots = tuple(sorted(frame["root"].cast(pl.String).unique().to_list()))
    cells = np.zeros(frame.height, HISTORY_DTYPE)
    for name, names in (("root", roots), ("class", CLASS_NAMES), ("metric", metrics)):
        known = frame[name].cast(pl.String).cast(pl.Enum(names))
        cells[name] = known.to_physical().to_numpy()
    for name, dtype in _PLAIN.items():
        cells[name] = frame[name].cast(dtype).to_physical().to_numpy()
    parts = [(root, cells[cells["root"] == number]) for number, root in enumerate(roots)]
    return table(parts, int(about["bucket_s"]), int(about["pseudo_size"]), metrics)


def _named(codes: NDArray[Any], names: tuple[str, ...]) -> pl.Series:
    return pl.Series(names, dtype=pl.Enum(names)).gather(codes.astype(np.uint32))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

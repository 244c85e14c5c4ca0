"""What a baseline file holds, for a person: per root, class and part of the day, what is normal."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from operators.baseline_history import CLASS_NAMES, HistoryTable
from operators.baseline_kernel import LOG_RATIO_SCALE
from operators.histogram import bin_bounds
from operators.model.errors import ConfigError

SHOWN: Final = ("pressure_60", "ofi_30", "absorption_60", "volume_60", "cancel_60", "size")
"""Metrics of the table unless others are asked for."""
_NORMAL_QUARTILES: Final = 1.349
"""Distance of a normal's quartiles in standard deviations."""


@dataclass(frozen=True, slots=True)
class Normal:
    """One metric in one part of the day."""

    count: int
    """Values."""
    median: float
    """In the metric's unit; pressure as a natural logarithm."""
    spread: float
    """Robust standard deviation: the quartiles' distance over 1.349."""


@dataclass(frozen=True, slots=True)
class BucketRow:
    """One part of the day of one root and class."""

    root: str
    instrument_class: str
    bucket: int
    begins: str
    """Local time of the exchange, HH:MM."""
    sessions: int
    """Sessions that have values here."""
    is_warm: bool
    metrics: dict[str, Normal]


def bucket_rows(
    history: HistoryTable, *, roll_s: int, sessions_min: int, root: str | None = None
) -> list[BucketRow]:
    """Rows by root, class and part of the exchange's day.

    Args:
        history: Of a file.
        roll_s: Local time at which the exchange's day begins, s after midnight.
        sessions_min: From so many sessions on a part of the day is warm.
        root: That one alone; None: all.

    Raises:
        ConfigError: The table does not have the root.
    """
    if root is not None and root not in history.roots:
        raise ConfigError(
            f"--root: expected one of {', '.join(history.roots) or 'none'}, found {root}"
        )
    cells = history.cells
    if root is not None:
        cells = cells[cells["root"] == history.roots.index(root)]
    cells = cells[
        np.lexsort([cells[name] for name in ("bin", "metric", "bucket", "class", "root")])
    ]
    rows = []
    for part in _runs(cells, ("root", "class", "bucket")):
        metrics = {
            history.metrics[of["metric"][0]]: _normal(of, history.metrics[of["metric"][0]])
            for of in _runs(part, ("metric",))
        }
        sessions = int(np.unique(part["session"]).size)
        bucket = int(part["bucket"][0])
        rows.append(
            BucketRow(
                history.roots[part["root"][0]],
                CLASS_NAMES[part["class"][0]],
                bucket,
                _clock(roll_s + bucket * history.bucket_s),
                sessions,
                sessions >= sessions_min,
                metrics,
            )
        )
    return rows


def table_text(history: HistoryTable, rows: list[BucketRow], metrics: tuple[str, ...]) -> str:
    """A table for each root and class; a cell is `median ± spread`.

    Raises:
        ConfigError: A metric is none of the table's.
    """
    for name in metrics:
        if name not in history.metrics:
            raise ConfigError(
                f"--metric: expected one of {', '.join(history.metrics)}, found {name}"
            )
    lines: list[str] = []
    before = ("", "")
    for row in rows:
        if (row.root, row.instrument_class) != before:
            before = row.root, row.instrument_class
            lines += _heading(history, row, metrics)
        cells = "".join(f"{_cell(row.metrics.get(name)):>22}" for name in metrics)
        warmth = "warm" if row.is_warm else "warming"
        lines.append(f"{row.begins:<8}{row.sessions:>8}  {warmth:<8}{cells}")
    return "\n".join(lines)


def json_object(history: HistoryTable, rows: list[BucketRow]) -> dict[str, Any]:
    """All of it for a program; floats have six decimals."""
    return {
        "bucket_s": history.bucket_s,
        "roots": {
            root: {
                "sessions": _days(history, root),
                "rows": [_plain(row) for row in rows if row.root == root],
            }
            for root in dict.fromkeys(row.root for row in rows)
        },
    }


def _heading(history: HistoryTable, row: BucketRow, metrics: tuple[str, ...]) -> list[str]:
    days = _days(history, row.root)
    count = f"{len(days)} {'session' if len(days) == 1 else 'sessions'}"
    title = f"{row.root} {row.instrument_class}: {count}, {days[0]} to {days[-1]}"
    names = "".join(f"{name:>22}" for name in metrics)
    return ["", title, f"{'begins':<8}{'sessions':>8}  {'state':<8}{names}"]


def _days(history: HistoryTable, root: str) -> list[str]:
    return [str(day) for day in np.array(history.sessions(root), "datetime64[D]")]


def _plain(row: BucketRow) -> dict[str, Any]:
    return {
        "class": row.instrument_class,
        "bucket": row.bucket,
        "begins": row.begins,
        "sessions": row.sessions,
        "state": "WARM" if row.is_warm else "WARMING",
        "metrics": {
            name: {
                "count": of.count,
                "median": round(of.median, 6),
                "spread": round(of.spread, 6),
            }
            for name, of in row.metrics.items()
        },
    }


def _normal(cells: NDArray[Any], metric: str) -> Normal:
    """Of the cells of one metric, ascending by bin; those of several sessions."""
    below = np.cumsum(cells["count"], dtype=np.int64)
    count = int(below[-1])

    def quantile(rank: int) -> float:
        return sum(bin_bounds(int(cells["bin"][np.searchsorted(below, rank)]))) / 2

    quarter = (count + 3) // 4
    unit = LOG_RATIO_SCALE if metric.startswith("pressure_") else 1
    median = (quantile((count + 1) // 2) + quantile(count // 2 + 1)) / 2
    spread = (quantile(count + 1 - quarter) - quantile(quarter)) / _NORMAL_QUARTILES
    return Normal(count, median / unit, spread / unit)


def _runs(cells: NDArray[Any], names: tuple[str, ...]) -> list[NDArray[Any]]:
    """Stretches of sorted cells that agree in these fields."""
    if not cells.size:
        return []
    keys = np.stack([cells[name].astype(np.int64) for name in names])
    changes = np.flatnonzero(np.any(np.diff(keys, axis=1) != 0, axis=0)) + 1
    return list(np.split(cells, changes))


def _cell(normal: Normal | None) -> str:
    return "–" if normal is None else f"{_number(normal.median)} ± {_number(normal.spread)}"


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _clock(second: int) -> str:
    minutes = second // 60 % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"

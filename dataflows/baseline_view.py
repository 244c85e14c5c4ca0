"""A baseline file as the API shows it: per class, part of the day and metric, its quantiles."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dataflows.baseline_file import load_baseline
from operators.baseline_history import CLASS_NAMES, HistoryTable
from operators.histogram import bin_bounds
from sinks.relay.api.baselines import BaselineRow, RootBaseline

SHARES: Final = (0.01, 0.25, 0.5, 0.75, 0.99)
ROOTS_KEPT: Final = 32
"""Roots whose view is kept; the one longest unasked is made again."""


def baseline_of(path: Path) -> Callable[[str], RootBaseline | None]:
    """Root → its part of the file, which is read when the first root is asked for.

    What it returns may be called from several threads and raises ConfigError if the file cannot be
    read.
    """

    @lru_cache(maxsize=1)
    def history() -> HistoryTable:
        return load_baseline(path)

    @lru_cache(maxsize=ROOTS_KEPT)
    def view(root: str) -> RootBaseline:
        return root_baseline(history(), root)

    # Roots that the file does not have are told apart before anything is kept for them.
    return lambda root: view(root) if root in history().roots else None


def root_baseline(history: HistoryTable, root: str) -> RootBaseline:
    """What is normal for a root of the table."""
    cells = history.cells[history.cells["root"] == history.roots.index(root)]
    cells = cells[np.lexsort([cells[name] for name in ("bin", "metric", "bucket", "class")])]
    keys = np.stack([cells[name].astype(np.int64) for name in ("class", "bucket", "metric")])
    changes = np.flatnonzero(np.any(np.diff(keys, axis=1) != 0, axis=0)) + 1
    parts = np.split(cells, changes) if cells.size else []
    days = np.array(history.sessions(root), "datetime64[D]")
    return RootBaseline(
        root=root,
        sessions=tuple(str(day) for day in days),
        bucket_s=history.bucket_s,
        rows=tuple(_row(part, history.metrics) for part in parts),
    )


def _row(part: NDArray[Any], metrics: tuple[str, ...]) -> BaselineRow:
    """One row of the cells of one class, bucket and metric, ascending by bin."""
    below = np.cumsum(part["count"], dtype=np.int64)
    count = int(below[-1])
    ranks = [max(1, int(np.ceil(share * count))) for share in SHARES]
    bins = part["bin"][np.searchsorted(below, ranks)].tolist()
    q01, q25, median, q75, q99 = (sum(bin_bounds(number)) / 2 for number in bins)
    return BaselineRow(
        instrument_class=CLASS_NAMES[part["class"][0]],
        bucket=int(part["bucket"][0]),
        metric=metrics[part["metric"][0]],
        count=count,
        q01=q01,
        q25=q25,
        median=median,
        q75=q75,
        q99=q99,
    )

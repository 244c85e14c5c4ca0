"""Validate: what the wire itself says about each record, before any book.

In: `MboRows` without faults. Out: the same with WIRE_* bits per row and without duplicates; every
other item unchanged.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from operators import idmap
from operators import validate_kernel as kernel
from operators.model.evaluations import WIRE_NAMES
from operators.model.items import MboRows, Report
from operators.model.streams import Flowing
from operators.validate_config import ValidateConfig

_SLOTS_MIN = 64


class Validate:
    """Judge each record against the last ones of its instrument; remove exact duplicates.

    Per instrument of a feed: last sequence, ts_recv and closed event, whether an event is open, and
    the hashes of recent records. State: at most `instruments_max` of 320 bytes, in a snapshot too.

    A jump of `sequence` is no fault: it counts packets of the whole channel, and a filtered stream
    sees some of them. Records of a snapshot tell no times. A clear begins a new life.

    A duplicate is a record whose hash is among the recent ones of its instrument and which belongs
    to an event already closed, or equals the record just before it; fills, and trades without an
    order id, may rightly repeat within an event. A replay longer than the memory shows as sequence
    faults instead.

    References:
        Databento, `mbo` schema and flags; CME MDP 3.0 market data incremental refresh.
    """

    STATE_VERSION: ClassVar[int] = 1

    def __init__(self, config: ValidateConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._limits = np.array(
            [
                config.size_max,
                config.tolerance_ns,
                config.latency_ns_max,
                config.ahead_ns_max,
                config.instruments_max,
            ],
            np.uint64,
        )
        self._feeds: list[str] = []
        self._ids = idmap.empty_map()
        self._seen = np.zeros(0, kernel.SEEN_DTYPE)
        self._recent = np.zeros((0, kernel.RECENT), np.uint64)
        self._counts = np.zeros(kernel.COUNTS, np.int64)
        self._latencies = np.zeros(kernel.LATENCY_BINS, np.int64)
        self._hold(_SLOTS_MIN)
        if state is not None:
            self._restore(state)

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of the shard in feed order → the same, records with faults noted."""
        out: list[Flowing] = []
        for item in items:
            if not isinstance(item, MboRows):
                out.append(item)
            elif item.rows.size:
                assert item.faults is None, "records are validated once"
                checked = self._checked(item)
                if checked.rows.size:
                    out.append(checked)
        return out

    def snapshot(self) -> dict[str, Any]:
        """Copied plain data: one line per instrument known, counters and latencies."""
        used = int(self._counts[kernel.USED])
        taken = self._ids[self._ids[:, 0] != 0]
        keys = np.empty(used, np.int64)
        keys[taken[:, 1]] = taken[:, 0] - 1
        return {
            "feeds": tuple(self._feeds),
            "keys": keys,
            "seen": self._seen[:used].copy(),
            "recent": self._recent[:used].copy(),
            "counts": self._counts.copy(),
            "latencies": self._latencies.copy(),
        }

    def report(self) -> Report:
        """Totals per kind; percentiles of ts_recv − ts_event, as ends of quarter-octave bins."""
        counts = self._counts
        return Report(
            "validate",
            {
                "records": int(counts[kernel.RECORDS]),
                "duplicates": int(counts[kernel.DUPLICATES]),
                **{name: int(counts[index]) for index, name in enumerate(WIRE_NAMES)},
                "refused": int(counts[kernel.REFUSED]),
                "instruments": int(counts[kernel.USED]),
                "latency_ns_p50": percentile_ns(self._latencies, 50),
                "latency_ns_p99": percentile_ns(self._latencies, 99),
                "latency_bins": self._latencies.tolist(),
            },
        )

    def _checked(self, item: MboRows) -> MboRows:
        rows = item.rows
        self._counts[kernel.RECORDS] += rows.size
        removed = self._removed()
        faults = self._faults(rows.view(kernel.WORDS_DTYPE), self._feed(item.feed))
        if self._removed() > removed:
            keep = faults != kernel.REMOVED
            rows, faults = rows[keep], faults[keep]
            rows.flags.writeable = False
        faults.flags.writeable = False
        return MboRows(item.feed, rows, faults)

    def _removed(self) -> int:
        return int(self._counts[kernel.DUPLICATES] + self._counts[kernel.REFUSED])

    def _faults(self, rows: NDArray[np.void], feed: int) -> NDArray[np.uint16]:
        faults = np.empty(rows.size, np.uint16)
        start = 0
        while True:
            start = kernel.check_rows(
                rows,
                faults,
                start,
                feed,
                self._limits,
                self._ids,
                self._seen,
                self._recent,
                self._counts,
                self._latencies,
            )
            if start == rows.size:
                return faults
            self._hold(2 * self._seen.shape[0])

    def _feed(self, feed: str) -> int:
        if feed not in self._feeds:
            self._feeds.append(feed)
        return self._feeds.index(feed)

    def _hold(self, slots: int) -> None:
        """Make room for so many instruments, or for as many as are allowed."""
        slots = min(slots, self._config.instruments_max)
        more = slots - self._seen.size
        self._seen = np.concatenate([self._seen, np.zeros(more, kernel.SEEN_DTYPE)])
        self._recent = np.concatenate([self._recent, np.zeros((more, kernel.RECENT), np.uint64)])
        self._ids = idmap.roomy(self._ids, slots)

    def _restore(self, state: dict[str, Any]) -> None:
        self._feeds = list(state["feeds"])
        self._counts = state["counts"].copy()
        self._latencies = state["latencies"].copy()
        used = int(self._counts[kernel.USED])
        self._hold(max(used, self._seen.size))
        self._seen[:used] = state["seen"]
        self._recent[:used] = state["recent"]
        for slot, key in enumerate(state["keys"]):
            idmap.insert(self._ids, key, np.int64(slot))


def percentile_ns(bins: NDArray[np.int64], percent: int) -> int | None:
    """Upper end, ns, of the bin in which that share of the records is reached; None without any."""
    total = int(bins.sum())
    if not total:
        return None
    rank = -(-total * percent // 100)
    exponent, quarter = divmod(int(np.searchsorted(np.cumsum(bins), rank)), 4)
    return max(((5 + quarter) << exponent >> 2) - 2, 0)

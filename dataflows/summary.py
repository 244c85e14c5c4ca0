"""What a replay amounts to: counts, books and the digest of its event streams, per shard.

A sink like any other, so that a summary means the same on one worker and on many: each shard's
part ends in a small file, and the files are put together when all workers are done.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.model.errors import StateError
from operators.model.hashing import shard_key
from operators.model.items import Report
from operators.model.prices import price_text
from operators.model.streams import EVENT_STREAMS, SIGNALS, Flowing, Message
from operators.validate import percentile_ns
from sinks.codec import encode
from sinks.digest import Chains, Digest

_EXECUTIONS: Final = (
    "trades",
    "aggressors",
    "swept_2",
    "swept_3_or_more",
    "stops",
    "iceberg_refills",
    "iceberg_orders",
    "hidden_size",
    "traded_size",
)


class SummarySink(FixedPartitionedSink[Flowing, dict[str, Any]]):
    """Writes `<shard>.json` into `directory` for each shard that saw anything.

    Delivery: effectively once, because the digest is in the snapshot. Unit of parallelism: shard.
    """

    def __init__(self, directory: Path, shards: int) -> None:
        self._directory = directory
        self._parts = [shard_key(shard) for shard in range(shards)]

    def list_parts(self) -> list[str]:
        """One part per shard."""
        return self._parts

    def part_fn(self, item_key: str) -> int:
        """The key of a shard is its number."""
        return int(item_key)

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "SummaryPart":
        """Go on counting from the snapshot."""
        return SummaryPart(self._directory / f"{for_part}.json", resume_state)


class SummaryPart(StatefulSinkPartition[Flowing, dict[str, Any]]):
    """Counts of one shard. State: a hash and a few numbers per (stream, root)."""

    def __init__(self, file: Path, state: dict[str, Any] | None) -> None:
        self._file = file
        self._digest = Digest(None if state is None else state["digest"])
        self._counts: dict[str, int] = {} if state is None else dict(state["counts"])
        self._reports: dict[str, dict[str, Any]] = {}

    def write_batch(self, items: list[Flowing]) -> None:
        """Count and hash messages of event streams; keep reports."""
        for item in items:
            if isinstance(item, Report):
                self._reports[item.step] = item.facts
            elif isinstance(item, Message) and item.stream in EVENT_STREAMS:
                self._counts[item.stream] = self._counts.get(item.stream, 0) + 1
                self._digest.add(item.stream, item.root, encode(item))

    def snapshot(self) -> dict[str, Any]:
        """Digest and counts."""
        return {"digest": self._digest.snapshot(), "counts": dict(self._counts)}

    def close(self) -> None:
        """Leave the part where `collect` finds it."""
        chains, count = self._digest.snapshot()
        part = {
            "chains": [(*key, chain.hex()) for key, chain in chains.items()],
            "messages": count,
            "counts": self._counts,
            "reports": self._reports,
        }
        self._file.write_text(json.dumps(part, default=_plain))


def collect(directory: Path) -> dict[str, Any]:
    """The summary of all parts in `directory`, but for the source's own figures.

    Raises:
        StateError: a part cannot be read.
    """
    parts = [_read(file) for file in sorted(directory.glob("[0-9]*.json"))]
    books = [part["reports"].get("book", {}) for part in parts]
    digest = Digest.combine(_digest_state(part) for part in parts)
    instruments: dict[str, Any] = {}
    for book in books:
        for instrument_id, facts in book.get("instruments", {}).items():
            instruments[instrument_id] = _shown(facts)
    return {
        "records": sum(book.get("records", 0) for book in books),
        "instruments": dict(sorted(instruments.items(), key=lambda pair: int(pair[0]))),
        "executions": {name: sum(book.get(name, 0) for book in books) for name in _EXECUTIONS},
        "quality": _quality(part["reports"].get("validate", {}) for part in parts),
        "signals": {
            "count": sum(part["counts"].get(SIGNALS, 0) for part in parts),
            "digest": digest.hex(),
        },
        "outcomes": _outcomes(part["reports"].get("outcome", {}) for part in parts),
        "streams": {s: sum(part["counts"].get(s, 0) for part in parts) for s in EVENT_STREAMS},
    }


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in facts.items() if name != "symbol"}
    for name in ("best_bid", "best_ask"):
        shown[name] = None if facts[name] is None else price_text(facts[name], decimals_min=2)
    return shown


def _quality(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts of wire facts added up, and the latency percentiles of all records together."""
    total: dict[str, Any] = {}
    bins = np.zeros(0, np.int64)
    for part in parts:
        for name, value in part.items():
            if name == "latency_bins":
                bins = np.asarray(value, np.int64) + (bins if bins.size else 0)
            elif not name.startswith("latency_"):
                total[name] = total.get(name, 0) + value
    for percent in (50, 99):
        total[f"latency_ns_p{percent}"] = percentile_ns(bins, percent)
    return total


def _outcomes(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """How many outcomes are known, and why others are not; what was still waited for at the end."""
    total: dict[str, Any] = {"known": 0, "pending": 0, "unknown": {}, "scores": {}}
    for part in parts:
        for name in ("known", "pending"):
            total[name] += part.get(name, 0)
        for why, count in part.get("unknown", {}).items():
            total["unknown"][why] = total["unknown"].get(why, 0) + count
        total["scores"] |= part.get("scores", {})
    return total


def _digest_state(part: dict[str, Any]) -> tuple[Chains, int]:
    chains = {(root, stream): bytes.fromhex(chain) for root, stream, chain in part["chains"]}
    return chains, part["messages"]


def _read(file: Path) -> dict[str, Any]:
    try:
        part: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise StateError(f"{file}: expected part of a summary, found: {error}") from error
    return part


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else list(value)

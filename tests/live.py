"""Live dataflows in this process: from a gateway through the whole chain, until enough has come."""

import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bytewax.recovery import RecoveryConfig
from bytewax.testing import cluster_main, run_main

from config.calendar import load_calendar
from config.calibration import load_calibration
from config.settings import Settings, load_settings
from connectors.databento.live_feed import Outside
from connectors.databento.source import LivePartition, LiveParts, LiveSource
from connectors.databento.week import Week
from connectors.dbn_file import Hooks
from dataflows.detect import build
from dataflows.edges import roots_of
from dataflows.summary import SummarySink, collect
from operators.model.errors import FeedError
from operators.model.signals import FeedStatus
from operators.model.streams import STATUS, Message

DEADLINE_S = float(os.environ.get("IFD_SOAK_DEADLINE_S", "60"))
SHARDS = 4
QUICK = Outside(silence_s=0.5, connects_per_s=1_000_000)
"""Silence is told soon, and nobody counts connections."""


@dataclass
class Ran:
    """What came of a run."""

    summary: dict[str, Any]
    states: list[FeedStatus]
    faults: list[FeedError]
    records: int
    others: dict[str, int]
    reconnects: int
    repeated: int
    spooled: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """Of the event streams."""
        return str(self.summary["signals"]["digest"])


class Watched(LiveSource):
    """A live source that shows its partitions."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.built: list[LivePartition] = []
        self.states: list[FeedStatus] = []

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> LivePartition:
        part = super().build_part(step_id, for_part, resume_state)
        self.built.append(part)
        whole = part.next_batch

        def next_batch() -> Any:
            out = whole()
            for _, item in out:
                if isinstance(item, Message) and item.stream == STATUS:
                    self.states.append(item.value)  # type: ignore[arg-type]
            return out

        part.next_batch = next_batch  # type: ignore[method-assign]
        return part


def live_settings(folder: Path, host: str, port: int, key: str, **given: Any) -> Settings:
    """Settings of one feed `glbx`; what is given goes to the feed, or with a dot anywhere."""
    feed = {
        "symbols": ("ALL_SYMBOLS",),
        "host": host,
        "port": port,
        "subscriptions_per_s": 1_000,
        "backoff_least_ms": 0,
        "backoff_first_ms": 1,
        "backoff_most_ms": 10,
        "attempts_max": 1_000_000,
        "auth_timeout_s": 1.0,
        "first_start": "replay",
    }
    words: dict[str, Any] = {
        "live.key": key,
        "tape.directory": str(folder / "tape"),
        "tape.reserve_bytes": 0,
        "tape.reserve_bytes_min": 0,
        "flow.shards": SHARDS,
    }
    for name, value in {**feed, **given}.items():
        words[name if "." in name else f"live.feeds.glbx.{name}"] = value
    settings = load_settings(words, environ={}, dotenv=Path("none"))
    # A profile may have feeds of its own.
    live = replace(settings.live, feeds={"glbx": settings.live.feeds["glbx"]})
    return settings.model_copy(update={"live": live})


def live_source(
    settings: Settings, hooks: Hooks, outside: Outside = QUICK, life: str = ""
) -> Watched:
    """The source that the settings name."""
    calendar = load_calendar()
    week = Week(offset_s=calendar.offset_s, changes=calendar.changes)
    parts = LiveParts(
        tape=settings.tape, roots=roots_of(settings), week=week, life=life, outside=outside,
        calibration=load_calibration(settings.analyze.weights).version,
        calibration_file=settings.live.calibration_file,
    )  # fmt: skip
    return Watched(settings.live, parts, hooks)


def run_live(
    folder: Path,
    settings: Settings,
    until: Callable[[LivePartition], bool],
    *,
    outside: Outside = QUICK,
    workers: int = 1,
    recovery: RecoveryConfig | None = None,
    life: str = "",
    epoch_s: float = 1.0,
    deadline_s: float = DEADLINE_S,
    may_read: Callable[[], bool] = lambda: True,
) -> Ran:
    """Run the chain until a condition on the partition holds; it must in time."""
    folder.mkdir(parents=True, exist_ok=True)
    faults: list[FeedError] = []
    end_s = time.monotonic() + deadline_s
    late: list[str] = []
    source: Watched

    def stop() -> bool:
        if time.monotonic() > end_s:
            late.append("late")
            return True
        return bool(source.built) and until(source.built[-1])

    hooks = Hooks(stop=stop, on_fault=faults.append, may_read=may_read)
    source = live_source(settings, hooks, outside, life)
    sinks = {"summary": SummarySink(folder, SHARDS)}
    flow = build(settings, source, sinks, reports=True)
    words = {"epoch_interval": timedelta(seconds=epoch_s), "recovery_config": recovery}
    try:
        if workers == 1:
            run_main(flow, **words)  # type: ignore[arg-type]
        else:
            cluster_main(flow, [], 0, worker_count_per_proc=workers, **words)  # type: ignore[arg-type]
    finally:
        for part in source.built:
            part.close()
    assert source.built
    part = source.built[-1]
    feed = part.feed
    ran = Ran(
        summary=collect(folder),
        states=source.states,
        faults=faults,
        records=part.intake.counts.records,
        others=dict(part.intake.counts.others),
        reconnects=0 if feed is None else feed.session.reconnects,
        repeated=0 if feed is None else feed.repeated,
    )
    assert not late, f"not within {deadline_s} s: {source.states[-1:]} {part.intake.counts}"
    del flow, part, feed
    source.built.clear()
    gc.collect()
    return ran


def has_records(count: int) -> Callable[[LivePartition], bool]:
    """Until so many market-by-order records have been given out."""
    return lambda part: part.intake.counts.records >= count


def tape_of(folder: Path) -> Path:
    """Folder of the feed's tape."""
    return folder / "tape" / "glbx"


def segments(folder: Path) -> Sequence[Path]:
    """Its segments, in order; for tapes so short that none is compressed."""
    return sorted(tape_of(folder).glob("segment-*.dbn"))

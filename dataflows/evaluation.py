"""Tapes through the real chain, for the evaluation: every engine sees what ours sees."""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import run_main

from config.settings import Settings, load_settings
from connectors.dbn_file import Hooks, Progress
from dataflows.detect import build
from dataflows.edges import file_source, heard
from dataflows.quiet import quiet_engine
from dataflows.warmup import warm_up
from evaluation.alarms import Scores
from evaluation.engines.ifd import Ifd
from evaluation.engines.v3_reference import V3Reference
from evaluation.engines.z2 import Z2
from evaluation.evidence import EvidenceCollector, Seen, Turn
from evaluation.facts import FactsCollector, TapeFacts
from evaluation.report import EngineSpec
from operators.baseline_history import HistoryTable, merge
from operators.model.errors import IfdError
from operators.model.hashing import shard_key
from operators.model.signals import Outcome
from operators.model.streams import Flowing, Message

Engine = Ifd | V3Reference | Z2
ENGINES: Final[tuple[type[Engine], ...]] = (Ifd, V3Reference, Z2)
SPECS: Final = tuple(
    EngineSpec(name=e.NAME, threshold=e.THRESHOLD, thresholds=e.THRESHOLDS, text=e.TEXT)
    for e in ENGINES
)


@dataclass(slots=True)
class Past:
    """What is known before the tapes that are evaluated: of our chain and of the formula."""

    baseline: HistoryTable | None = None
    v3: V3Reference = field(default_factory=V3Reference)
    sessions: int = 0
    """Tapes of history that went into it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one tape."""

    facts: TapeFacts
    scores: dict[str, Scores]
    seen: tuple[Seen, ...]
    """Evidence, in its order, before it was weighed."""
    turns: tuple[Turn, ...]
    """When markets became busier or quieter."""
    points: tuple[Outcome, ...]
    """What became of signals and samples."""


def _unheard(_item: Flowing) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Who is told what while a tape goes through."""

    on_judged: Callable[[Flowing], None]
    on_published: Callable[[Flowing], None] = _unheard
    on_found: Callable[[Flowing], None] | None = None
    on_baseline: Callable[[HistoryTable], None] | None = None


def learn(paths: Sequence[Path], past: Past, hooks: Hooks | None = None) -> Past:
    """The past with some sessions more, oldest first; what is found in them is of no interest.

    Raises:
        IfdError: a tape cannot be read.
    """
    v3 = copy.deepcopy(past.v3)
    baseline = past.baseline
    for path in paths:
        tables: list[HistoryTable] = []
        calls = Calls(on_judged=v3.on_item, on_baseline=tables.append)
        _run(path, baseline, calls, hooks)
        # A table holds the sessions before it too, unless they have been pushed out.
        known = [] if baseline is None else [baseline]
        baseline = functools.reduce(merge, [*known, *tables])
    v3.forget_scores()
    return Past(baseline, v3, past.sessions + len(paths))


def hear(path: Path, past: Past, hooks: Hooks | None = None) -> Heard:
    """All engines on one tape, each with the same past.

    Raises:
        IfdError: the tape cannot be read.
    """
    ifd, v3, z2, facts = Ifd(), copy.deepcopy(past.v3), Z2(), FactsCollector()
    evidence = EvidenceCollector()
    outcomes: list[Outcome] = []

    def on_judged(item: Flowing) -> None:
        facts.on_item(item)
        v3.on_item(item)
        z2.on_item(item)

    def on_published(item: Flowing) -> None:
        ifd.on_item(item)
        if isinstance(item, Message) and isinstance(item.value, Outcome):
            outcomes.append(item.value)

    calls = Calls(on_judged=on_judged, on_published=on_published, on_found=evidence.on_item)
    _run(path, past.baseline, calls, hooks)
    engines: tuple[Engine, ...] = (ifd, v3, z2)
    scores = {engine.NAME: engine.scores() for engine in engines}
    return Heard(
        facts=facts.facts(),
        scores=scores,
        seen=tuple(evidence.seen),
        turns=tuple(evidence.turns),
        points=tuple(outcomes),
    )


def settings_of(path: Path) -> Settings:
    """The settings in force, for one tape as one feed in one shard."""
    return load_settings({"source.paths": (str(path),), "flow.shards": 1})


def _run(
    path: Path,
    history: HistoryTable | None,
    calls: Calls,
    hooks: Hooks | None,
) -> None:
    faults: list[IfdError] = []
    given = hooks or Hooks()
    settings = heard(settings_of(path))
    asked = Hooks(stop=given.stop, on_progress=given.on_progress, on_fault=faults.append)
    warm_up(settings)
    flow = build(
        settings,
        file_source(settings, asked),
        {"published": CallingSink(settings.flow.shards, calls.on_published)},
        history=history,
        on_judged=calls.on_judged,
        on_found=calls.on_found,
        on_baseline=calls.on_baseline,
    )
    with quiet_engine():
        run_main(flow, epoch_interval=timedelta(seconds=settings.recovery.epoch_s))
    if faults:
        raise faults[0]
    if given.stop():
        raise KeyboardInterrupt


class CallingSink(FixedPartitionedSink[Flowing, None]):
    """Hands everything that leaves the chain to a function of this process.

    Delivery: at-least-once; nothing is stored, and nothing resumed.
    """

    def __init__(self, shards: int, call: Callable[[Flowing], None]) -> None:
        self._parts = [shard_key(shard) for shard in range(shards)]
        self._call = call

    def list_parts(self) -> list[str]:
        """One part per shard."""
        return self._parts

    def part_fn(self, item_key: str) -> int:
        """The key of a shard is its number."""
        return int(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "CallingPart":
        """There is nothing to resume."""
        return CallingPart(self._call)


class CallingPart(StatefulSinkPartition[Flowing, None]):
    """One shard of it."""

    def __init__(self, call: Callable[[Flowing], None]) -> None:
        self._call = call

    def write_batch(self, items: list[Flowing]) -> None:
        """Hand them over in their order."""
        for item in items:
            self._call(item)

    def snapshot(self) -> None:
        """Nothing is kept."""


def share_done(progress: Progress) -> float:
    """How much of a tape has been read, 0…1."""
    return progress.bytes_done / max(1, progress.bytes_total)

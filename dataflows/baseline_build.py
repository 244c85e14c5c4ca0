"""Builds a baseline, unit by unit: a unit is a file, or a day of history.

After each unit the state of the chain is kept, so that a build that was interrupted goes on with
the unit after; one that was stopped goes on inside a file, to the record. The chain is that of all
other runs, up to the baseline; state passes from unit to unit as it would in one long run.
"""

import functools
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from bytewax.inputs import FixedPartitionedSource
from bytewax.testing import run_main

from config.calendar import load_calendar
from config.settings import Settings, section_version
from connectors.dbn_file import DbnFileConfig, DbnFileSource, Hooks, Keyed, Progress
from connectors.tape.listing import listed, may_grow
from dataflows.adapter import Saved
from dataflows.beginning import Beginning
from dataflows.detect import build
from dataflows.edges import roots_of
from dataflows.evaluation import CallingSink
from dataflows.kept_state import read_state, write_state
from dataflows.quiet import quiet_engine
from operators.baseline import Baseline
from operators.baseline_history import HistoryTable, merge, table
from operators.model.errors import ConfigError, IfdError

VERSION: Final = 1
SUFFIX: Final = ".building"
"""After the name of what is built: the folder of what is kept meanwhile."""
_STATE: Final = "state.bin"
_OF_STATE: Final = ("validate", "book", "pressure", "baseline")
"""Sections of the settings that a build depends on."""

Source = FixedPartitionedSource[Keyed, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Unit:
    """What is read between two savings."""

    name: str
    """As a person is told."""
    mark: str
    """Tells it from others: a build goes on only among the units it was begun with."""
    source: Callable[[Hooks], Source]
    """Opens it; its state is a dict with `roots` at least."""
    begin: Callable[[dict[str, Any] | None], dict[str, Any] | None]
    """State of the unit before → the state this one begins with."""
    is_whole_only: bool = False
    """It cannot go on inside: a stop forgets what was read of it."""


@dataclass(slots=True)
class Kept:
    """Where a build stands."""

    of: str
    """What the state depends on beside the units: settings."""
    done: list[str] = field(default_factory=list)
    """Marks of units read whole."""
    steps: dict[str, Saved] = field(default_factory=dict)
    source: dict[str, Any] | None = None
    """State of the source after the last record."""
    partly: str = ""
    """Mark of the unit that was stopped in; empty: none."""


class BaselineBuild:
    """One build into the file `out`. Keeps what it has in a folder beside it until it is done."""

    def __init__(self, settings: Settings, out: Path, *, fresh: bool = False) -> None:
        """Find what an earlier run has kept; with `fresh`, forget it.

        Raises:
            StateError: What was kept cannot be used.
        """
        self._settings = settings
        self._folder = out.with_name(out.name + SUFFIX)
        self._file = self._folder / _STATE
        if fresh:
            self.forget()
        of = "|".join(section_version(settings, name) for name in _OF_STATE)
        self._kept = Kept(of)
        if self._file.exists():
            found = read_state(self._file, VERSION)
            found.pop("version")
            self._kept = Kept(**found)
            if self._kept.of != of:
                raise ConfigError(
                    f"{self._folder}: an interrupted build with other settings (of "
                    f"{', '.join(_OF_STATE)}); use those, or begin anew with --fresh"
                )
        self._tables: list[HistoryTable] = []

    def left(self, units: Sequence[Unit]) -> Sequence[Unit]:
        """Those of `units` that are still to be read, the first perhaps in part.

        Raises:
            ConfigError: An interrupted build was of other units.
        """
        marks = [unit.mark for unit in units]
        done = self._kept.done
        begun = [*done, self._kept.partly] if self._kept.partly else done
        if begun != marks[: len(begun)]:
            raise ConfigError(
                f"{self._folder}: an interrupted build began with other files or days "
                f"({', '.join(begun[:3])}{', …' if len(begun) > 3 else ''}); name those again, "
                "more may follow, or begin anew with --fresh"
            )
        return units[len(done) :]

    def read(
        self,
        unit: Unit,
        stop: Callable[[], bool],
        on_progress: Callable[[Progress], None] | None = None,
    ) -> bool:
        """Read one unit on to its end, and keep where that leads; False if it was stopped.

        Raises:
            IfdError: It cannot be read; what was kept before it stays.
        """
        kept, settings = self._kept, self._settings
        faults: list[IfdError] = []
        tables: list[HistoryTable] = []
        ended: dict[str, Saved] = {}

        def on_end(step: str, operator: Any) -> None:
            ended[step] = type(operator).STATE_VERSION, operator.snapshot()

        source = Beginning(
            unit.source(Hooks(stop=stop, on_progress=on_progress, on_fault=faults.append)),
            kept.source if kept.partly else unit.begin(kept.source),
        )
        flow = build(
            settings,
            source,
            {"nowhere": CallingSink(settings.flow.shards, lambda _item: None)},
            start=kept.steps,
            on_baseline=tables.append,
            on_end=on_end,
            up_to_baseline=True,
        )
        with quiet_engine():
            run_main(flow, epoch_interval=timedelta(seconds=settings.recovery.epoch_s))
        if faults:
            raise faults[0]
        is_whole = not stop()
        if not is_whole and unit.is_whole_only:
            return False
        self._tables = tables or self._tables
        self._kept = replace(
            kept,
            done=[*kept.done, unit.mark] if is_whole else kept.done,
            steps={**kept.steps, **ended},
            source=source.state(),
            partly="" if is_whole else unit.mark,
        )
        write_state(self._file, {"version": VERSION, **_plain(self._kept)})
        return is_whole

    def table(self) -> HistoryTable:
        """The baseline of all that has been read.

        Raises:
            ConfigError: No session with trading is in it.
        """
        if not self._tables and "baseline" in self._kept.steps:
            self._tables = [self._exported()]
        found = functools.reduce(merge, self._tables) if self._tables else None
        if found is None or not found.roots:
            raise ConfigError(
                "no session with trading was found: a baseline needs executions outside auctions, "
                "in the calendar's hours, on a sound book"
            )
        return found

    def forget(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _exported(self) -> HistoryTable:
        """Of state that was kept by a run before."""
        _, state = self._kept.steps["baseline"]
        config = replace(self._settings.baseline, calendar=load_calendar())
        return Baseline(config, state).export()


def _plain(kept: Kept) -> dict[str, Any]:
    return {each.name: getattr(kept, each.name) for each in fields(kept)}


def of_sessions(history: HistoryTable, wanted: Collection[int]) -> HistoryTable:
    """The sessions of these trading days alone.

    Raises:
        ConfigError: None of them has trading.
    """
    parts = []
    for number, root in enumerate(history.roots):
        own = history.cells[history.cells["root"] == number]
        parts.append((root, own[np.isin(own["session"], list(wanted))]))
    found = table(parts, history.bucket_s, history.pseudo_size, history.metrics)
    if not found.roots:
        raise ConfigError(
            f"expected trading in {len(wanted)} sessions, found none: see symbols and dates"
        )
    return found


def one_shard(settings: Settings) -> Settings:
    """The settings of a build: everything in one shard, and nothing made that nobody hears."""
    return settings.model_copy(
        update={
            "flow": replace(settings.flow, shards=1, shard_overrides={}),
            "pressure": replace(settings.pressure, publish=False),
            "book": replace(settings.book, levels_published=0),
        }
    )


def file_units(settings: Settings, paths: Sequence[str]) -> list[Unit]:
    """A unit for each file; folders, such as a tape's, stand for the files in them.

    Raises:
        FeedError: a folder holds nothing to be read, or a file is missing.
        StateError: a tape among them lacks a segment.
    """
    files = listed(tuple(paths))
    roots = roots_of(settings)
    units = []
    for path in files:
        config = DbnFileConfig(
            feed=settings.source.feed,
            paths=(path,),
            batch_rows=settings.source.batch_rows,
            rows_per_epoch_max=settings.source.rows_per_epoch_max,
            may_grow=may_grow((path,)),
            roots=roots,
        )
        DbnFileSource([config])  # Says now what is missing.
        name = Path(path).name
        mark = name.removesuffix(".zst")
        units.append(
            Unit(
                name,
                mark,
                functools.partial(_opened, config),
                functools.partial(_at_beginning, mark),
            )
        )
    return units


def _opened(config: DbnFileConfig, hooks: Hooks) -> Source:
    return DbnFileSource([config], hooks)


def _at_beginning(name: str, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """State of a file's source at its first byte, with counts and roots of the file before."""
    if before is None:
        return None
    return {**before, "position": {"file": 0, "name": name, "offset": 0, "crc": 0}}

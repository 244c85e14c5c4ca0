"""The demonstration: a simulated exchange, its baseline, a worker and Kafka on this machine."""

import functools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bytewax.testing import run_main
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from config.settings import Settings, load_settings
from connectors.dbn_file import Hooks
from connectors.dbn_file import Progress as FeedProgress
from dataflows.baseline_file import save_baseline
from dataflows.detect import assemble
from operators.baseline_history import HistoryTable, merge
from simulator.simulation import SimulationConfig, session
from simulator.tape import write_tape

SESSIONS: Final = 20
SESSION_S: Final = 1_800.0
"""Length of a session's slice: one half-hour, the width of a baseline's bucket."""
LIVE_S: Final = 1_800.0
"""Market time of the live tape: it stays within that half-hour."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the live part starts from."""

    baseline: Path
    tape: Path
    records: int
    """Records behind the baseline."""
    elapsed_s: float


def simulation(seed: int) -> SimulationConfig:
    """The demo's market: four roots, eight instruments, an institution every minute or so."""
    return SimulationConfig(
        seed=seed,
        duration_s=SESSION_S,
        instruments=8,
        records_per_s=100.0,
        resting_orders=4_000,
    )


def live(seed: int) -> SimulationConfig:
    """The session after the baseline's, with institutions at work."""
    return session(
        SimulationConfig(
            seed=seed,
            duration_s=LIVE_S,
            instruments=8,
            records_per_s=100.0,
            resting_orders=4_000,
            institutions=True,
            institutions_per_hour=60.0,
        ),
        SESSIONS,
    )


def prepare(folder: Path, seed: int, console: Console) -> Prepared:
    """Simulate the sessions, learn what is normal from them, then write the live tape."""
    started = time.perf_counter()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"simulating {SESSIONS} sessions", total=SESSIONS)
        tapes = []
        for number in range(SESSIONS):
            path = folder / f"session-{number:02d}.dbn"
            write_tape(session(simulation(seed), number), path)
            tapes.append(path)
            bar.update(task, completed=number + 1)
        task = bar.add_task("learning what is normal", total=None)

        def on_progress(progress: FeedProgress) -> None:
            bar.update(task, completed=progress.bytes_done, total=progress.bytes_total)

        baseline, records = _learn(folder, tapes, on_progress)
        task = bar.add_task("simulating today", total=1)
        tape = folder / "today.dbn"
        write_tape(live(seed), tape)
        bar.update(task, completed=1)
    return Prepared(baseline, tape, records, time.perf_counter() - started)


def _learn(
    folder: Path, tapes: list[Path], on_progress: Callable[[FeedProgress], None]
) -> tuple[Path, int]:
    """Baseline of the tapes, and how many records they held."""
    settings = _quiet(tapes, folder)
    tables: list[HistoryTable] = []
    records = 0

    def counted(progress: FeedProgress) -> None:
        nonlocal records
        records = progress.counts.records
        on_progress(progress)

    parts = assemble(settings, Hooks(on_progress=counted), on_baseline=tables.append)
    run_main(parts.flow)
    file = folder / "baseline.parquet"
    save_baseline(file, functools.reduce(merge, tables))
    return file, records


def _quiet(tapes: list[Path], folder: Path) -> Settings:
    """Settings for a run that publishes nothing."""
    return load_settings(
        {
            "source.paths": tuple(map(str, tapes)),
            "source.summary_directory": str(folder),
            "kafka.bootstrap_servers": "",
            "recovery.directory": "",
        }
    )


def console() -> Console:
    """Progress goes to stderr, so that stdout holds the result alone."""
    return Console(file=sys.stderr)

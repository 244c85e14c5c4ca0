"""The demonstration: a simulated exchange, its baseline, a worker and Kafka on this machine."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bytewax.testing import run_main

from config.settings import Settings, load_settings
from connectors.dbn_file import Hooks
from connectors.dbn_file import Progress as FeedProgress
from dataflows.baseline_file import save_baseline
from dataflows.detect import assemble
from dataflows.kernel_cache import is_cold
from dataflows.progress import Stages
from operators.baseline_history import HistoryTable, merge
from simulator.simulation import SimulationConfig, session
from simulator.tape import write_tape

SESSIONS: Final = 20
SESSION_S: Final = 1_800.0
"""Length of a session's slice: one half-hour, the width of a baseline's bucket."""
LIVE_S: Final = 1_800.0
"""Market time of the live tape: it stays within that half-hour."""
_WARM_UP_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the live part starts from."""

    baseline: Path
    tape: Path
    records: int
    """Records behind the baseline."""
    elapsed_s: float
    """Time the baseline took, compiling left out."""


def simulation(seed: int) -> SimulationConfig:
    """The demo's market: four roots, eight instruments."""
    return SimulationConfig(
        seed=seed,
        duration_s=SESSION_S,
        instruments=8,
        records_per_s=60.0,
        resting_orders=3_000,
    )


def live(seed: int) -> SimulationConfig:
    """The session after the baseline's, with institutions at work: a root's every half minute."""
    today = replace(
        simulation(seed), duration_s=LIVE_S, institutions=True, institutions_per_hour=120.0
    )
    return session(today, SESSIONS)


def prepare(folder: Path, seed: int, stages: Stages) -> Prepared:
    """Simulate the sessions, learn what is normal from them, then write the live tape."""
    if is_cold():
        stages.begin("compiling kernels (once, about a minute)")
        compile_kernels(folder / "warm-up", seed)
    started = time.perf_counter()
    stages.begin(f"simulating {SESSIONS} sessions", SESSIONS)
    tapes = []
    for number in range(SESSIONS):
        path = folder / f"session-{number:02d}.dbn"
        write_tape(session(simulation(seed), number), path)
        tapes.append(path)
        stages.advance_to(number + 1, SESSIONS)
    stages.begin("learning what is normal")

    def on_progress(progress: FeedProgress) -> None:
        stages.advance_to(progress.bytes_done, progress.bytes_total)

    baseline, records = _learn(folder, tapes, on_progress)
    stages.begin("simulating today")
    tape = folder / "today.dbn"
    write_tape(live(seed), tape)
    stages.end()
    return Prepared(baseline, tape, records, time.perf_counter() - started)


def compile_kernels(folder: Path, seed: int) -> None:
    """Take a minute of market through everything the demo uses, so that later stages only load."""
    folder.mkdir()
    tape = folder / "tape.dbn"
    market = replace(live(seed), duration_s=_WARM_UP_S, institutions_per_hour=1_200.0)
    write_tape(market, tape)
    baseline, _ = _learn(folder, [tape], lambda _progress: None)
    settings = _quiet(
        [tape],
        folder,
        {"source.baseline": str(baseline), "recovery.directory": str(folder / "store")},
    )
    parts = assemble(settings, Hooks())
    run_main(parts.flow, recovery_config=parts.recovery)


def _learn(
    folder: Path, tapes: list[Path], on_progress: Callable[[FeedProgress], None]
) -> tuple[Path, int]:
    """Baseline of the tapes, and how many records they held."""
    settings = _quiet(tapes, folder, {})
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


def _quiet(tapes: list[Path], folder: Path, more: dict[str, object]) -> Settings:
    """Settings for a run that publishes nothing, whatever the environment says."""
    given: dict[str, object] = {
        "source.paths": tuple(map(str, tapes)),
        "source.summary_directory": str(folder),
        "source.speed": 0.0,
        "source.baseline": "",
        "kafka.bootstrap_servers": "",
        "recovery.directory": "",
    }
    return load_settings(given | more)

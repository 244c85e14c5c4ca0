"""The whole dataflow on Bytewax, recovery on, one worker: files in, summary out, no Kafka."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from bytewax.testing import run_main

from benchmarks.steps import settings_for
from benchmarks.stopwatch import Stopwatch
from benchmarks.tapes import Tape
from connectors.dbn_file import Hooks, Progress
from dataflows.detect import assemble
from dataflows.summary import collect


class Laps:
    """Stopwatches of the opening and of the live part of a tape, by what the source has read."""

    def __init__(self, opening_records: int) -> None:
        self._opening_records = opening_records
        self.opening, self.live = Stopwatch(), Stopwatch()
        self.opening_read = self.read = 0
        self._running = self.opening

    def __enter__(self) -> Self:
        self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)

    def on_progress(self, progress: Progress) -> None:
        """Another batch was read."""
        self.read = progress.counts.records
        if self._running is self.opening and self.read >= self._opening_records:
            # The last batch of the opening still has the steps to go through: counted as live.
            self.opening_read = self.read
            self.opening.__exit__(None, None, None)
            self._running = self.live
            self.live.__enter__()


def measure(tape: Tape, **given: object) -> dict[str, Any]:
    """ns per live record, the opening's, digest, size of the store, peak memory of this process."""
    with tempfile.TemporaryDirectory(prefix="ifd-bench-") as name:
        folder = Path(name)
        store = folder / "store"
        settings = settings_for(tape, name, recovery__directory=str(store), **given)
        laps = Laps(tape.opening_records)
        parts = assemble(settings, Hooks(on_progress=laps.on_progress), reports=True)
        epoch = timedelta(seconds=settings.recovery.epoch_s)
        with laps:
            run_main(parts.flow, epoch_interval=epoch, recovery_config=parts.recovery)
        summary = collect(folder)
        return {
            **laps.live.per(laps.read - laps.opening_read),
            "opening": laps.opening.per(laps.opening_read),
            "wall_s": (laps.live.wall_ns + laps.opening.wall_ns) / 1e9,
            "digest": summary["signals"]["digest"],
            "signals": summary["signals"]["count"],
            "executions": summary["streams"]["executions"] if "streams" in summary else None,
            "store_bytes": sum(file.stat().st_size for file in store.iterdir()),
            "peak_memory_bytes": peak_memory_bytes(),
        }


def peak_memory_bytes() -> int:
    """Largest resident set of this process so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0

"""`make bench`: everything is measured, put beside its target and written to build/bench.json."""

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any, Final

import dataflows  # noqa: F401 - before any kernel: it says where compiled ones are kept
from benchmarks.child import run
from benchmarks.table import show
from benchmarks.tapes import Tape, single, tape_of, wide

RESULTS: Final = Path("build/bench.json")
QUICK_ROWS: Final = 4096
"""Records of a batch on small tapes, which would be one batch otherwise."""
PACE: Final = 25.0
"""Records of an instrument in a second, about, before the shape of the day."""
PACE_WIDE: Final = 20.5
"""The same for the short tape of many instruments: it holds as many per active second."""


def main() -> None:
    """Run all benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small tapes: does it run at all?")
    parser.add_argument("--shards", type=int, help="flow.shards")
    parser.add_argument("--batch-rows", type=int, help="source.batch_rows")
    arguments = parser.parse_args()
    given: dict[str, object] = {}
    if arguments.shards is not None:
        given["flow__shards"] = arguments.shards
    if arguments.quick:
        given["source__batch_rows"] = QUICK_ROWS
    if arguments.batch_rows is not None:
        given["source__batch_rows"] = arguments.batch_rows
    results = measured(arguments.quick, given)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(show(results))
    print(f"written to {RESULTS}")


def measured(quick: bool, given: dict[str, object]) -> dict[str, Any]:
    """All results; the tapes are made first, so that nothing else runs while time is taken."""
    share = 0.01 if quick else 1.0
    seconds = 1.0 if quick else 30.0
    warm = tape_of("warm", wide(60_000, 16, 2_000, PACE))
    tape = tape_of("tape", wide(int(5_000_000 * share), 200, int(382_000 * share), PACE))
    large = _wide_tape(share)
    es = tape_of("single", single(int((seconds + 8) * 12_000), 11_000, 10_000.0))
    loud = {**given, "pressure__publish": True}
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]}",
        "tapes": {"tape": tape.plain(), "large": large.plain(), "single": es.plain()},
        "steps": run("steps", tape, warm, pressure__publish=False, **given),
        "published": run("steps", tape, warm, **loud)["pressure"],
        "connector": run("connector", tape, warm),
        "whole": run("whole", tape, warm, **given),
        "whole_large": run("whole", large, warm, **given),
        "snapshots": run("snapshots", large, warm, **given),
        "latency": {
            "empty": run("latency", es, warm, seconds=seconds, empty=True, **given),
            "single": run("latency", es, warm, seconds=seconds, **given),
            "large": run("latency", large, warm, seconds=seconds, **given),
        },
    }


def _wide_tape(share: float) -> Tape:
    """4,000 instruments and 1 M orders."""
    instruments, orders = int(4_000 * share), int(1_000_000 * share)
    return tape_of("large", wide(int(5_000_000 * share), instruments, orders, PACE_WIDE))


if __name__ == "__main__":
    main()

"""One measurement in a process of its own, so that memory and caches are its own, too."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

from benchmarks import connector, latency, snapshots, steps, whole
from benchmarks.tapes import Tape


def _steps(tape: Tape, **given: object) -> dict[str, Any]:
    found = steps.measure(tape, steps.settings_for(tape, "unused", **given))
    return {**found, "objects": steps.objects(tape)}


def _snapshots(tape: Tape, **given: object) -> dict[str, Any]:
    return snapshots.measure(tape, steps.settings_for(tape, "unused", **given))


KINDS: Final[dict[str, Callable[..., dict[str, Any]]]] = {
    "steps": _steps,
    "whole": whole.measure,
    "snapshots": _snapshots,
    "latency": latency.measure,
    "connector": connector.measure,
}


def run(kind: str, tape: Tape, warm: Tape, **given: object) -> dict[str, Any]:
    """Measure in a new process, after `warm` has made it compile and load everything."""
    asked = {"kind": kind, "tape": tape.plain(), "warm": warm.plain(), "given": given}
    command = [sys.executable, "-m", "benchmarks.child", json.dumps(asked)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(asked: dict[str, Any]) -> None:
    """Warm up, measure, print one line of JSON."""
    given = {str(key): value for key, value in asked["given"].items()}
    measure = KINDS[asked["kind"]]
    whole.measure(Tape(**asked["warm"]))
    print(json.dumps(measure(Tape(**asked["tape"]), **given)))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.paced import scheduled
from benchmarks.stopwatch import Stopwatch
from operators.model.records import F_LAST
from tests.tape import tape

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_stopwatch_adds_up_what_it_is_entered_for():
    watch = Stopwatch()
    for _ in range(2):
        with watch:
            sum(range(10_000))
    assert watch.wall_ns > 0
    assert watch.per(10)["wall_ns"] == watch.wall_ns / 10


def test_bursts_end_with_an_event_and_its_instant():
    lines = [f"{ms} A B 10.00 1 #{ms}\n--\n{ms} A B 10.00 1 #{ms + 100}\n--" for ms in range(1, 40)]
    rows = tape("\n".join(lines))
    schedule = scheduled(rows, burst_rows=9, interval_ns=1)
    assert len(schedule.bursts) > 3
    for before, after in zip(schedule.bursts, schedule.bursts[1:], strict=False):
        assert before["flags"][-1] & F_LAST
        assert before["ts_event"][-1] < after["ts_event"][0]
        assert schedule.burst_of(int(after["ts_event"][0])) == schedule.first_ts.index(
            int(after["ts_event"][0])
        )
    np.testing.assert_array_equal(
        np.concatenate(schedule.bursts), rows[: sum(map(len, schedule.bursts))]
    )


@pytest.mark.slow
def test_all_benchmarks_run_on_small_tapes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "kernel alone" in done.stdout
    results = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert results["whole"]["records"] > 10_000
    assert results["connector"]["socket_taped"]["records_per_s"] > 0
    assert results["connector"]["steps"]["seam"]["records"] > 0
    assert results["steps"]["kernel"]["cpu_ns"] > 0
    assert results["snapshots"]["orders"] > 1_000
    assert {"empty", "single", "large"} == results["latency"].keys()
    assert results["latency"]["single"]["messages"] > 0

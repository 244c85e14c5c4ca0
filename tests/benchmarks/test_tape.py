import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.connectors.dbn_bytes import header, mbo

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
def test_the_tape_benchmark_runs_and_says_its_figures(tmp_path):
    """Whether it runs at all: figures of a shared machine are no test."""
    (tmp_path / "a.dbn").write_bytes(header() + mbo(5_000).tobytes())
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.tape", "a.dbn", "--records", "50000"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "build" / "tape.json").read_text())
    assert found["append"]["1000"]["wall_per_s"] > 0
    assert found["stored"]["ratio"] > 1
    assert "by its index" in done.stdout

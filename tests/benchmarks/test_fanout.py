import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
def test_the_fanout_benchmark_runs_and_says_its_figures(tmp_path):
    """Whether it runs at all: figures of a shared machine are no test."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fanout", "--quick", "--clients", "3"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "build" / "fanout.json").read_text())
    assert found["fanout"]["3"]["relay"]["last_p50_ms"] > 0
    assert found["dead"]["closed_s"] > 0
    assert "3 clients, relay" in done.stdout

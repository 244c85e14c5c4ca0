"""What the page's modules decide, run in Node: protocol, books, figures."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).with_name("unit")
STATIC = Path(__file__).resolve().parents[2] / "sinks" / "relay" / "static"


@pytest.mark.servers
@pytest.mark.skipif(shutil.which("node") is None, reason="node is not on the path")
@pytest.mark.parametrize("name", sorted(path.name for path in UNIT.glob("*.test.mjs")))
def test_in_node(name):
    command = ["node", "--test", "--test-reporter=tap", str(UNIT / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-6_000:]
    assert "\n# fail 0" in done.stdout
    assert "\n# pass 0" not in done.stdout

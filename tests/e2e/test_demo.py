"""The demo as a person runs it."""

import re

import pytest

from tests.flows import ifd

pytestmark = pytest.mark.slow


def test_the_demo_shows_signals_and_ends_by_itself() -> None:
    done = ifd("demo", "--seconds", 8, "--speed", 4)
    assert done.returncode == 0, done.stderr
    stages = ("everything below is simulated", "simulating 20 sessions", "learning what is normal")
    assert all(stage in done.stderr for stage in stages)
    assert re.search(r"baseline of 20 sessions from [\d,]+ records in \d+ s", done.stderr)
    *lines, last = done.stdout.splitlines()
    told = re.fullmatch(r"(\d+) signals \((.+)\) in (\d+) messages over \d+ s", last)
    assert told, last
    assert int(told[1]) >= 1
    assert int(told[3]) == len(lines)
    assert sum(" opened " in line for line in lines) == int(told[1])
    assert not any("warming" in line for line in lines)

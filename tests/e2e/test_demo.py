"""The demo as a person runs it."""

import re
import socket

import pytest

from dataflows.supervisor import free_ports
from tests.flows import ifd

pytestmark = pytest.mark.slow


def test_a_taken_port_ends_the_demo_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = ifd("demo", "--http-port", port)
    assert done.returncode == 2
    assert f"127.0.0.1:{port} is taken; choose another with --http-port" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_shows_signals_and_ends_by_itself() -> None:
    http, ws = free_ports(2)
    words = ("--http-port", http, "--ws-port", ws)
    done = ifd("demo", "--seconds", 8, "--speed", 4, *words)
    assert done.returncode == 0, done.stderr
    assert f"dashboard: http://127.0.0.1:{http}/" in done.stderr
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

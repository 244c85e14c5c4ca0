"""Processes started beside this one."""

import signal
import subprocess
import sys

import pytest

from dataflows.children import end, pass_on
from tests.flows import wait_for

DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); "


def started(code: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.parametrize(
    ("before", "number"), [("print('ready', flush=True); ", signal.SIGTERM), (DEAF, signal.SIGKILL)]
)
def test_it_is_told_to_end_and_killed_where_it_does_not(before, number):
    with started(before + "input()") as child:
        assert child.stdout.readline() == "ready\n"
        end(child, 0.2 if number == signal.SIGKILL else 60)
        assert child.returncode == -number
        end(child, 0)


def test_what_it_says_comes_on_the_terminal_and_never_fills_the_pipe(capsys):
    with started("import sys\nfor n in range(9000): print('x' * 20, n, file=sys.stderr)") as child:
        pass_on(child.stderr)
        assert child.wait(60) == 0
        wait_for(lambda: child.stderr.closed, "the end of the pipe")
    assert capsys.readouterr().err.splitlines()[-1] == "x" * 20 + " 8999"

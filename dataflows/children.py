"""Processes that this one has started beside itself: ended in time, and what they say passed on."""

import subprocess
import sys
from threading import Thread
from typing import IO


def end(process: "subprocess.Popen[str]", deadline_s: float) -> None:
    """SIGTERM, then SIGKILL to what has not ended by then; nothing if it has ended already."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def pass_on(lines: IO[str]) -> None:
    """From now on what comes there goes to the terminal: a full pipe would hold the process up.

    The pipe is closed when the process ends.
    """
    Thread(target=_pass_on, args=(lines,), daemon=True).start()


def _pass_on(lines: IO[str]) -> None:
    with lines:
        for line in lines:
            sys.stderr.write(line)

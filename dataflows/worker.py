"""A worker process as a supervisor starts it: made ready, then let go, then as by the launcher.

Imports and kernels take longer than anything else of a start. So they are loaded first, while the
workers before these are still at work, and only the word to go stops those.
"""

import os
import runpy
import signal
import sys
from threading import Thread
from typing import Final

from bytewax.dataflow import Dataflow

from dataflows.process import fail_in_one_line
from dataflows.worker_process import AT_WORK, GO, READY

_STDIN: Final = 0
_LINE_BYTES_MAX: Final = 65_536


def flow() -> Dataflow:
    """The dataflow, for the engine's launcher; whoever started this process hears of it."""
    from dataflows import detect

    made = detect.flow()
    _tell(AT_WORK)
    return made


def main() -> None:
    """Load everything, wait for the word, run; the input ends cleanly when the starter is gone."""
    fail_in_one_line()
    from config.settings import load_settings
    from dataflows.edges import load_source
    from dataflows.warmup import warm_up

    settings = load_settings()
    # First: what is loaded by the end of the warming is left alone by the collector.
    load_source(settings)
    warm_up(settings)
    _tell(READY)
    word, _, addresses = _line().partition(" ")
    if word != GO:
        return
    if addresses:
        sys.argv += ["-a", addresses]
    Thread(target=_stop_when_alone, name="starter", daemon=True).start()
    runpy.run_module("bytewax.run", run_name="__main__", alter_sys=True)


def _tell(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _line() -> str:
    """What is written to this process, to the end of the line; empty if the writer is gone.

    Read from the descriptor: a thread that waits in `sys.stdin` would hold it at the very end.
    """
    line = b""
    while not line.endswith(b"\n") and len(line) < _LINE_BYTES_MAX:
        if not (byte := os.read(_STDIN, 1)):
            return ""
        line += byte
    return line.decode().strip()


def _stop_when_alone() -> None:
    """Nobody would stop or restart this process, and a successor must not meet it."""
    while os.read(_STDIN, _LINE_BYTES_MAX):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()

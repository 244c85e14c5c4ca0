"""A worker process seen from outside: let go, watched, stopped, and what it says passed on.

What an engine says of its own end when a peer has died is a screen of panics per process. So what
follows the first word of a crash is held, and told only of the process that fell first.
"""

import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Final, TextIO

READY: Final = "ifd-worker: ready"
AT_WORK: Final = "ifd-worker: at work"
"""What a worker says, each on a line of its own."""
GO: Final = "go"
"""What is said to a worker: this, and the addresses of the cluster if there are several."""
HELD_LINES_MAX: Final = 200
"""Of a crash: its newest lines."""
_CRASH: Final = re.compile(
    r"thread '|Traceback \(most recent|note: run with `RUST|Box<dyn Any>|fatal runtime error"
    r"|Fatal Python error|stack backtrace"
)
_REMARK: Final = "; retrying"
"""Ends what the engine says while the processes of a cluster look for each other."""
_OURS: Final = "ifd: "
_READ_S: Final = 5.0


class Lines:
    """Where lines of all workers go; what several say alike, they say once."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out
        self._lock = Lock()
        self._said: set[str] = set()

    def say(self, line: str) -> None:
        """Write a line."""
        with self._lock:
            if line.startswith(_OURS):
                if line in self._said:
                    return
                self._said.add(line)
            out = self._out or sys.stderr
            out.write(line + "\n")
            out.flush()


class WorkerProcess:
    """One process. It ends when this one does, at the latest: it reads from a pipe of ours."""

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        env: Mapping[str, str],
        lines: Lines,
        *,
        keep: Sequence[int] = (),
    ) -> None:
        """Start it; `keep` are descriptors that it holds open as long as it lives."""
        self.number = number
        self.is_ready = Event()
        self.is_at_work = Event()
        self._lines = lines
        self._held: deque[str] = deque(maxlen=HELD_LINES_MAX)
        self._process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=keep,
            # A Ctrl-C in the terminal is the supervisor's to hand on, once.
            process_group=0,
        )
        self._reader = Thread(target=self._read, name=f"worker-{number}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def let_go(self, addresses: str) -> None:
        """Say the word; a process that is gone does not hear it."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(f"{GO} {addresses}".strip() + "\n")
            self._process.stdin.flush()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        self._process.send_signal(number)

    def wait(self, deadline_s: float | None = None) -> bool:
        """Whether it has ended by that time of the monotonic clock; without one, until it has."""
        left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
        try:
            self._process.wait(left_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """After its end: read what it said last and give the pipes back."""
        self._reader.join(_READ_S)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()

    def tell_crash(self) -> None:
        """Pass on what was held."""
        while self._held:
            self._lines.say(self._held.popleft())

    def _read(self) -> None:
        assert self._process.stdout is not None
        is_crashing = False
        try:
            for each in self._process.stdout:
                line = each.rstrip("\n")
                is_crashing = is_crashing or _CRASH.match(line) is not None
                self._take(line, is_crashing)
        except ValueError:
            return  # Closed while a grandchild still holds the other end.

    def _take(self, line: str, is_crashing: bool) -> None:
        if line == READY:
            self.is_ready.set()
        elif line == AT_WORK:
            self.is_at_work.set()
        elif line.startswith(_OURS):
            self._lines.say(line)
        elif is_crashing:
            self._held.append(line)
        elif line and not line.endswith(_REMARK):
            self._lines.say(line)

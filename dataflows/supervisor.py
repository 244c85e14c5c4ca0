"""Several worker processes of one cluster on this machine: started together, stopped together."""

import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.settings import Settings
from dataflows.environment import environment
from dataflows.process import EXIT_USER
from dataflows.worker_process import Lines, WorkerProcess

FALL_S: Final = 2.0
"""Peers of a process that fell end by themselves at once, or they hang and are killed."""
_POLL_S: Final = 0.05


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass(frozen=True, slots=True)
class Fall:
    """Why a cluster ended: the process that fell first, as far as can be told."""

    number: int
    code: int

    @property
    def reason(self) -> str:
        """Such as `worker 1 was killed by SIGKILL`."""
        if self.code >= 0:
            return f"worker {self.number} ended with code {self.code}"
        return f"worker {self.number} was killed by {signal.Signals(-self.code).name}"


class Cluster:
    """The processes of a dataflow on this machine, as Bytewax's launcher runs them."""

    def __init__(
        self,
        settings: Settings,
        given: Mapping[str, object],
        processes: int,
        *,
        waits: bool = False,
        keep: Sequence[int] = (),
    ) -> None:
        """Start them.

        Args:
            settings: As the processes will find them.
            given: What the environment does not say, by dotted key.
            processes: How many.
            waits: Whether they wait, ready, until `let_go`.
            keep: Descriptors that they hold open as long as they live.
        """
        self.processes = processes
        self._stop_s = settings.cluster.stop_s
        env = environment(given)
        lines = Lines()
        self._workers = [
            WorkerProcess(number, _command(settings, number, processes), env, lines, keep=keep)
            for number in range(processes)
        ]
        self._is_closed = False
        if not waits:
            self.let_go()

    @property
    def pids(self) -> list[int]:
        """Process ids, by worker number."""
        return [worker.pid for worker in self._workers]

    @property
    def codes(self) -> list[int | None]:
        """Exit codes, by worker number; None of those that run."""
        return [worker.code for worker in self._workers]

    def is_ready(self) -> bool:
        """Whether all wait for the word, or are past it."""
        return all(worker.is_ready.is_set() for worker in self._workers)

    def is_at_work(self) -> bool:
        """Whether all have made their dataflow: settings, files, sinks and store are in order."""
        return all(worker.is_at_work.is_set() for worker in self._workers)

    def is_running(self) -> bool:
        """Whether any process still runs."""
        return any(code is None for code in self.codes)

    def has_fallen(self) -> bool:
        """Whether any process failed."""
        return any(code not in (None, 0) for code in self.codes)

    def let_go(self) -> None:
        """Let them work; where they listen is found now, so that no port of before is in the way.

        One alone needs no port.
        """
        addresses = ""
        if self.processes > 1:
            ports = free_ports(self.processes)
            addresses = ";".join(f"127.0.0.1:{port}" for port in ports)
        for worker in self._workers:
            worker.let_go(addresses)

    def wait(self) -> int:
        """Until all have ended, or one failed and the rest is stopped: first code not 0, or 0."""
        while self.is_running() and not self.has_fallen():
            time.sleep(_POLL_S)
        if self.has_fallen():
            return self.fall().code
        self._close()
        return 0

    def stop(self) -> list[int]:
        """SIGTERM to all at once, as the engine needs it; SIGKILL to what has not ended in time.

        Returns the numbers of those that had to be killed.
        """
        return self._end(self._stop_s)

    def fall(self) -> Fall:
        """End what still runs after one has failed, and tell what that one said last."""
        self._end(FALL_S)
        codes = {worker.number: worker.code for worker in self._workers}
        number = min(codes, key=lambda each: (_rank(codes[each]), each))
        code = codes[number]
        assert code is not None
        if code != EXIT_USER:
            self._workers[number].tell_crash()
        return Fall(number, code)

    def _end(self, within_s: float) -> list[int]:
        for worker in self._workers:
            worker.send(signal.SIGTERM)
        deadline_s = time.monotonic() + within_s
        late = [worker for worker in self._workers if not worker.wait(deadline_s)]
        for worker in late:
            worker.send(signal.SIGKILL)
        for worker in late:
            worker.wait()
        self._close()
        return [worker.number for worker in late]

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            for worker in self._workers:
                worker.close()


def _rank(code: int | None) -> int:
    """How likely a process with this exit code fell first, not because another one had.

    A user's mistake is said by whoever met it; a killed process says nothing; the peers of one that
    is gone panic: Python's error ends one with SIGABRT, the others with 1.
    """
    if code == EXIT_USER:
        return 0
    if code is not None and code < 0:
        return {-signal.SIGABRT: 2, -signal.SIGTERM: 4}.get(code, 1)
    return 5 if code in (0, None) else 3


def _command(settings: Settings, number: int, processes: int) -> Sequence[str]:
    command = [sys.executable, "-m", "dataflows.worker", "dataflows.worker:flow"]
    if processes > 1:
        command += ["-i", str(number)]
    recovery = settings.recovery
    if recovery.directory:
        command += ["-r", str(Path(recovery.directory)), "-s", str(round(recovery.epoch_s))]
        command += ["-b", str(round(recovery.backup_s))]
    return command

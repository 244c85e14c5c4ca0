"""Several worker processes of one cluster on this machine: started together, stopped together."""

import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from config.settings import Settings
from dataflows.environment import environment

STOP_S: Final = 15.0
"""How long processes may take to end after a stop before they are killed, which is safe."""
_POLL_S: Final = 0.05
_STDERR: Final = 2


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


class Cluster:
    """The processes of a dataflow on this machine, as Bytewax's launcher runs them."""

    def __init__(self, settings: Settings, given: Mapping[str, object], processes: int) -> None:
        addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(processes))
        env = environment(given)
        self._processes = [
            # The engine writes remarks to stdout, which belongs to this process's result.
            subprocess.Popen(_command(settings, number, addresses), env=env, stdout=_STDERR)
            for number in range(processes)
        ]

    @property
    def pids(self) -> list[int]:
        """Process ids, by worker number."""
        return [process.pid for process in self._processes]

    def is_running(self) -> bool:
        """Whether any process still runs."""
        return any(process.poll() is None for process in self._processes)

    def wait(self) -> int:
        """Until all have ended, or one failed and the rest is stopped: first code not 0, or 0."""
        while True:
            codes = [process.poll() for process in self._processes]
            failed = [code for code in codes if code not in (None, 0)]
            if failed:
                self.stop()
                return next((code for code in failed if code == 2), failed[0])
            if all(code == 0 for code in codes):
                return 0
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """SIGTERM to all at once, as the engine needs it; SIGKILL to what has not ended in time."""
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _command(settings: Settings, number: int, addresses: str) -> Sequence[str]:
    command = [sys.executable, "-m", "bytewax.run", "dataflows.detect:flow"]
    command += ["-i", str(number), "-a", addresses]
    recovery = settings.recovery
    if recovery.directory:
        command += ["-r", str(Path(recovery.directory)), "-s", str(round(recovery.epoch_s))]
        command += ["-b", str(round(recovery.backup_s))]
    return command

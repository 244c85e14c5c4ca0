"""Processes on this machine: the workers of one cluster, started and stopped together; a relay."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Final, TextIO

from config.settings import Settings
from operators.model.errors import ConfigError

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


def environment(given: Mapping[str, object]) -> dict[str, str]:
    """This process's environment with dotted keys as `IFD_SECTION__KEY` variables."""
    extra = {f"IFD_{key.replace('.', '__').upper()}": _text(value) for key, value in given.items()}
    return {**os.environ, **extra}


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


class RelayProcess:
    """A relay on this machine, as `ifd relay` runs it."""

    def __init__(self, given: Mapping[str, object]) -> None:
        """`given`: settings by dotted key; the ports are fixed ones."""
        command = [sys.executable, "-m", "dataflows.cli.main", "relay"]
        self._process = subprocess.Popen(
            command, env=environment(given), stdout=_STDERR, stderr=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Until it has said where it listens.

        Raises:
            ConfigError: it ended instead; the text is its own.
        """
        assert self._process.stderr is not None
        said = self._process.stderr.readline().strip()
        if self._process.poll() is not None or not said.startswith(_READY):
            self.stop()
            raise ConfigError(said.removeprefix("ifd: ") or "the relay ended without a word")
        # What it says later is for the terminal, and must never fill the pipe.
        Thread(target=_pass_on, args=(self._process.stderr,), daemon=True).start()

    def is_running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, then SIGKILL to what has not ended in time."""
        if self.is_running():
            self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_READY: Final = "dashboard at "


def _pass_on(lines: TextIO) -> None:
    for line in lines:
        sys.stderr.write(line)


def _command(settings: Settings, number: int, addresses: str) -> Sequence[str]:
    command = [sys.executable, "-m", "bytewax.run", "dataflows.detect:flow"]
    command += ["-i", str(number), "-a", addresses]
    recovery = settings.recovery
    if recovery.directory:
        command += ["-r", str(Path(recovery.directory)), "-s", str(round(recovery.epoch_s))]
        command += ["-b", str(round(recovery.backup_s))]
    return command


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return json.dumps(list(value))
    return "none" if value is None else str(value)

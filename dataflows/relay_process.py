"""A relay as a process of its own, started before anything that takes long is imported here."""

import subprocess
import sys
from collections.abc import Mapping
from threading import Thread
from typing import Final, TextIO

from dataflows.environment import environment
from operators.model.errors import ConfigError

STOP_S: Final = 10.0
"""For it to tell its clients and end; then it is killed, which is safe."""
_STDERR: Final = 2


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

    def wait_ready(self) -> str:
        """Address of the dashboard, as soon as it answers.

        Raises:
            ConfigError: it ended instead; the text is its own.
        """
        assert self._process.stderr is not None
        said = self._process.stderr.readline().strip()
        if self._process.poll() is not None or not said.startswith(_READY):
            self.stop()
            self._process.stderr.close()
            raise ConfigError(said.removeprefix("ifd: ") or "the relay ended without a word")
        # What it says later is for the terminal, and must never fill the pipe.
        Thread(target=_pass_on, args=(self._process.stderr,), daemon=True).start()
        return said.removeprefix(_READY)

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
    with lines:
        for line in lines:
            sys.stderr.write(line)

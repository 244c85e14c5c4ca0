"""A relay as a process of its own, started before anything that takes long is imported here."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from dataflows.children import end, pass_on
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
        pass_on(self._process.stderr)
        return said.removeprefix(_READY)

    def is_running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, then SIGKILL to what has not ended in time."""
        end(self._process, STOP_S)


_READY: Final = "dashboard at "

"""A simulated gateway as a process of its own, serving one tape."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dataflows.children import end, pass_on
from dataflows.environment import environment
from operators.model.errors import ConfigError
from simulator.gateway.config import KEY

STOP_S: Final = 5.0
"""For it to close its sessions and end; then it is killed, which is safe."""
_ADDRESS: Final = re.compile(r"gateway at ([\d.]+):(\d+): ")


class GatewayProcess:
    """A gateway on loopback, on a port of its own, as `ifd gateway` runs it.

    The market stands still until the first client has started its session.
    """

    def __init__(self, tape: Path, speed: float) -> None:
        command = [sys.executable, "-m", "dataflows.cli.main", "gateway"]
        command += ["--file", str(tape), "--speed", str(speed), "--port", "0"]
        self._process = subprocess.Popen(
            command, env=environment({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_ready(self) -> tuple[str, int]:
        """Host and port, as soon as clients may come.

        Raises:
            ConfigError: it ended instead; the text is its own.
        """
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        address: tuple[str, int] | None = None
        for line in self._process.stdout:
            if found := _ADDRESS.match(line):
                address = found[1], int(found[2])
            if line == "ready\n" and address is not None:
                pass_on(self._process.stderr)
                return address
        with self._process.stderr as remarks:
            said = remarks.read().strip()
        raise ConfigError(said.removeprefix("ifd: ") or "the gateway ended without a word")

    def is_running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """SIGTERM, then SIGKILL to what has not ended in time."""
        end(self._process, STOP_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


def feed_settings(feed: str, host: str, port: int) -> Mapping[str, object]:
    """Settings of a live feed of all that such a gateway has."""
    return {
        "live.key": KEY,
        f"live.feeds.{feed}.symbols": ("ALL_SYMBOLS",),
        f"live.feeds.{feed}.host": host,
        f"live.feeds.{feed}.port": port,
    }

"""A simulated live gateway for tests, on loopback: in a thread, or as a process of its own."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from simulator.gateway.config import KEY, GatewayConfig
from simulator.gateway.faults import Faults
from simulator.gateway.market import Market, MarketConfig
from simulator.gateway.open import market_of_files
from simulator.gateway.server import Gateway
from simulator.gateway.thread import GatewayThread

MANY = 1_000_000.0
"""A rate that limits nothing."""


@dataclass(frozen=True, slots=True)
class RunningGateway:
    """What a test needs to know of a gateway that runs."""

    gateway: Gateway
    host: str
    port: int
    key: str

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    @property
    def faults(self) -> Faults:
        """What goes wrong, on command: `faults.add("rst", at=1000)`."""
        return self.gateway.faults

    @property
    def market(self) -> Market:
        """The market; it belongs to the gateway's thread, so only look."""
        return self.gateway.market


@contextmanager
def running_gateway(
    files: Sequence[Path] = (), *, market: Market | None = None, **options: Any
) -> Iterator[RunningGateway]:
    """A gateway that serves `files`, one after the other, in a thread.

    Options are the fields of GatewayConfig and MarketConfig. Unlike theirs, the defaults here are
    full speed, any free port, and no limits on rates.
    """
    given = {"port": 0, "connects_per_s": MANY, "subscriptions_per_s": MANY, "speed": None}
    given |= options
    names = {field.name for field in fields(MarketConfig)}
    of_market = {name: given.pop(name) for name in list(given) if name in names}
    config = GatewayConfig(**given)
    if market is None:
        market = market_of_files(files, MarketConfig(**of_market))
    with GatewayThread(Gateway(config, market)) as running:
        key = config.keys[0]
        yield RunningGateway(running.gateway, config.host, running.gateway.port, key)
        assert running.gateway.counts.defects == 0, "see the log for the traceback"


class GatewayProcess:
    """`ifd gateway` as a process of its own."""

    def __init__(self, *words: object) -> None:
        """Start it with these words, on any free port, and wait until it is ready."""
        command = [sys.executable, "-m", "dataflows.cli.main", "gateway", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--control-port", "0", *map(str, words)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        said = "".join(iter(self.process.stdout.readline, "ready\n")) if self._runs() else ""
        found = re.search(r"gateway at ([\d.]+):(\d+)", said)
        control = re.search(r"faults at [\d.]+:(\d+)", said)
        assert found is not None, said
        assert control is not None, said
        self.host, self.port = found[1], int(found[2])
        self.control_port = int(control[1])
        self.key = KEY

    def _runs(self) -> bool:
        return self.process.poll() is None

    def say(self, line: str) -> str:
        """Give a line to the control port; its answer."""
        with socket.create_connection((self.host, self.control_port), timeout=10) as connection:
            connection.sendall(line.encode() + b"\n")
            with connection.makefile() as answers:
                return answers.readline().rstrip("\n")

    def stop(self) -> int:
        """SIGTERM, and SIGKILL where that does not end it; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()


@contextmanager
def gateway_process(*words: object) -> Iterator[GatewayProcess]:
    """`ifd gateway` with these words, stopped at the end."""
    running = GatewayProcess(*words)
    try:
        yield running
    finally:
        running.stop()

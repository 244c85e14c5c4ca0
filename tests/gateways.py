"""A simulated live gateway for tests, on loopback: in a thread, or as a process of its own."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from connectors.databento.control import ALL_SYMBOLS, answer, format_line, parse_line
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
        said = self._said()
        found = re.search(r"gateway at ([\d.]+):(\d+)", said)
        control = re.search(r"faults at [\d.]+:(\d+)", said)
        if found is None or control is None:
            self.stop()
            raise AssertionError(f"the gateway said {said!r}")
        self.host, self.port = found[1], int(found[2])
        self.control_port = int(control[1])
        self.key = KEY

    def _said(self) -> str:
        """What it prints until it is ready, or ends."""
        assert self.process.stdout is not None
        said = ""
        while line := self.process.stdout.readline():
            if line == "ready\n":
                break
            said += line
        return said

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


class RawClient:
    """The protocol in its barest form: what arrives is kept as bytes, and records are split off."""

    def __init__(self, gateway: RunningGateway | GatewayProcess, **fields: object) -> None:
        """Connect and authenticate; `fields` are added to the authentication line.

        Raises:
            OSError: the gateway closed instead, or reset the connection.
        """
        self.socket = socket.create_connection((gateway.host, gateway.port), timeout=20)
        self.data = bytearray()
        """Everything received after the answer."""
        self._records: list[bytes] = []
        self._split_to = 0
        try:
            self.greeting = self._line()
            challenge = parse_line(self._line())["cram"]
            key = str(fields.pop("key", gateway.key))
            asked = {"auth": answer(challenge, key), "dataset": "GLBX.MDP3", "encoding": "dbn"}
            self.say(asked | fields)
            self.answer = parse_line(self._line())
        except BaseException:
            self.close()
            raise

    def say(self, fields: Mapping[str, object]) -> None:
        """Send one line."""
        line = format_line({name: str(value) for name, value in fields.items()})
        self.socket.sendall(line)

    def subscribe(self, schema: str = "mbo", symbols: str = ALL_SYMBOLS, **fields: object) -> None:
        """One subscription line."""
        self.say({"schema": schema, "stype_in": "raw_symbol", "symbols": symbols} | fields)

    def start(self) -> None:
        """What follows is binary."""
        self.socket.sendall(b"start_session\n")

    def receive(self) -> bool:
        """Wait for some bytes; False if the gateway has closed.

        Raises:
            OSError: the connection was reset, or nothing came for long.
        """
        data = self.socket.recv(1 << 20)
        self.data += data
        return bool(data)

    def receive_all(self) -> bytes:
        """Everything up to the gateway's close."""
        while self.receive():
            pass
        return bytes(self.data)

    def receive_bytes(self, size: int) -> None:
        """Wait until there are so many bytes; the gateway must not close before."""
        while len(self.data) < size:
            assert self.receive(), f"closed after {len(self.data)} bytes"

    def receive_until(self, wanted: Callable[[list[bytes]], bool]) -> list[bytes]:
        """Records, as soon as they are what is wanted; the gateway must not close before."""
        while not wanted(found := self.records()):
            assert self.receive(), f"closed after {len(found)} records"
        return found

    def records(self) -> list[bytes]:
        """Whole records so far; the header is left out."""
        if len(self.data) < 8:
            return []
        at = self._split_to or 8 + int.from_bytes(self.data[4:8], "little")
        while at < len(self.data) and at + self.data[at] * 4 <= len(self.data):
            assert self.data[at] >= 4, f"a record of {self.data[at]} words at byte {at}"
            self._records.append(bytes(self.data[at : at + self.data[at] * 4]))
            at += self.data[at] * 4
        self._split_to = at
        return list(self._records)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self) -> bytes:
        """One line of the text part, read byte by byte: what follows may be binary."""
        line = b""
        while not line.endswith(b"\n"):
            octet = self.socket.recv(1)
            if not octet:
                raise ConnectionError(f"closed after {line!r}")
            line += octet
        return line[:-1]


def of_type(records: Iterable[bytes], rtype: int) -> list[bytes]:
    """Those of one type."""
    return [raw for raw in records if raw[1] == rtype]

"""A simulated live gateway for tests, on loopback: in a thread, or as a process of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from simulator.gateway.config import GatewayConfig
from simulator.gateway.directory import Directory
from simulator.gateway.files import load
from simulator.gateway.log import Log
from simulator.gateway.market import Market, MarketConfig
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
        market_config = MarketConfig(**of_market)
        log, directory = Log(market_config.log_bytes_max), Directory()
        load(files, log, directory)
        market = Market(market_config, log, directory)
    with GatewayThread(Gateway(config, market)) as running:
        key = config.keys[0]
        yield RunningGateway(running.gateway, config.host, running.gateway.port, key)
        assert running.gateway.counts.defects == 0, "see the log for the traceback"

"""Markets for a gateway: of DBN files, or of the simulated exchange."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulator.gateway.directory import Directory
from simulator.gateway.files import load
from simulator.gateway.log import Log
from simulator.gateway.market import Market, MarketConfig

if TYPE_CHECKING:
    from simulator.simulation import SimulationConfig

LOG_BYTES_MAX: Final = 8 * 2**30
"""Disk for what the simulated exchange has produced: about four days at 400 records a second."""


def market_of_files(
    paths: Sequence[Path], config: MarketConfig, directory: Path | None = None
) -> Market:
    """A market of DBN files, one after the other; their records take `directory`'s disk meanwhile.

    Raises:
        FeedError: a file is missing, unreadable, damaged, or no DBN.
    """
    log = Log(directory=directory)
    known = Directory()
    try:
        load(paths, log, known)
    except BaseException:
        log.close()
        raise
    return Market(config, log, known)


def market_of_exchange(
    simulation: "SimulationConfig",
    config: MarketConfig,
    *,
    log_bytes_max: int = LOG_BYTES_MAX,
    directory: Path | None = None,
) -> Market:
    """The simulated exchange, day after day.

    Raises:
        ConfigError: see Exchange.
    """
    # Loading the compiled exchange takes a moment, which files need not wait for.
    from simulator.gateway.exchange import Exchange

    known = Directory()
    exchange = Exchange(simulation, known)
    return Market(config, Log(log_bytes_max, directory), known, exchange)

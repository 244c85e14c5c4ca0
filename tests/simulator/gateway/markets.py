"""Markets of a few records, for tests."""

import numpy as np

from simulator.gateway.directory import Directory, instrument_of
from simulator.gateway.log import Log
from simulator.gateway.market import Market, MarketConfig

TS = 1_775_482_200_000_000_000
SYMBOLS = {11: "ESM6", 12: "ESU6", 13: "NQM6"}


def market_of(raw: bytes, **config) -> Market:
    """A market whose log holds `raw`, and which lists SYMBOLS."""
    directory = Directory()
    for number, symbol in SYMBOLS.items():
        directory.add(instrument_of(number, symbol))
    log = Log()
    log.append(np.frombuffer(raw, np.uint32))
    return Market(MarketConfig(**({"speed": None} | config)), log, directory)

"""What the tests of the bars share: pressure of a market, second by second, and its files."""

from dataclasses import replace

import polars as pl

from operators.model.streams import PRESSURE, Message
from tests.sinks.messages import PRESSURE_ES, TS

SECOND = 1_000_000_000
# 14:00 of a day, so that spans begin there.
START = TS // (3_600 * SECOND) * 3_600 * SECOND


def pressure(root, second, instruments=2):
    """Pressure of a root at the end of a second after 14:00."""
    (one,) = PRESSURE_ES.instruments
    value = replace(
        PRESSURE_ES,
        root=root,
        ts_event=START + second * SECOND,
        instruments=tuple(
            replace(one, instrument_id=number, symbol=f"{root}{number}", volume_buy=second)
            for number in range(instruments)
        ),
    )
    return Message(PRESSURE, root, 0, value)


def seconds_of(file):
    """(root's symbol, second) of every row."""
    table = pl.read_parquet(file)
    return list(zip(table["symbol"], table["volume_buy"], strict=True))


def files(directory):
    """Path below the folder of every Parquet file."""
    return sorted(str(f.relative_to(directory)) for f in directory.rglob("*.parquet"))

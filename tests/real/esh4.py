"""The two ESH4 files as records."""

from functools import cache
from pathlib import Path

import numpy as np
import zstandard

from operators.model.items import Instrument, MboRows
from operators.model.records import MBO_DTYPE, MboBatch
from tests.tape import instrument

INSTRUMENT_ID = 17077
NAMES = ("esh4-glbx-mdp3-20231224.mbo.dbn.zst", "esh4-glbx-mdp3-20231225.mbo.dbn.zst")
SNAPSHOT_RECORDS = 8_725

STATE = {
    "orders": 11_217,
    "bid_levels": 922,
    "ask_levels": 565,
    "best_bid": 4_810_000_000_000,
    "best_ask": 4_810_250_000_000,
    "unknown_orders": 0,
    "last_sequence": 59_585,
    "last_ts_recv": 1_703_548_799_446_821_072,
}
"""The book after both files. Published as a unit test by an independent project."""

EXECUTIONS = {
    "trades": 2_973,
    "aggressors": 2_934,
    "swept_2": 33,
    "swept_3_or_more": 3,
    "stops": 100,
    "iceberg_refills": 85,
    "iceberg_orders": 13,
    "hidden_size": 503,
    "traded_size": 9_848,
}
"""Totals of their executions."""


@cache
def records(folder: Path, name: str) -> MboBatch:
    """Records of a file: what follows `DBN`, version, and metadata of the length they say."""
    with (folder / name).open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()
    assert data[:3] == b"DBN"
    return np.frombuffer(data, MBO_DTYPE, offset=8 + int.from_bytes(data[4:8], "little"))


def items(folder: Path, *, names: tuple[str, ...] = NAMES) -> list[Instrument | MboRows]:
    """Both files in order, as the flow gets them."""
    return [
        instrument(INSTRUMENT_ID, "ESH4", "ES"),
        *(MboRows("test", records(folder, name)) for name in names),
    ]

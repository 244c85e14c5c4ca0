"""Tapes for tests: records to append, and what a tape holds."""

from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np

from connectors.databento.header import Header
from connectors.databento.messages import system_record, tick_record
from connectors.tape.config import TapeConfig
from connectors.tape.segments import TapePosition
from connectors.tape.tape import Tape
from tests.connectors.dbn_bytes import mbo, rare

FEED = "glbx"
BEGIN = TapePosition(1, 0)


def config_of(folder: Path, **fields: Any) -> TapeConfig:
    """Small segments are not allowed to users; tests rotate on purpose."""
    room = {"reserve_bytes": 0, "reserve_bytes_min": 0}
    return TapeConfig(directory=str(folder), host="here", **(room | fields))


def opened(folder: Path, *, notes: list[str] | None = None, **fields: Any) -> Tape:
    """The tape in a folder, open; what it has to say goes to `notes`."""
    tape = Tape(config_of(folder, **fields), FEED, on_note=([] if notes is None else notes).append)
    tape.open()
    return tape


def records(count: int, start: int = 0) -> list[bytes]:
    """Records one by one, of several types: mostly market-by-order."""
    return [_record(number) for number in range(start, start + count)]


def _record(number: int) -> bytes:
    if number % 11 == 5:
        return tick_record(1_000 + number)
    if number % 17 == 3:
        return system_record(1_000 + number, f"ifd control silence {number}")
    if number % 23 == 7:
        return rare(dbn.InstrumentDefMsg, instrument_id=number, ts_event=1_000 + number)
    if number % 29 == 9:
        return rare(dbn.StatusMsg, instrument_id=1, ts_event=1_000 + number)
    return mbo(1, start=number).tobytes()


def held(tape: Tape, from_: TapePosition = BEGIN, rows_max: int = 1_000) -> bytes:
    """All records from a position to the end, as they were appended."""
    return b"".join(data for _, data in read(tape, from_, rows_max))


def read(
    tape: Tape, from_: TapePosition = BEGIN, rows_max: int = 1_000
) -> list[tuple[TapePosition, bytes]]:
    """Pieces from a position to the end: the position after each, and its bytes."""
    found = []
    reader = tape.read(from_, tape.end)
    while pieces := reader.next(rows_max):
        for position, piece in pieces:
            if isinstance(piece, np.ndarray):
                found.append((position, piece.tobytes()))
            elif not isinstance(piece, Header):
                found.append((position, piece[1]))
    return found

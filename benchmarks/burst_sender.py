"""A live gateway of one session that sends a tape's opening, then a burst at each intended time.

A process of its own. It prints its port, and later the time of the first burst on the monotonic
clock, which all processes of a machine share.
"""

import argparse
import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import dataflows  # noqa: F401 - before any kernel: it says where compiled ones are kept
from benchmarks.paced import Schedule, scheduled
from benchmarks.sender import let_in, say
from connectors.databento.header import header_bytes
from connectors.databento.wire import Decoder, WithRaw
from operators.model.records import MBO_DTYPE, MboBatch
from simulator.gateway.records import replay_completed

BURST_ROWS: Final = 1_000
INTERVAL_NS: Final = 100_000_000
"""Bursts of 1,000 each 100 ms: 10,000 records/s."""
LEAD_S: Final = 3.0
"""From the opening to the first burst."""


def main() -> None:
    """Let one client in, send, wait until it goes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.burst_sender", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("opening_records", type=int)
    parser.add_argument("bursts", type=int)
    arguments = parser.parse_args()
    opening, schedule = read(arguments.file, arguments.opening_records, arguments.bursts)
    with let_in() as connection:
        connection.sendall(opening)
        schedule.start_ns = time.monotonic_ns() + round(LEAD_S * 1e9)
        say(schedule.start_ns)
        for number, burst in enumerate(schedule.bursts):
            time.sleep(max(0, schedule.due_ns(number) - time.monotonic_ns()) / 1e9)
            connection.sendall(burst.tobytes())
        while connection.recv(65_536):
            pass


def read(file: Path, opening_records: int, bursts: int) -> tuple[bytes, Schedule]:
    """Bytes up to the end of the opening, told to be complete, and the bursts that follow."""
    data = file.read_bytes()
    parts: list[bytes] = [data[: header_bytes(data)]]
    live: list[NDArray[np.void]] = []
    seen = 0
    for _, piece in Decoder("sender", with_raw=True).decode(data):
        if isinstance(piece, WithRaw):
            parts.append(piece.raw)
        elif isinstance(piece, np.ndarray):
            cut = min(max(opening_records - seen, 0), piece.size)
            parts.append(piece[:cut].tobytes())
            live.append(piece[cut:])
            seen += piece.size
    rows: MboBatch = np.concatenate(live)[: (bursts + 2) * BURST_ROWS].view(MBO_DTYPE)
    schedule = scheduled(rows, BURST_ROWS, INTERVAL_NS)
    schedule.bursts = schedule.bursts[:bursts]
    parts.append(replay_completed(int(rows["ts_event"][0]), "mbo"))
    return b"".join(parts), schedule


if __name__ == "__main__":
    main()

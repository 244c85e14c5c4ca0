"""A live gateway of one session that sends a tape's opening, then a burst at each intended time.

A process of its own. It prints its port, and later the time of the first burst on the monotonic
clock, which all processes of a machine share.
"""

import argparse
import socket
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

import dataflows  # noqa: F401 - before any kernel: it says where compiled ones are kept
from benchmarks.paced import Schedule, scheduled
from benchmarks.sender import shake_hands
from connectors.databento.header import header_bytes
from connectors.databento.messages import system_record
from connectors.databento.wire import Decoder, WithRaw
from operators.model.records import MBO_DTYPE, MboBatch

BURST_ROWS: Final = 1_000
INTERVAL_NS: Final = 100_000_000
"""Bursts of 1,000 each 100 ms: 10,000 records/s."""
LEAD_S: Final = 3.0
"""From the opening to the first burst."""
_REPLAYED_CODE: Final = 3
_TIMEOUT_S: Final = 120.0


def main() -> None:
    """Let one client in, send, wait until it goes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.burst_sender", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("opening_records", type=int)
    parser.add_argument("bursts", type=int)
    arguments = parser.parse_args()
    opening, schedule = read(arguments.file, arguments.opening_records, arguments.bursts)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_TIMEOUT_S)
        _say(server.getsockname()[1])
        connection, _ = server.accept()
    with connection:
        connection.settimeout(_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        shake_hands(connection)
        connection.sendall(opening)
        schedule.start_ns = time.monotonic_ns() + round(LEAD_S * 1e9)
        _say(schedule.start_ns)
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
    parts.append(system_record(int(rows["ts_event"][0]), "Finished mbo replay", _REPLAYED_CODE))
    return b"".join(parts), schedule


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""A live gateway of one session: the real handshake, then the bytes of a file as fast as they go.

A process of its own, so that its time is not the connector's. It does nothing to the bytes while
it sends: what is measured is what reads them.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import Final

import numpy as np

import dataflows  # noqa: F401 - before any kernel: it says where compiled ones are kept
from connectors.databento.control import START_SESSION, Authentication, Lines, format_line
from connectors.databento.header import header_bytes
from connectors.databento.wire import Decoder, WithRaw
from operators.model.records import MBO_DTYPE_TS_OUT
from simulator.gateway.records import replay_completed

KEY: Final = "db-benchmarks-benchmarks-1234567"
_TS_OUT_OFFSET: Final = 52
TIMEOUT_S: Final = 120.0
_READ_BYTES: Final = 65_536
_PREPARED_BYTES: Final = 16 * 1024 * 1024


def main() -> None:
    """Print the port, let one client in, send once the input is closed, wait until it goes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sender", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--ts-out", action="store_true")
    arguments = parser.parse_args()
    data = session_bytes(arguments.file.read_bytes(), ts_out=arguments.ts_out)
    with let_in() as connection:
        sys.stdin.read()
        connection.sendall(data)
        while connection.recv(_READ_BYTES):
            pass


def session_bytes(data: bytes, *, ts_out: bool) -> bytes:
    """What a session that replays a file sends: all of it, and that the replay is complete."""
    end = replay_completed(0, "mbo")
    if not ts_out:
        return data + end
    head = bytearray(data[: header_bytes(data)])
    head[_TS_OUT_OFFSET] = 1
    parts = [bytes(head)]
    decoder = Decoder("sender", with_raw=True)
    for start in range(0, len(data), _PREPARED_BYTES):
        for _, piece in decoder.decode(data[start : start + _PREPARED_BYTES]):
            if isinstance(piece, np.ndarray):
                sent = np.zeros(piece.size, MBO_DTYPE_TS_OUT)
                for name in piece.dtype.names or ():
                    sent[name] = piece[name]
                sent["length"], sent["ts_out"] = MBO_DTYPE_TS_OUT.itemsize // 4, piece["ts_recv"]
                parts.append(sent.tobytes())
            elif isinstance(piece, WithRaw):
                parts.append(_sent(piece.raw))
    return b"".join([*parts, _sent(end)])


def let_in() -> socket.socket:
    """Print a port of our own; the first client there, up to the start of its session."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_S)
        say(server.getsockname()[1])
        connection, _ = server.accept()
    connection.settimeout(TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _shake_hands(connection)
    return connection


def say(number: int) -> None:
    """Tell whoever started this process, in a line."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _shake_hands(connection: socket.socket) -> None:
    """Let any client in that asks, up to the start of its session."""
    connection.sendall(format_line({"lsg_version": "0.9.4"}) + format_line({"cram": "x" * 32}))
    lines = Lines()
    while True:
        received = connection.recv(_READ_BYTES)
        assert received, "the client went away"
        for line in lines.feed(received):
            if line.startswith(b"auth="):
                fields = dict(word.split("=", 1) for word in line.decode().split("|"))
                assert Authentication.parse(fields).auth
                connection.sendall(format_line({"success": "1", "session_id": "1"}))
            elif line.startswith(START_SESSION.encode()):
                return


def _sent(raw: bytes) -> bytes:
    return bytes([raw[0] + 2]) + raw[1:] + bytes(8)


if __name__ == "__main__":
    main()

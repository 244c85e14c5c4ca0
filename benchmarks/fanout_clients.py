"""Many WebSocket clients in one process, as cheap as Python allows: a socket each and one epoll.

They upgrade, subscribe, and note when each message came; pings are answered. Told by lines on
standard input: `stop N` (the first N read nothing any more) and `end`. Times are of
CLOCK_MONOTONIC, which all processes of a machine share.
"""

import base64
import json
import os
import select
import socket
import sys
import time
from typing import Final

import numpy as np

SUBSCRIBE: Final = json.dumps({"op": "subscribe", "channels": ["signals"], "roots": ["*"]})
CHUNK_BYTES: Final = 1 << 14
"""Read at once; a larger piece would be mapped and unmapped each time, for more than the read."""
UPDATE: Final = b'{"op":"update"'
SEQ: Final = b'"seq":'


def masked(opcode: int, payload: bytes) -> bytes:
    """A client's frame of less than 126 bytes, masked with zeros."""
    assert len(payload) < 126
    return bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload


class Crowd:
    """The clients. `arrivals[client, seq]` is when a message came, ns; 0 never."""

    def __init__(self, port: int, count: int, messages: int) -> None:
        self.sockets = [self._connected(port) for _ in range(count)]
        self.arrivals = np.zeros((count, messages + 1), np.int64)
        self.rest = [b""] * count
        self.places = {one.fileno(): place for place, one in enumerate(self.sockets)}
        self.lost = 0
        self.epoll = select.epoll()
        for one in self.sockets:
            one.setblocking(False)
            self.epoll.register(one.fileno(), select.EPOLLIN)

    @staticmethod
    def _connected(port: int) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        one.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ifd.v1\r\n\r\n".encode()
        )
        head = b""
        # Byte by byte: what follows the head is a frame.
        while not head.endswith(b"\r\n\r\n"):
            head += one.recv(1)
        assert head.startswith(b"HTTP/1.1 101"), head
        one.sendall(masked(1, SUBSCRIBE.encode()))
        return one

    def stop(self, count: int) -> None:
        """The first `count` stay connected and read nothing any more."""
        for one in self.sockets[:count]:
            self.epoll.unregister(one.fileno())

    def run(self) -> None:
        """Until told to end."""
        self.epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        while True:
            for number, _ in self.epoll.poll():
                if number == sys.stdin.fileno():
                    word, _, count = sys.stdin.readline().partition(" ")
                    if word != "stop":
                        return
                    self.stop(int(count))
                else:
                    self._read(self.places[number])

    def _read(self, place: int) -> None:
        one = self.sockets[place]
        try:
            data = one.recv(CHUNK_BYTES)
        except OSError:
            data = b""
        now_ns = time.monotonic_ns()
        if not data:
            self.lost += 1
            self.epoll.unregister(one.fileno())
            return
        if self.rest[place]:
            data = self.rest[place] + data
        at, end = 0, len(data)
        while end - at >= 2:
            size, head = data[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            elif size == 127:
                size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 10
            if end - at < head + size:
                break
            self._frame(place, data[at] & 0xF, data, at + head, at + head + size, now_ns)
            at += head + size
        self.rest[place] = data[at:]

    def _frame(
        self, place: int, opcode: int, data: bytes, start: int, stop: int, now_ns: int
    ) -> None:
        if opcode == 9:
            self.sockets[place].send(masked(10, data[start:stop]))
        elif data.startswith(UPDATE, start):
            at = data.index(SEQ, start) + len(SEQ)
            seq = int(data[at : data.index(b",", at)])
            # A cell that is filled twice would be a message that came twice.
            assert not self.arrivals[place, seq]
            self.arrivals[place, seq] = now_ns


def main(port: int, count: int, messages: int, path: str) -> None:
    """Connect, say so, run, and leave the times in a file."""
    crowd = Crowd(port, count, messages)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    crowd.run()
    np.save(path, crowd.arrivals)
    sys.stdout.write(f"{crowd.lost}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

"""One client's socket: lines in, bytes out, and the ways to end it."""

import asyncio
import socket
import struct
from typing import Final

from connectors.databento.control import Lines

_READ_BYTES: Final = 16 * 1024
Bytes = bytes | bytearray | memoryview


class Link:
    """A connected socket, used from the loop that accepted it. Holds at most one line."""

    def __init__(self, sock: socket.socket, send_buffer_bytes: int | None = None) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._lines = Lines()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
        self.sent_bytes = 0

    @property
    def is_open(self) -> bool:
        """It has not been closed here."""
        return self._sock.fileno() >= 0

    async def send(self, data: Bytes) -> None:
        """Hand all of `data` to the system, as fast as the client reads.

        Raises:
            OSError: the connection is lost.
        """
        await self._loop.sock_sendall(self._sock, data)
        self.sent_bytes += len(data)

    async def lines(self) -> list[bytes] | None:
        """The next lines, maybe none yet; None when the client has closed.

        Raises:
            OSError: the connection is lost.
            DecodeError: a line is too long.
        """
        data = await self._loop.sock_recv(self._sock, _READ_BYTES)
        return self._lines.feed(data) if data else None

    def close(self) -> None:
        """FIN, once what was sent has been read."""
        if self.is_open:
            self._sock.close()

    def finish(self) -> None:
        """FIN at once, also where the client still writes: closing would then be an RST."""
        if self.is_open:
            self._sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST: what was sent and not yet read may be lost."""
        if self.is_open:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._sock.close()

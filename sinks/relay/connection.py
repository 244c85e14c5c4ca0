"""Connection: websockets' server connection, as the wire of a client.

Frames are written as they are, made once for all clients: the library would frame them again for
each. The kernel's buffers are small on purpose: what waits there for a client that does not read is
seen by nobody, and a client sends us little.
"""

import socket
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from sinks.relay.client import Client
from sinks.relay.door import Door, Seat

SEND_BUFFER_BYTES: Final = 65_536
RECEIVE_BUFFER_BYTES: Final = 16_384
"""Linux doubles both."""
WRITE_LIMITS: Final = (65_536, 16_384)
"""Above the first writing pauses, at the second it goes on."""
REFLEX_BYTES_MAX: Final = 262_144
"""Of what the library writes by itself, such as pongs, so much may wait."""


class RelayConnection(ServerConnection):
    """A server connection with a client on it, once it is accepted."""

    client: Client | None = None
    seat: Seat | None = None
    door: Door | None = None
    reflex_bytes: int = 0
    """Written by the library since the buffer was last empty."""

    @property
    def is_paused(self) -> bool:
        """Whether more was written than the kernel took."""
        return self.paused

    def write(self, data: bytes) -> None:
        """Whole frames; nothing once the connection closes, as RFC 6455 section 5.5.1 has it."""
        if self.protocol.state is State.OPEN:
            self.transport.write(data)

    def ping(self, payload: bytes) -> None:  # type: ignore[override]
        """A ping frame. Not the library's: that one waits while the buffer is full."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_ping(payload)
            self.send_data()

    def buffered(self) -> int:
        """Bytes written that the kernel has not taken."""
        return self.transport.get_write_buffer_size()

    def start_close(self, code: int, reason: str) -> None:
        """A close frame; the other side answers it."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code, reason)
            self.send_data()

    def abort(self) -> None:
        """End at once."""
        self.transport.abort()

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call back after a while."""
        if delay_s:
            self.loop.call_later(delay_s, call)
        else:
            self.loop.call_soon(call)

    def connection_made(self, transport: Any) -> None:
        """asyncio: the other side has connected."""
        super().connection_made(transport)
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the other side is gone."""
        super().connection_lost(exc)
        if self.client is not None:
            self.client.on_lost()
        if self.seat is not None and self.door is not None:
            self.door.leave(self.seat)
            self.seat = None

    def pause_writing(self) -> None:
        """asyncio: the kernel takes no more."""
        super().pause_writing()
        if self.client is not None:
            self.client.on_full()

    def resume_writing(self) -> None:
        """asyncio: the kernel took what was written."""
        super().resume_writing()
        if self.client is not None:
            self.client.on_writable()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of the other side."""
        before = self.buffered()
        super().data_received(data)
        after = self.buffered()
        self.reflex_bytes = self.reflex_bytes + max(0, after - before) if after else 0
        if self.client is not None and self.reflex_bytes > REFLEX_BYTES_MAX:
            self.client.on_flood()

    def process_event(self, event: Any) -> None:
        """websockets: the request, then each frame."""
        if self.client is not None and isinstance(event, Frame):
            is_pong = event.opcode is Opcode.PONG
            self.client.on_frame(bytes(event.data) if is_pong else None)
        super().process_event(event)

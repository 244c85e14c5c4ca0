"""A relay on loopback for the time of a test, and clients of several kinds for it."""

import asyncio
import json
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.server import Relay

DEADLINE_S = 20.0
"""No test waits longer for anything."""


def within(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, at most so long."""

    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE_S):
            await test()

    asyncio.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    """Wait until it holds; the caller's deadline ends it."""
    while not condition():
        await asyncio.sleep(0.005)


@asynccontextmanager
async def relaying(hub: Hub | None = None, **given: Any) -> AsyncIterator[tuple[Relay, Hub]]:
    """A relay that listens on any free port."""
    config = RelayConfig(**{"ws_port": 0, **given})
    hub = Hub(config) if hub is None else hub
    relay = Relay(config, hub)
    await relay.start()
    try:
        yield relay, hub
    finally:
        await relay.close()


def url(relay: Relay) -> str:
    return f"ws://127.0.0.1:{relay.port}"


@asynccontextmanager
async def client(relay: Relay, **given: Any) -> AsyncIterator["Talker"]:
    """A client that has read the hello."""
    settings = {"subprotocols": ["ifd.v1"], "proxy": None, **given}
    async with connect(url(relay), **settings) as connection:
        talker = Talker(connection)
        talker.hello = await talker.read()
        yield talker


class Talker:
    """Frames as objects, both ways."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.hello: dict[str, Any] = {}

    async def say(self, **fields: Any) -> None:
        await self.connection.send(json.dumps(fields))

    async def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.connection.recv())
        return found

    async def ask(self, **fields: Any) -> dict[str, Any]:
        await self.say(**fields)
        return await self.read()

    async def subscribe(self, *channels: str, roots=("*",), **more: Any) -> dict[str, Any]:
        return await self.ask(op="subscribe", channels=channels, roots=roots, **more)

    async def closed(self) -> tuple[int | None, str | None]:
        """Code and reason, once it is."""
        await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


async def raw(relay: Relay, *frames: bytes) -> socket.socket:
    """A socket that has upgraded and sent these frames, and reads nothing more unless told."""
    loop = asyncio.get_running_loop()
    plain = socket.socket()
    plain.setblocking(False)
    await loop.sock_connect(plain, ("127.0.0.1", relay.port))
    request = (
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{relay.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {b64encode(bytes(16)).decode()}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ifd.v1\r\n\r\n"
    )
    await loop.sock_sendall(plain, request.encode() + b"".join(frames))
    head = b""
    while b"\r\n\r\n" not in head:
        head += await loop.sock_recv(plain, 64)
    assert head.startswith(b"HTTP/1.1 101"), head
    return plain


def masked(opcode: int, payload: bytes = b"") -> bytes:
    """One final frame of a client, RFC 6455 section 5.2, masked with zeros."""
    size = len(payload)
    assert size < 1 << 16
    head = (
        bytes((0x80 | opcode, 0x80 | size))
        if size < 126
        else (bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big"))
    )
    return head + bytes(4) + payload


def masked_text(**fields: Any) -> bytes:
    """A text frame of a client."""
    return masked(1, json.dumps(fields).encode())

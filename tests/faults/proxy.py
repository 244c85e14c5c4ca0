"""A proxy before a gateway that cuts, halves and delays what comes through, byte by byte."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Literal

Kind = Literal["none", "rst", "fin", "half_open", "refuse"]


@dataclass(frozen=True, slots=True)
class Way:
    """What happens to one connection."""

    kind: Kind = "none"
    after_bytes: int = 0
    """From the gateway, counted from the first one; the text before the session included."""
    read_bytes: int = 65_536
    """Passed on at once, at most."""


@dataclass
class Proxy:
    """A proxy that runs; `way` is asked for each new connection."""

    port: int
    host: str = "127.0.0.1"
    connections: list[Way] = field(default_factory=list)


@contextmanager
def running_proxy(host: str, port: int, way: Callable[[int], Way]) -> Iterator[Proxy]:
    """A proxy to a gateway, in a thread; `way` gets the number of the connection, from 0."""
    loop = asyncio.new_event_loop()
    proxy = Proxy(0)
    tasks: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The loop itself keeps tasks by weak references only.
        tasks.append(asyncio.current_task())
        each = way(len(proxy.connections))
        proxy.connections.append(each)
        try:
            if each.kind != "refuse":
                await _pass(reader, writer, host, port, each)
        except asyncio.CancelledError:
            return
        finally:
            writer.transport.abort()

    async def begin() -> asyncio.Server:
        return await asyncio.start_server(serve, proxy.host, 0, limit=1 << 20)

    server = loop.run_until_complete(begin())
    proxy.port = server.sockets[0].getsockname()[1]
    thread = Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _pass(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int, way: Way
) -> None:
    theirs, ours = await asyncio.open_connection(host, port)
    back = asyncio.ensure_future(_copy(reader, ours))
    passed = 0
    try:
        while data := await theirs.read(way.read_bytes):
            if way.kind != "none":
                data = data[: max(0, way.after_bytes - passed)]
            passed += len(data)
            writer.write(data)
            await writer.drain()
            if way.kind != "none" and passed >= way.after_bytes:
                await _cut(writer, way.kind, back)
                return
        writer.write_eof()
        await asyncio.sleep(0)
    except OSError:
        return
    finally:
        back.cancel()
        ours.transport.abort()


async def _cut(writer: asyncio.StreamWriter, kind: Kind, back: asyncio.Future[None]) -> None:
    transport = writer.transport
    if kind == "rst":
        with suppress(OSError):
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    elif kind == "fin":
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    elif kind == "half_open":
        # Until the other side gives up.
        while not transport.is_closing() and not back.done():
            await asyncio.sleep(0.01)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


async def _end(server: asyncio.Server) -> None:
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)

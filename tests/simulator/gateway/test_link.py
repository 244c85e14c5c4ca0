import asyncio
import socket

import pytest

from connectors.databento.control import LINE_BYTES_MAX
from operators.model.errors import DecodeError
from simulator.gateway.link import Link


def with_link(use):
    """Run `use(link, client)` on the two ends of a connection."""

    async def run():
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        link = Link(accepted)
        try:
            await asyncio.wait_for(use(link, client), 10)
        finally:
            link.close()
            client.close()

    asyncio.run(run())


async def lines_for_ever(link):
    while True:
        await link.lines()


def test_lines_come_as_they_are_completed():
    async def use(link, client):
        client.sendall(b"one\ntw")
        assert await link.lines() == [b"one"]
        client.sendall(b"o\n")
        assert await link.lines() == [b"two"]
        client.close()
        assert await link.lines() is None

    with_link(use)


def test_a_line_without_end_is_refused():
    async def use(link, client):
        client.setblocking(False)
        sending = asyncio.create_task(
            asyncio.get_running_loop().sock_sendall(client, b"x" * (LINE_BYTES_MAX + 1))
        )
        with pytest.raises(DecodeError):
            await lines_for_ever(link)
        await sending

    with_link(use)


def test_a_finish_is_a_clean_end_though_the_client_still_writes():
    async def use(link, client):
        client.sendall(b"unread\n")
        await link.send(b"last")
        link.finish()
        assert client.recv(100) == b"last"
        assert client.recv(100) == b""

    with_link(use)


def test_a_reset_is_one():
    async def use(link, client):
        link.reset()
        assert not link.is_open
        link.close()
        with pytest.raises(ConnectionResetError):
            client.recv(100)

    with_link(use)

"""Relays and workers that misbehave: the one that does pays for it, and nobody else notices."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from sinks.codec import encode
from sinks.published import published
from sinks.relay import push, push_link, push_receiver
from sinks.relay.push_frames import PROTOCOL, frames, gone, have
from sinks.relay.push_ring import Gone
from tests.sinks.messages import signal
from tests.sinks.relay.pushing import last, part_of, relay, seqs, signals, sink_of, until


@asynccontextmanager
async def strange_relay(handler):
    """A server that speaks as a relay does at first."""

    async def welcome(connection):
        await connection.send(have({}), text=True)
        await handler(connection)

    settings = {"subprotocols": [PROTOCOL], "max_size": None, "ping_interval": None}
    async with serve(welcome, "127.0.0.1", 0, close_timeout=0.1, **settings) as server:
        yield next(iter(server.sockets)).getsockname()[1]


@asynccontextmanager
async def stranger(receiver, **given):
    url = f"ws://127.0.0.1:{receiver.port}/push"
    async with connect(url, subprotocols=[PROTOCOL], proxy=None, **given) as connection:
        await connection.recv()
        yield connection


async def closed(connection):
    with pytest.raises(ConnectionClosed):
        await connection.recv()
    return connection.close_code, connection.close_reason


def frame_of(seq=1, generation="g1", born_ms=1):
    (frame,) = frames([published(signal("ES", seq), generation, born_ms, 5)])
    return frame


@pytest.mark.slow
def test_a_relay_that_reads_nothing_is_left_and_slows_nobody(monkeypatch):
    monkeypatch.setattr(push_link, "SEND_S", 1.0)
    over = asyncio.Event()

    async def hang(_):
        await over.wait()

    async def run():
        async with strange_relay(hang) as port, relay(0) as (hub, receiver):
            sink = sink_of(port, receiver.port)
            part = part_of(sink)
            link = sink.counters().links[f"127.0.0.1:{port}"]
            await until(lambda: link.connections == 1, "the connection")
            # More than two kernels hold for a socket.
            for first in range(1, 3_001, 500):
                part.write_batch(signals(first, first + 500))
            await until(lambda: last(hub, "NQ") == 3_000, "all at the other relay")
            assert hub.counters.missed == 0
            await until(lambda: link.failures, "the end of the stuck write")
            assert next(iter(link.failures)).startswith("ConnectionClosedError")
            over.set()
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_relay_that_refuses_what_it_gets_is_not_asked_again_at_once():
    taken = []

    async def refuse(connection):
        taken.append(await connection.recv())
        await connection.close(4500, "expected something else")

    async def run():
        async with strange_relay(refuse) as port, relay(0) as (hub, receiver):
            sink = sink_of(port, receiver.port)
            part = part_of(sink)
            part.write_batch(signals(1, 3))
            link = sink.counters().links[f"127.0.0.1:{port}"]
            await until(lambda: link.failures, "the refusal")
            for seq in range(3, 200):
                part.write_batch([signal("ES", seq)])
                await asyncio.sleep(0)
            await until(lambda: last(hub) == 199, "all at the other relay")
            (why,) = link.failures
            assert "4500" in why
            assert "expected something else" in why
            assert len(taken) == link.connections == 1
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_relay_that_talks_nonsense_is_a_counted_failure():
    async def run():
        async def greet(connection):
            await connection.send("nonsense")
            await connection.wait_closed()

        settings = {"subprotocols": [PROTOCOL]}
        async with serve(greet, "127.0.0.1", 0, **settings) as server:
            sink = sink_of(next(iter(server.sockets)).getsockname()[1])
            part = part_of(sink)
            (link,) = sink.counters().links.values()
            await until(lambda: sum(link.failures.values()) >= 2, "two refusals")
            assert link.connections == 0
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_message_too_large_is_left_out_and_counted(monkeypatch):
    monkeypatch.setattr(push, "VALUE_BYTES_MAX", len(encode(signal("ES", 9))))

    async def run():
        async with relay(0) as (hub, receiver):
            sink = sink_of(receiver.port)
            part = part_of(sink)
            part.write_batch([signal("ES", seq) for seq in range(8, 12)])
            await until(lambda: hub.epoch is not None and last(hub) == 9, "those that fit")
            assert seqs(hub) == [8, 9]
            assert sink.counters().oversize == 2
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_frame_too_large_ends_its_connection_and_is_counted(monkeypatch):
    monkeypatch.setattr(push_receiver, "FRAME_BYTES_MAX", 10_000)

    async def run():
        async with relay(0) as (_, receiver), stranger(receiver) as connection:
            await connection.send(b"x" * 10_001)
            code, _reason = await closed(connection)
            assert code == 1009
            await until(lambda: receiver.counters.oversize == 1, "the count")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        ([b"garbage"], 4500, "frame ends after 7 bytes"),
        (["text"], 4500, "line 1 column 1"),
        (['{"op":"gone","ranges":7}'], 4500, "expected what is gone"),
        ([frame_of(), frame_of(2, "g2")], 4500, "generation was ('g2', 1), expected ('g1', 1)"),
        ([frame_of(), frame_of(2, born_ms=2)], 4500, "expected ('g1', 1) as before"),
        ([frame_of(born_ms=2**52)], 4500, "expected no future"),
        ([frame_of(born_ms=-1)], 4500, "expected no future"),
        ([frame_of(1, "g0", born_ms=0)], 4510, "generation was g0, expected g1"),
    ],
)
def test_what_is_no_message_of_ours_is_named_and_ends_its_own_connection(sent, code, said):
    async def run():
        async with relay(0) as (hub, receiver):
            part = part_of(sink_of(receiver.port))
            part.write_batch(signals(1, 2))
            await until(lambda: last(hub, "NQ") == 1, "the worker's")
            async with stranger(receiver) as connection:
                for frame in sent:
                    await connection.send(frame)
                found, reason = await closed(connection)
            assert (found, said in reason) == (code, True), reason
            counters = receiver.counters
            assert counters.malformed + counters.outdated == 1
            assert hub.epoch == "g1"
            part.write_batch(signals(3, 4))
            await until(lambda: last(hub, "NQ") == 3, "the worker's next")
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_worker_of_a_newer_generation_takes_over_from_an_older_one():
    async def run():
        async with relay(0) as (hub, receiver):
            old = part_of(sink := sink_of(receiver.port))
            old.write_batch(signals(1, 5))
            await until(lambda: last(hub, "NQ") == 4, "the first generation")
            new = part_of(sink_of(receiver.port, generation="g2", generation_ts_ms=2))
            new.write_batch(signals(1, 3))
            await until(lambda: (hub.epoch, last(hub, "NQ")) == ("g2", 2), "the second")
            old.write_batch(signals(5, 6))
            (link,) = sink.counters().links.values()
            await until(lambda: any("4510" in why for why in link.failures), "its dismissal")
            assert seqs(hub) == [1, 2]
            for part in (old, new):
                await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_what_is_gone_is_counted_and_ends_nothing():
    async def run():
        async with relay(0) as (hub, receiver), stranger(receiver) as connection:
            for text in gone([Gone("signals", "ES", 1, 6)]):
                await connection.send(text, text=True)
            await connection.send(frame_of(7))
            await until(lambda: last(hub) == 7, "the message after it")
            assert receiver.counters.gone == 6

    asyncio.run(run())


def test_a_worker_that_vanishes_is_forgotten():
    async def run():
        async with relay(0) as (_, receiver):
            async with stranger(receiver) as connection:
                assert receiver.worker_count == 1
                connection.transport.abort()
            await until(lambda: receiver.worker_count == 0, "its end")

    asyncio.run(run())

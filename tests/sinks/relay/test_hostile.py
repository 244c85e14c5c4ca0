"""Clients that read nothing, vanish, flood or dawdle: they are cut, memory stays, others go on."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.sinks.relay.loopback import client, masked, masked_text, raw, relaying, until, within
from tests.sinks.relay.reader import message, run

SUBSCRIBE = masked_text(op="subscribe", channels=["signals"], roots=["*"])


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.parametrize("size", [300, 2_000, 20_000])
def test_who_reads_nothing_is_closed_within_five_seconds_and_nobody_else_notices(size):
    """Twelve megabytes in the end, or as much as comes until it is closed."""

    async def test():
        async with relaying(ring_messages_max=100) as (relay, hub), client(relay) as good:
            await good.subscribe("signals")
            dead = await raw(relay, SUBSCRIBE)
            await until(lambda: relay.counters.frames_in == 2)
            began, seq = time.monotonic(), 0
            read = asyncio.create_task(follow(good))
            before = resident_bytes()
            while relay.client_count == 2:
                seq += 1
                hub.publish([message("ES", seq, size=size)])
                await asyncio.sleep(0.005)
            assert time.monotonic() - began < 5.0
            assert resident_bytes() - before < 32 << 20
            hub.publish([message("ES", seq + 1)])
            hub.publish([message("NQ", 1)])
            assert await read == list(range(1, seq + 2))
            assert sum(relay.counters.closed.values()) == 1
            dead.close()

    within(test)


async def follow(one) -> list[int]:
    """Seqs of ES until a message of NQ comes."""
    seqs = []
    while True:
        frame = await one.read()
        if frame["op"] == "update":
            if frame["root"] == "NQ":
                return seqs
            seqs.append(frame["seq"])


def test_a_burst_to_one_that_reads_nothing_holds_no_more_than_the_queue():
    async def test():
        async with relaying(ring_messages_max=10) as (relay, hub):
            dead = await raw(relay, SUBSCRIBE)
            await until(lambda: relay.counters.frames_in == 1)
            for seq in range(1, 40):
                hub.publish([message("ES", seq, size=100_000)])
                await asyncio.sleep(0)
            await until(lambda: relay.client_count == 0)
            assert dict(relay.counters.closed) == {"overflow": 1}
            dead.close()

    within(test)


def test_who_pings_and_reads_nothing_is_cut():
    async def test():
        async with relaying() as (relay, _):
            dead = await raw(relay)
            loop = asyncio.get_running_loop()
            flood = masked(9, bytes(125)) * 400
            with suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(dead, flood)
            await until(lambda: relay.client_count == 0)
            assert dict(relay.counters.closed) == {"flood": 1}
            dead.close()

    within(test)


@pytest.mark.parametrize("cut", [1, 5, 60, 149, 150, 151, 170])
def test_who_vanishes_at_any_byte_leaves_nothing_behind(cut):
    async def test():
        async with relaying(auth_timeout_s=0.2) as (relay, hub):
            request = (
                b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                b"Sec-WebSocket-Version: 13\r\n\r\n"
            )
            _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            writer.write((request + SUBSCRIBE)[:cut])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            hub.publish([message("ES", 1)])
            await until(lambda: not relay._server.handler_tasks)
            assert (relay.client_count, relay._door.seats_taken) == (0, 0)

    within(test)


def test_who_says_nothing_at_all_is_cut():
    async def test():
        async with relaying(auth_timeout_s=0.2) as (relay, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            with suppress(ConnectionError):
                assert await reader.read(1) == b""
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    within(test)


def test_connections_that_come_and_go_while_it_publishes_miss_nothing():
    """Fault injection: every client is cut again and again, and resumes from where it was."""

    async def test():
        async with relaying() as (relay, hub):
            last = 400

            async def publish():
                for seq in range(1, last + 1):
                    hub.publish([message("ES", seq, size=500)])
                    await asyncio.sleep(0.002)

            async def follow_through_cuts(number: int) -> list[int]:
                seen: list[int] = []
                while not seen or seen[-1] < last:
                    async with client(relay) as one:
                        more = {}
                        if seen:
                            more["resume"] = {"epoch": "g1", "seq": {"signals/ES": seen[-1]}}
                        ack = await one.subscribe("signals", **more)
                        if seen:
                            assert ack["recovered"]["signals/ES"]["recovered"] is True
                        for _ in range(20 + 7 * number):
                            frame = await one.read()
                            if frame["op"] == "snapshot":
                                seen += [value["seq"] for value in frame["data"]]
                            elif frame["op"] == "update":
                                seen.append(frame["seq"])
                            if seen and seen[-1] == last:
                                break
                        one.connection.transport.abort()
                return seen

            following = [asyncio.create_task(follow_through_cuts(n)) for n in range(4)]
            await until(lambda: relay.counters.frames_in >= 4)
            await publish()
            assert await asyncio.gather(*following) == [list(range(1, last + 1))] * 4

    within(test)


def test_a_client_that_reads_slowly_but_reads_is_served():
    async def test():
        async with relaying(ring_messages_max=2_000) as (relay, hub):
            hub.publish(run("ES", 1, 1_500, size=1_000))
            async with client(relay, max_queue=1) as one:
                await one.subscribe("signals", resume={"epoch": "g1", "seq": {"signals/ES": 0}})
                for seq in range(1, 1_501):
                    assert (await one.read())["seq"] == seq
                    if seq % 100 == 0:
                        await asyncio.sleep(0.02)
            assert sum(relay.counters.closed.values()) == 0

    within(test)

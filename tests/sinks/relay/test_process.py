"""The whole process in one loop: found by HTTP and WebSocket, fed by a broker, ended cleanly."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import orjson
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dataflows.supervisor import free_ports
from operators.model.errors import ConfigError
from sinks.kafka_config import KafkaConfig
from sinks.relay.api.config import HttpConfig
from sinks.relay.config import RelayConfig
from sinks.relay.process import Parts, bind, serve
from tests.sinks.kafka_harness import build
from tests.sinks.messages import signal
from tests.sinks.relay.pushing import last, part_of, signals, sink_of, until

RELAY = RelayConfig(http_port=0, ws_port=0, push_port=0)
DEADLINE_S = 30.0


@asynccontextmanager
async def running(**given):
    parts = Parts(**{"relay": RELAY, "http": HttpConfig(), "kafka": KafkaConfig()} | given)
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(parts, stop, ready.set_result))
    done, _ = await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task in done:
        task.result()
    try:
        yield ready.result(), stop
    finally:
        stop.set()
        await asyncio.wait_for(task, DEADLINE_S)


async def get(found, path):
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{found.http_port}{path}", timeout=DEADLINE_S)


def test_http_answers_and_names_the_port_of_the_websocket():
    async def run():
        async with running() as (found, _):
            assert (await get(found, "/healthz")).status_code == 200
            assert (await get(found, "/v1/version")).json()["ws_port"] == found.ws_port
            assert (await get(found, "/readyz")).status_code == 503

    asyncio.run(run())


def test_a_signal_on_a_topic_reaches_a_client_and_the_api(embedded_kafka):
    async def run():
        kafka = KafkaConfig(
            bootstrap_servers=embedded_kafka, generation="g1", topic_prefix="process."
        )
        part = build(kafka)
        part.write_batch([signal("ES", 1)])
        async with running(kafka=kafka) as (found, _):
            async with connect(f"ws://127.0.0.1:{found.ws_port}/", subprotocols=["ifd.v1"]) as ws:
                await ws.recv()
                await ws.send(
                    '{"op":"subscribe","id":1,"channels":["signals"],"roots":["*"],'
                    '"resume":{"epoch":"g1","seq":{}}}'
                )
                part.write_batch([signal("ES", 2)])
                seen = []
                async with asyncio.timeout(DEADLINE_S):
                    while 2 not in seen:
                        frame = orjson.loads(await ws.recv())
                        values = frame.get("data", [])
                        for one in values if isinstance(values, list) else [values]:
                            seen.append(one["seq"])
                assert seen == [1, 2]
            assert (await get(found, "/readyz")).json()["ready"] is True
        await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_it_is_ready_while_a_worker_pushes():
    async def run():
        async with running() as (found, _):
            assert "push: no worker is connected" in (await get(found, "/readyz")).json()["reasons"]
            part = part_of(sink_of(found.push_port))
            part.write_batch(signals(1, 3))
            await until(lambda: last(found.status.hub, "NQ") == 2, "what was pushed")
            assert (await get(found, "/readyz")).status_code == 200
            assert found.status.feeds.connected() == ("push",)
            assert found.status.push.messages == 4
            await asyncio.to_thread(part.close)
            await until(lambda: not found.status.feeds.connected(), "that it left")
            assert (await get(found, "/readyz")).status_code == 503

    asyncio.run(run())


def test_a_broker_that_is_away_is_told_and_holds_up_nothing():
    async def run():
        (port,) = free_ports(1)
        kafka = KafkaConfig(bootstrap_servers=f"127.0.0.1:{port}")
        async with running(kafka=kafka) as (found, _):
            reasons = (await get(found, "/readyz")).json()["reasons"]
            assert any(reason.startswith(f"kafka: 127.0.0.1:{port} ") for reason in reasons)
            part = part_of(sink_of(found.push_port))
            part.write_batch(signals(1, 3))
            await until(lambda: last(found.status.hub, "NQ") == 2, "what was pushed")
            assert (await get(found, "/readyz")).status_code == 200
            await asyncio.to_thread(part.close)

    asyncio.run(run())


def test_a_stop_says_when_to_come_back():
    async def run():
        async with (
            running() as (found, stop),
            connect(f"ws://127.0.0.1:{found.ws_port}/", subprotocols=["ifd.v1"]) as ws,
        ):
            await ws.recv()
            stop.set()
            bye = orjson.loads(await ws.recv())
            assert (bye["op"], bye["code"]) == ("bye", 4000)
            assert bye["reconnect_after_ms"] > 0
            with pytest.raises(ConnectionClosed):
                await ws.recv()

    asyncio.run(run())


def test_a_taken_port_is_named_with_the_way_out():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port} is taken.*--http-port"):
            bind(replace(RELAY, http_port=port))

        async def run():
            async with running(relay=replace(RELAY, ws_port=port)):
                pass

        with pytest.raises(ConfigError, match=rf"ws_port: 127\.0\.0\.1:{port} is taken"):
            asyncio.run(run())

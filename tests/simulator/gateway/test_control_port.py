import asyncio
import json

import pytest

from operators.model.errors import ConfigError
from simulator.gateway.config import GatewayConfig
from simulator.gateway.control_port import ControlPort
from simulator.gateway.server import Gateway
from tests.connectors.dbn_bytes import mbo
from tests.simulator.gateway.markets import TS, market_of


@pytest.fixture
def gateway():
    market = market_of(mbo(3, ts=TS).tobytes())
    yield Gateway(GatewayConfig(port=0), market)
    market.log.close()


async def conversation(gateway, *lines: bytes) -> list[bytes]:
    control = ControlPort(gateway, 0)
    await control.open()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", control.port)
        answers = []
        for line in lines:
            writer.write(line + b"\n")
            answers.append(await asyncio.wait_for(reader.readline(), 10))
        writer.close()
        await writer.wait_closed()
        return answers
    finally:
        await control.close()


def test_each_line_has_one_answer(gateway):
    told = asyncio.run(
        conversation(gateway, b"rst at=5", b"nonsense", b"status", b"clear", b"status", b"help")
    )
    assert told[0] == b"ok\n"
    assert told[1].startswith(b"error: fault 'nonsense' is not known")
    assert json.loads(told[2])["faults_waiting"] == 1
    assert told[3] == b"ok\n"
    assert json.loads(told[4])["faults_waiting"] == 0
    assert b"half_open: " in told[5]
    assert all(line.endswith(b"\n") for line in told)


def test_a_line_that_is_too_long_ends_the_connection(gateway):
    assert asyncio.run(conversation(gateway, b"x" * 10_000)) == [b""]


def test_a_taken_port_is_said(gateway):
    async def twice():
        first = ControlPort(gateway, 0)
        await first.open()
        try:
            with pytest.raises(ConfigError, match=f"control port {first.port} cannot be used"):
                await ControlPort(gateway, first.port).open()
        finally:
            await first.close()

    asyncio.run(twice())

"""Clients that we did not write: Node's `ws` and Python's `websocket-client`."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import websocket

from sinks.relay.hub import Hub
from tests.sinks.relay.loopback import relaying, url, within
from tests.sinks.relay.reader import message

WS: Final = "ws@8.18.3"
FOLDER: Final = Path(__file__).resolve().parents[3] / ".cache" / WS
PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "relay-protocol.md"
SCRIPT: Final = Path(__file__).with_name("client.cjs")
LAST: Final = 60


def ws() -> Path:
    """Folder of Node's package, installed once."""
    if not (FOLDER / "node_modules" / "ws").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--prefix", str(FOLDER), "--ignore-scripts", "--no-audit", WS]
        subprocess.run(command, check=True, capture_output=True)
    return FOLDER / "node_modules"


async def publish(hub: Hub) -> None:
    """One message in a while, until somebody has seen the last and ends us."""
    for seq in range(1, LAST + 1):
        hub.publish([message("ES", seq)])
        await asyncio.sleep(0.01)


@pytest.mark.servers
@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="needs Node")
def test_ws_of_node_misses_and_doubles_nothing():
    async def test():
        modules = await asyncio.to_thread(ws)
        async with relaying() as (relay, hub):
            process = await asyncio.create_subprocess_exec(
                *("node", str(SCRIPT), url(relay), str(LAST)),
                env={**os.environ, "NODE_PATH": str(modules)},
                stdout=asyncio.subprocess.PIPE,
            )
            publishing = asyncio.create_task(publish(hub))
            try:
                said, _ = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
            await publishing
            assert json.loads(said) == {
                "seen": list(range(1, LAST + 1)),
                "bye": 4500,
                "protocol": "ifd.v1",
            }

    within(test)


def test_websocket_client_misses_and_doubles_nothing():
    async def test():
        async with relaying() as (relay, hub):
            following = asyncio.create_task(asyncio.to_thread(follow, url(relay)))
            await publish(hub)
            assert await following == (list(range(1, LAST + 1)), 4500)

    within(test)


def follow(address: str) -> tuple[list[int], int]:
    """As in client.cjs: seqs seen, and the code that answers a bad frame."""
    seen: list[int] = []
    while True:
        one = websocket.create_connection(address, subprotocols=["ifd.v1"], timeout=10)
        try:
            assert json.loads(one.recv())["op"] == "hello"
            ask: dict[str, object] = {"op": "subscribe", "channels": ["signals"], "roots": ["*"]}
            if seen:
                ask["resume"] = {"epoch": "g1", "seq": {"signals/ES": seen[-1]}}
            one.send(json.dumps(ask))
            for _ in range(6):
                frame = json.loads(one.recv())
                if frame["op"] == "snapshot":
                    seen += [value["seq"] for value in frame["data"]]
                elif frame["op"] == "update":
                    seen.append(frame["seq"])
                if seen and seen[-1] == LAST:
                    one.send("{")
                    while (frame := json.loads(one.recv()))["op"] != "bye":
                        pass
                    return seen, frame["code"]
        finally:
            one.shutdown()


def test_the_smallest_client_of_the_page_follows_and_comes_back(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = tmp_path / "smallest.py"

    async def test():
        async with relaying() as (first, hub):
            script.write_text(code.replace("127.0.0.1:8765", f"127.0.0.1:{first.port}"))
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-u", str(script)), stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            lines = process.stdout
            try:
                hub.publish([message("ES", 1)])
                assert "'seq': 1" in (await lines.readline()).decode()
                port = first.port
                await first.close()
                assert b"closed: the relay is closing" in await lines.readline()
                hub.publish([message("ES", 2)])
                async with relaying(hub, ws_port=port):
                    while "'seq': 2" not in (line := (await lines.readline()).decode()):
                        assert line, "the client has ended"
                    # Recovered, so no snapshot: the next line is the next message.
                    hub.publish([message("ES", 3)])
                    assert "'seq': 3" in (await lines.readline()).decode()
            finally:
                process.kill()
                await process.communicate()

    within(test)

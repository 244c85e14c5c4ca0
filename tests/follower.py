"""A client of relays as it should be: it comes back with what it has, wherever a relay answers."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from operators.model.streams import EVENT_STREAMS
from sinks.digest import Digest

LOOK_S = 0.1
"""Between looks at whether to move."""


class Follower:
    """A thread that follows all event channels; what is wrong with what it gets is in `faults`."""

    def __init__(self, ports: Sequence[int]) -> None:
        """It begins at the first relay, and moves to the next when one leaves or `move` is called.

        Each is a WebSocket port on loopback.
        """
        self._ports = ports
        self._at = 0
        self._stop = Event()
        self._move = Event()
        self.epoch: str | None = None
        self.last: dict[str, int] = {}
        """`channel/root` → last seq."""
        self.digest = Digest()
        self.faults: list[str] = []
        self.connections: list[int] = []
        """Port of each connection that got as far as a subscription."""
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """Event messages so far."""
        return self.digest.count

    def move(self) -> None:
        """Leave this relay for the next one."""
        self._move.set()

    def stop(self) -> None:
        """Leave."""
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            port = self._ports[self._at % len(self._ports)]
            with suppress(OSError, WebSocketException):
                self._follow(port)
            self._move.clear()
            self._at += 1
            self._stop.wait(0.02)

    def _follow(self, port: int) -> None:
        with connect(
            f"ws://127.0.0.1:{port}/",
            subprotocols=[Subprotocol("ifd.v1")],
            proxy=None,
            close_timeout=0.5,
            open_timeout=2,
        ) as connection:
            self._join(connection, json.loads(connection.recv(5)))
            self.connections.append(port)
            while not (self._stop.is_set() or self._move.is_set()):
                with suppress(TimeoutError):
                    self._take(connection.recv(LOOK_S, decode=False))

    def _join(self, connection: ClientConnection, hello: dict[str, Any]) -> None:
        if self.epoch is None:
            self.epoch = hello["epoch"]
        if self.epoch is None:  # Nothing has come yet: whoever joins now may miss the beginning.
            time.sleep(LOOK_S)
            raise ConnectionClosed(None, None)
        request = {
            "op": "subscribe",
            "id": 1,
            "channels": EVENT_STREAMS,
            "roots": ["*"],
            "resume": {"epoch": self.epoch, "seq": self.last},
        }
        connection.send(json.dumps(request))

    def _take(self, frame: bytes) -> None:
        told = json.loads(frame)
        match told["op"]:
            case "update":
                self._update(told, frame)
            case "ack":
                lost = {
                    k: v for k, v in (told.get("recovered") or {}).items() if not v["recovered"]
                }
                if lost:
                    self.faults.append(f"not recovered: {lost}")
            case "epoch" if told["epoch"] == self.epoch:
                pass  # A relay that came up after us has heard of our epoch by now.
            case "heartbeat" | "bye":
                pass
            case _:
                self.faults.append(frame.decode()[:200])

    def _update(self, told: dict[str, Any], frame: bytes) -> None:
        name = f"{told['channel']}/{told['root']}"
        due = self.last.get(name, 0) + 1
        if (told["epoch"], told["seq"]) != (self.epoch, due):
            self.faults.append(f"{name}: {told['epoch']} {told['seq']}, expected {due}")
        self.last[name] = told["seq"]
        # The value as the sink wrote it: the last field of the frame.
        value = frame[frame.index(b',"data":') + len(b',"data":') : -1]
        self.digest.add(told["channel"], told["root"], value)

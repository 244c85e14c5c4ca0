"""What the relay's clients wait for: `python -m benchmarks.fanout`, beside a bare broadcast.

Clients are in a second process. Signals come at an even pace, whether or not the last one has been
served. *Served* is from the hand-over to the hub until the last client's frame is in its socket.
*Last* is until the last client has read it, *each* the same for any one client: both include what
the clients' process needs to read them all, in Python, on a core of its own if there is one.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from sinks.published import Published
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub
from sinks.relay.messages import update
from sinks.relay.server import Relay

PACE_S: Final = 0.04
"""1,500 signals a minute, unless told otherwise."""
WARM: Final = 25
"""Signals before those that count."""
VALUE_BYTES: Final = 1_500
"""A signal with two pieces of evidence."""
RESULTS: Final = Path("build/fanout.json")
TARGETS: Final = {
    50: "each p99 10 ms, aim 3",
    500: "served p99 10 ms",
    1_500: "aim: served p99 10 ms",
}
DEAD_TARGETS: Final = "ratio 1.2, closed 5 s, memory 64 MB"

Publish = Callable[[Published], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """How signals come."""

    seconds: float
    per_s: float

    @property
    def count(self) -> int:
        """Signals in all."""
        return int(self.seconds * self.per_s)


@dataclass(frozen=True, slots=True)
class Serving:
    """One way to serve clients."""

    port: int
    publish: Publish
    client_count: Callable[[], int]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.add_argument("--clients", type=int, action="append", help="instead of 50, 500, 1500")
    parser.add_argument("--seconds", type=float, default=10.0, help="of signals, each time")
    parser.add_argument(
        "--per-second", type=float, default=1 / PACE_S, help="signals, 100: 6,000/min"
    )
    parser.add_argument("--quick", action="store_true", help="few clients: does it run at all?")
    arguments = parser.parse_args()
    counts = arguments.clients or ([5, 20] if arguments.quick else [50, 500, 1_500])
    crowd, dead = (20, 4) if arguments.quick else (1_000, 100)
    seconds = 2.0 if arguments.quick else arguments.seconds
    results = measured(counts, Pace(seconds, arguments.per_second), crowd, dead)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(show(results))
    print(f"written to {RESULTS}")


def measured(counts: list[int], pace: Pace, crowd: int, dead: int) -> dict[str, Any]:
    """All results."""
    found: dict[str, Any] = {
        "machine": f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}",
        "signals_per_s": pace.per_s,
        "value_bytes": VALUE_BYTES,
        "fanout": {},
    }
    for count in counts:
        found["fanout"][str(count)] = {
            "relay": asyncio.run(_fanout(relaying, count, pace)),
            "broadcast": asyncio.run(_fanout(broadcasting, count, pace)),
        }
    found["dead"] = asyncio.run(_dead(crowd, dead, pace))
    return found


def show(results: dict[str, Any]) -> str:
    """The table."""
    lines = [
        (
            f"{results['machine']}; {results['signals_per_s']:g} signals/s of "
            f"{results['value_bytes']} bytes"
        ),
        (
            f"{'ms':<26}{'served p50':>11}{'p99':>7}{'last p50':>10}{'p99':>7}"
            f"{'each p50':>10}{'p99':>7}{'CPU/client':>12}   target"
        ),
    ]
    for count, ways in results["fanout"].items():
        for name, one in ways.items():
            target = TARGETS.get(int(count), "") if name == "relay" else ""
            lines.append(
                f"{count + ' clients, ' + name:<26}{one['served_p50_ms']:>11.2f}"
                f"{one['served_p99_ms']:>7.2f}{one['last_p50_ms']:>10.2f}"
                f"{one['last_p99_ms']:>7.2f}{one['each_p50_ms']:>10.2f}{one['each_p99_ms']:>7.2f}"
                f"{one['cpu_us']:>9.1f} us   {target}"
            )
    dead = results["dead"]
    lines.append(
        f"{dead['clients']} clients, {dead['stopped']} of them stop to read: others' each p99 "
        f"{dead['before_p99_ms']:.2f} -> {dead['after_p99_ms']:.2f} ms (ratio "
        f"{dead['ratio']:.2f}), last p99 {dead['before_last_p99_ms']:.2f} -> "
        f"{dead['after_last_p99_ms']:.2f} ms; all closed after {dead['closed_s']:.1f} s; "
        f"memory +{dead['growth_mb']:.1f} MB   target {DEAD_TARGETS}"
    )
    return "\n".join(lines)


@asynccontextmanager
async def relaying(count: int) -> AsyncIterator[Serving]:
    """The relay as it is in production, but for the number of clients."""
    config = RelayConfig(ws_port=0, clients_max=count)
    hub = Hub(config)
    relay = Relay(config, hub)
    await relay.start()
    try:
        yield Serving(relay.port, lambda one: hub.publish([one]), lambda: relay.client_count)
    finally:
        await relay.close()


@asynccontextmanager
async def broadcasting(_count: int) -> AsyncIterator[Serving]:
    """websockets alone: the same frames to whoever is connected."""
    connections: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        connections.add(connection)
        try:
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        finally:
            connections.discard(connection)

    def publish(message: Published) -> None:
        broadcast(connections, update(message, 0, is_state=False).text, text=True)

    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Serving(port, publish, lambda: len(connections))


class Crowd:
    """The clients' process."""

    def __init__(self, process: asyncio.subprocess.Process, path: Path) -> None:
        self._process = process
        self._path = path

    @classmethod
    async def start(cls, serving: Serving, count: int, messages: int, folder: str) -> "Crowd":
        """Returns when all of them are served."""
        path = Path(folder) / "arrivals.npy"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.fanout_clients"),
            *(str(serving.port), str(count), str(messages), str(path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n", "the clients did not start"
        while serving.client_count() < count:
            await asyncio.sleep(0.01)
        return cls(process, path)

    def tell(self, line: str) -> None:
        """One line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def end(self) -> NDArray[np.int64]:
        """When each message came to each client, ns, shape (clients, messages + 1)."""
        self.tell("end")
        await self._process.communicate()
        arrivals: NDArray[np.int64] = np.load(self._path)
        return arrivals


class Signals:
    """Messages at an even pace."""

    def __init__(self, publish: Publish, count: int, per_s: float) -> None:
        self._publish = publish
        self._pace_s = 1 / per_s
        self._due_s = time.monotonic()
        self.handed_ns = np.zeros(count + 1, np.int64)
        self.served_ns = np.zeros(count + 1, np.int64)
        self.seq = 0
        self.cpu_ns = 0

    async def send(self, count: int) -> None:
        """The next `count`, each when it is due."""
        self._due_s = max(self._due_s, time.monotonic())
        for _ in range(count):
            self._due_s += self._pace_s
            await asyncio.sleep(max(0.0, self._due_s - time.monotonic()))
            self.seq += 1
            message = _message(self.seq)
            self.handed_ns[self.seq] = time.monotonic_ns()
            began = time.thread_time_ns()
            self._publish(message)
            self.cpu_ns += time.thread_time_ns() - began
            self.served_ns[self.seq] = time.monotonic_ns()


def _message(seq: int) -> Published:
    value = json.dumps({"stream": "signals", "root": "ES", "seq": seq, "pad": ""})
    value = f"{value[:-2]}{'x' * (VALUE_BYTES - len(value))}{value[-2:]}"
    return Published(
        generation="benchmark",
        generation_ts_ms=1,
        stream="signals",
        root="ES",
        seq=seq,
        ts_event=seq,
        ts_published_ns=time.time_ns(),
        value=value.encode(),
    )


async def _fanout(way: Callable[[int], Any], count: int, pace: Pace) -> dict[str, float]:
    messages, warm = pace.count, WARM
    async with way(count) as serving:
        with tempfile.TemporaryDirectory(prefix="ifd-bench-") as folder:
            crowd = await Crowd.start(serving, count, warm + messages, folder)
            signals = Signals(serving.publish, warm + messages, pace.per_s)
            await signals.send(warm)
            signals.cpu_ns = 0
            await signals.send(messages)
            await asyncio.sleep(0.5)
            arrivals = await crowd.end()
    waits = _waits_ms(arrivals, signals)[:, warm:]
    served = (signals.served_ns - signals.handed_ns)[1 + warm :] / 1e6
    cpu_us = signals.cpu_ns / 1e3 / messages / count
    return {**_served(served), **_last(waits), **_each(waits), "cpu_us": cpu_us}


async def _dead(count: int, stopped: int, pace: Pace) -> dict[str, float]:
    """Some stop to read in the middle; how the others fare, and what becomes of the dead."""
    half, warm = pace.count, WARM
    async with relaying(count) as serving:
        with tempfile.TemporaryDirectory(prefix="ifd-bench-") as folder:
            crowd = await Crowd.start(serving, count, warm + 2 * half, folder)
            signals = Signals(serving.publish, warm + 2 * half, pace.per_s)
            await signals.send(warm + half)
            before_bytes, began = _resident_bytes(), time.monotonic()
            crowd.tell(f"stop {stopped}")
            watching = asyncio.create_task(_closed(serving, count - stopped, began))
            await signals.send(half)
            await asyncio.sleep(0.5)
            arrivals = await crowd.end()
            closed_s, peak_bytes = await watching
    waits = _waits_ms(arrivals[stopped:], signals)
    before, after = waits[:, warm : warm + half], waits[:, warm + half :]
    return {
        "clients": count,
        "stopped": stopped,
        "before_p99_ms": float(np.percentile(before, 99)),
        "after_p99_ms": float(np.percentile(after, 99)),
        "before_last_p99_ms": _last(before)["last_p99_ms"],
        "after_last_p99_ms": _last(after)["last_p99_ms"],
        "ratio": float(np.percentile(after, 99) / np.percentile(before, 99)),
        "closed_s": closed_s,
        "growth_mb": (peak_bytes - before_bytes) / 1e6,
    }


async def _closed(serving: Serving, left: int, began: float) -> tuple[float, int]:
    """Seconds until all dead are closed, and the most memory until then."""
    peak = _resident_bytes()
    while serving.client_count() > left:
        await asyncio.sleep(0.05)
        peak = max(peak, _resident_bytes())
        assert time.monotonic() - began < 60, f"{serving.client_count() - left} are not closed"
    return time.monotonic() - began, peak


def _waits_ms(arrivals: NDArray[np.int64], signals: Signals) -> NDArray[np.float64]:
    """Shape (clients, messages): from hand-over to arrival."""
    assert np.all(arrivals[:, 1:] > 0), f"{np.sum(arrivals[:, 1:] == 0)} never came"
    waits: NDArray[np.float64] = (arrivals[:, 1:] - signals.handed_ns[1:]) / 1e6
    return waits


def _served(waits_ms: NDArray[np.float64]) -> dict[str, float]:
    p50, p99 = np.percentile(waits_ms, [50, 99])
    return {"served_p50_ms": float(p50), "served_p99_ms": float(p99)}


def _last(waits: NDArray[np.float64]) -> dict[str, float]:
    last = waits.max(axis=0)
    p50, p99 = np.percentile(last, [50, 99])
    return {"last_p50_ms": float(p50), "last_p99_ms": float(p99)}


def _each(waits: NDArray[np.float64]) -> dict[str, float]:
    p50, p99 = np.percentile(waits, [50, 99])
    return {"each_p50_ms": float(p50), "each_p99_ms": float(p99)}


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()

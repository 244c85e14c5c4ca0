"""How long until all is well again: `python -m benchmarks.restart`.

`ifd live` on a simulated gateway in real time, with recovery store and Kafka. A worker is killed,
or the cluster is told to stop and start; then the pressure of each second is watched until it comes
as soon after its second as it did before. Beside it what the workers cost at that pace, and what
they cost while next to nothing comes.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
from confluent_kafka import Consumer

import dataflows  # noqa: F401 - before any kernel: it says where compiled ones are kept
from benchmarks.tapes import tape_of
from dataflows.children import end
from dataflows.environment import environment
from dataflows.gateway_process import GatewayProcess, feed_settings
from operators.model.records import NS_PER_S
from operators.model.streams import PRESSURE, topic
from simulator.simulation import SimulationConfig
from sinks.embedded_broker import EmbeddedBroker

RECORDS_PER_S: Final = 1_000.0
DEADLINE_S: Final = 120.0
NEAR_S: Final = 0.5
"""So much later than usual is caught up."""
STEADY: Final = 10
"""Seconds of the market from which the usual delay is taken."""
CPU_S: Final = 20.0
STOP_S: Final = 30.0
STANDSTILL: Final = 0.001
"""A pace at which a second of the market takes a quarter of an hour."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restart", description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="of the cluster")
    parser.add_argument("--times", type=int, default=5, help="how often each is done")
    given = parser.parse_args()
    busy = _cpu(given.processes, 1.0)
    idle = _cpu(given.processes, STANDSTILL)
    print(
        f"CPU of a worker at {RECORDS_PER_S:,.0f} records/s: {busy:.1%} of a core; idle {idle:.1%}"
    )
    print(f"{'s until':<28}{'first message':>14}{'caught up':>11}{'worst':>8}")
    for name, way in (("a worker is killed", _kill), ("told to stop and start", _restart)):
        with _cluster(given.processes, 1.0) as (supervisor, delays):
            _steady(delays)
            found = [_measured(supervisor, delays, way) for _ in range(given.times)]
        first, again = zip(*found, strict=True)
        print(
            f"{name:<28}{statistics.median(first):>14.2f}{statistics.median(again):>11.2f}"
            f"{max(again):>8.2f}"
        )


@contextmanager
def _cluster(
    processes: int, speed: float
) -> Iterator[tuple[psutil.Process, Iterator[tuple[float, float]]]]:
    """A supervisor at work, and (arrival, delay) of the pressure messages, seconds."""
    market = SimulationConfig(
        seed=7, duration_s=3_600.0, instruments=8, records_per_s=RECORDS_PER_S / 8
    )
    tape = tape_of("restart", market)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ifd-bench-")))
        servers = stack.enter_context(EmbeddedBroker())
        gateway = GatewayProcess(Path(tape.path), speed)
        stack.callback(gateway.stop)
        host, port = gateway.wait_ready()
        settings = {
            **feed_settings("bench", host, port),
            "kafka.bootstrap_servers": servers,
            "recovery.directory": str(folder / "store"),
            "tape.directory": str(folder / "tape"),
            "flow.shards": 8,
        }
        command = [sys.executable, "-m", "dataflows.cli.main", "live", "--processes"]
        supervisor = subprocess.Popen(
            [*command, str(processes)],
            env=environment(settings),
            stdout=subprocess.DEVNULL,
            stderr=(folder / "said").open("w"),
            text=True,
        )
        stack.callback(end, supervisor, STOP_S)
        consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "bench",
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "topic.metadata.refresh.interval.ms": 500,
                "allow.auto.create.topics": True,
            }
        )
        stack.callback(consumer.close)
        consumer.subscribe([topic(PRESSURE)])
        yield psutil.Process(supervisor.pid), _delays(consumer, folder / "said")


def _delays(consumer: Consumer, said: Path) -> Iterator[tuple[float, float]]:
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        message = consumer.poll(0.5)
        if message is None or message.error() is not None:
            continue
        now_s = time.time()
        deadline_s = time.monotonic() + DEADLINE_S
        yield now_s, now_s - int(json.loads(message.value() or b"{}")["ts_event"]) / NS_PER_S
    raise TimeoutError(f"no pressure came; the supervisor said: {said.read_text()}")


def _steady(delays: Iterator[tuple[float, float]]) -> float:
    """The usual delay, once it has stood still for a while."""
    latest: list[float] = []
    for _, delay_s in delays:
        latest = [*latest[-8 * STEADY :], delay_s]
        if len(latest) > 8 * STEADY and max(latest) - min(latest) < 4 * NEAR_S:
            return statistics.median(latest)
    raise AssertionError("unreachable")


def _measured(
    supervisor: psutil.Process, delays: Iterator[tuple[float, float]], way: Any
) -> tuple[float, float]:
    """Seconds until the first message after it, and until they are as soon as before."""
    usual_s = _steady(delays)
    way(supervisor)
    begun_s = last_s = time.time()
    first_s = None
    for now_s, delay_s in delays:
        if first_s is None and now_s - last_s > 2 * NEAR_S:
            first_s = now_s - begun_s
        if first_s is not None and delay_s < usual_s + NEAR_S:
            return first_s, now_s - begun_s
        last_s = now_s
    raise AssertionError("unreachable")


def _workers(supervisor: psutil.Process) -> list[psutil.Process]:
    return [one for one in supervisor.children() if "dataflows.worker:flow" in one.cmdline()]


def _kill(supervisor: psutil.Process) -> None:
    _workers(supervisor)[-1].kill()


def _restart(supervisor: psutil.Process) -> None:
    supervisor.send_signal(signal.SIGHUP)


def _cpu(processes: int, speed: float) -> float:
    """Share of a core that a worker takes."""
    with _cluster(processes, speed) as (supervisor, delays):
        if speed == 1.0:
            _steady(delays)
        else:
            _wait_workers(supervisor, processes)
        workers = _workers(supervisor)
        before = [sum(one.cpu_times()[:2]) for one in workers]
        time.sleep(CPU_S)
        after = [sum(one.cpu_times()[:2]) for one in workers]
    used_s: float = sum(b - a for a, b in zip(before, after, strict=True))
    return used_s / CPU_S / len(workers)


def _wait_workers(supervisor: psutil.Process, processes: int) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while len(_workers(supervisor)) < processes and time.monotonic() < deadline_s:
        time.sleep(0.2)
    time.sleep(CPU_S)


if __name__ == "__main__":
    main()

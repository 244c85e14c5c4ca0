"""From a gateway's send to a message that Kafka has: `python -m benchmarks.acknowledged`.

A sender, a worker on the live connector with tape and recovery store, and a consumer that reads
committed messages, each in a process of its own. Beside it the same without any step between the
feed and Kafka: one message for each batch. The consumer's own wait is in the figures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from confluent_kafka import Consumer, TopicPartition

import dataflows  # noqa: F401 - before any kernel: it says where compiled ones are kept
from benchmarks.burst_sender import BURST_ROWS, read
from benchmarks.paced import Schedule
from benchmarks.sender import KEY
from benchmarks.tapes import Tape, single, tape_of
from config.settings import load_settings
from connectors.dbn_file import Hooks
from dataflows.edges import sinks_of, source_of
from dataflows.environment import environment
from dataflows.process import stop_on_signals
from dataflows.store import store_of
from operators.model.items import MboRows
from operators.model.records import NS_PER_S
from operators.model.signals import Gap
from operators.model.streams import EXECUTIONS, GAPS, SIGNALS, Flowing, Message, topic
from sinks.embedded_broker import EmbeddedBroker
from sinks.gate import Gate

FEED: Final = "bench"
WARM_BURSTS: Final = 20
"""Bursts before those that count."""
DEADLINE_S: Final = 120.0
RESULTS: Final = Path("build/acknowledged.json")
FLOWS: Final = {"whole": "dataflows.detect:flow", "empty": "benchmarks.acknowledged:empty"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.acknowledged", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of bursts, each time")
    parser.add_argument("--servers", help="of an Apache Kafka; else the embedded broker")
    arguments = parser.parse_args()
    bursts = max(WARM_BURSTS + 1, int(arguments.seconds * 10))
    tape = tape_of("single", single((bursts + 100) * BURST_ROWS, 11_000, 10_000.0))
    results = {name: measure(tape, bursts, flow, arguments.servers) for name, flow in FLOWS.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(f"gateway's send to Kafka, ms{'p50':>16}{'p99':>9}{'worst':>9}{'messages':>10}")
    for name, one in results.items():
        print(
            f"{name:<32}{one['p50_ms']:>11.2f}{one['p99_ms']:>9.2f}{one['worst_ms']:>9.2f}"
            f"{one['messages']:>10}"
        )
    print("target: whole p99 10 ms, aim 5")


def measure(tape: Tape, bursts: int, flow: str, servers: str | None) -> dict[str, Any]:
    """p50, p99 and the worst of what is read of bursts at 10,000 records/s."""
    _, schedule = read(Path(tape.path), tape.opening_records, bursts)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ifd-bench-"))
        address = servers or stack.enter_context(EmbeddedBroker())
        words = [tape.path, str(tape.opening_records), str(bursts)]
        sender = stack.enter_context(
            _process([sys.executable, "-m", "benchmarks.burst_sender", *words], {})
        )
        assert sender.stdout is not None
        given = _given(folder, address, int(sender.stdout.readline()))
        store = str(given["recovery.directory"])
        command = [sys.executable, "-m", "bytewax.run", flow, "-r", store, "-s", "10", "-b", "0"]
        worker = stack.enter_context(_process(command, given))
        schedule.start_ns = int(sender.stdout.readline())
        prefix = str(given["kafka.topic_prefix"])
        found = list(_read_committed(address, prefix, schedule, worker))
    ms = np.array([late_ns for burst, late_ns in found if burst >= WARM_BURSTS]) / 1e6
    assert ms.size, "nothing arrived"
    p50, p99 = np.percentile(ms, [50, 99])
    return {
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "worst_ms": float(ms.max()),
        "messages": int(ms.size),
    }


def empty() -> Dataflow:
    """Feed and Kafka without a step between them: a message for each batch of records."""
    settings = load_settings()
    stop = stop_on_signals()
    gate = Gate()
    store = store_of(settings, "empty")
    source = source_of(settings, Hooks(stop=stop.is_set, may_read=gate.is_open), store.generation)
    flow = Dataflow("empty")
    items = op.input("feed", flow, source)
    told = op.stateful_batch("told", items, _Told)
    op.output("kafka", told, sinks_of(settings, store, gate)["kafka"])
    return flow


class _Told(StatefulBatchLogic[Flowing, Flowing, int]):
    """Each batch of records becomes a message with its first one's time."""

    def __init__(self, seq: int | None) -> None:
        self._seq = seq or 0

    def on_batch(self, values: list[Flowing]) -> tuple[list[Flowing], bool]:
        out: list[Flowing] = []
        for item in values:
            if isinstance(item, MboRows):
                self._seq += 1
                out.append(Message(GAPS, FEED, self._seq, _gap(int(item.rows["ts_event"][0]))))
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> int:
        return self._seq


def _gap(ts_event: int) -> Gap:
    return Gap(
        root=FEED, feed=FEED, instrument_id=1, symbol="", ts_event=ts_event, sequence=0,
        change="opened", reason="gap", text="",
    )  # fmt: skip


def _given(folder: str, servers: str, port: int) -> dict[str, object]:
    return {
        "source.paths": (),
        "live.key": KEY,
        f"live.feeds.{FEED}.symbols": ("ALL_SYMBOLS",),
        f"live.feeds.{FEED}.host": "127.0.0.1",
        f"live.feeds.{FEED}.port": port,
        f"live.feeds.{FEED}.ts_out": False,
        f"live.feeds.{FEED}.first_start": "replay",
        "kafka.bootstrap_servers": servers,
        "kafka.topic_prefix": f"bench-{time.time_ns()}-",
        "recovery.directory": f"{folder}/store",
        "tape.directory": f"{folder}/tape",
    }


def _read_committed(
    servers: str, prefix: str, schedule: Schedule, worker: "subprocess.Popen[str]"
) -> Iterator[tuple[int, int]]:
    """(burst, ns from its intended time to its message here) until a second after the last one."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "bench",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 1,
        }
    )
    names = [prefix + topic(stream) for stream in (SIGNALS, EXECUTIONS, GAPS)]
    consumer.assign([TopicPartition(name, part, 0) for name in names for part in range(4)])
    last_ns = schedule.due_ns(len(schedule.bursts) - 1) + NS_PER_S
    firsts = np.asarray(schedule.first_ts)
    lasts = np.asarray([int(burst["ts_event"][-1]) for burst in schedule.bursts])
    try:
        while (now_ns := time.monotonic_ns()) < last_ns:
            assert worker.poll() is None, "the worker ended"
            message = consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            now_ns = time.monotonic_ns()
            ts_event = int(json.loads(message.value() or b"")["ts_event"])
            # A pane's end is told by the first record that comes after it.
            pane = ts_event % NS_PER_S == 0
            burst = int(
                np.searchsorted(
                    lasts if pane else firsts, ts_event, side="left" if pane else "right"
                )
            )
            burst -= not pane
            if 0 <= burst < len(schedule.bursts):
                yield burst, now_ns - schedule.due_ns(burst)
    finally:
        consumer.close()


@contextmanager
def _process(command: list[str], given: dict[str, object]) -> Iterator["subprocess.Popen[str]"]:
    """A process that does not outlive the block."""
    process = subprocess.Popen(
        command, env=environment(given), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    main()

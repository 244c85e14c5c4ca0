"""Whole dataflows in processes of their own: started, killed, resumed, and what they left."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from dataflows.environment import environment
from dataflows.supervisor import free_ports
from operators.model.streams import EVENT_STREAMS, topic
from simulator.simulation import SimulationConfig
from simulator.tape import TapeForm, write_tape
from sinks.digest import Digest

_NOT_YET = (
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)

ROOT = Path(__file__).resolve().parent.parent
DEADLINE_S = 240.0
PARTITIONS = 4


def market(path: Path, *, seed: int = 5, duration_s: float = 240.0) -> Path:
    """A tape of four roots with institutions at work, some ten thousand records."""
    config = SimulationConfig(
        seed=seed,
        duration_s=duration_s,
        instruments=8,
        records_per_s=200.0,
        resting_orders=1_500,
        institutions=True,
        institutions_per_hour=1_200.0,
    )
    write_tape(config, path, TapeForm(ticks=True))
    return path


def wait_for(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """What `condition` gives as soon as it is true."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)  # between looks, never instead of a condition
    raise AssertionError(f"{what}: not within {deadline_s:.0f} s")


def ifd(*words: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`ifd` in a process of its own."""
    command = [sys.executable, "-m", "dataflows.cli.main", *map(str, words)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=env or quiet_env({}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def summary(*words: object) -> dict[str, Any]:
    """The object that `ifd replay --summary` prints; the run must succeed."""
    done = ifd("replay", "--summary", *words)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout
    found: dict[str, Any] = json.loads(lines[0])
    return found


def worker(
    given: dict[str, object], directory: Path | None = None, *, number: int = 0, peers: str = ""
) -> subprocess.Popen[str]:
    """A worker as Bytewax's own launcher runs it, configured by the environment."""
    command = [sys.executable, "-m", "bytewax.run", "dataflows.detect:flow"]
    if directory is not None:
        given = {**given, "recovery.directory": str(directory)}
        command += ["-r", str(directory), "-s", "1", "-b", "0"]
    if peers:
        command += ["-i", str(number), "-a", peers]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=quiet_env(given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def addresses(count: int) -> str:
    """Loopback addresses of a cluster."""
    return ";".join(f"127.0.0.1:{port}" for port in free_ports(count))


def quiet_env(given: Mapping[str, object]) -> dict[str, str]:
    """The environment with these settings, and none of the person who runs the tests."""
    theirs = {name for name in os.environ if name.startswith(("IFD_", "BYTEWAX_"))}
    ours = {f"IFD_{key.replace('.', '__').upper()}" for key in given}
    kept = {n: value for n, value in environment(given).items() if n not in theirs - ours}
    return {**kept, "RUST_BACKTRACE": "0"}


@dataclass(frozen=True, slots=True)
class Held:
    """Event streams as the topics hold them."""

    digest: str
    counts: dict[str, int]
    seqs: dict[tuple[str, str], list[int]]
    """(stream, root) → seq of each message, in the order of the topic."""
    values: dict[str, list[dict[str, Any]]]

    def has_each_once(self) -> bool:
        """Every (stream, root) counts from 1 without hole or repetition."""
        return all(seqs == list(range(1, len(seqs) + 1)) for seqs in self.seqs.values())


def held(servers: str, generation: str | None = None, prefix: str = "") -> Held:
    """All committed messages of the event streams, partition by partition to the end.

    With `generation`, only those of one recovery store; with `prefix`, of topics so named.
    """
    digest = Digest()
    seqs: dict[tuple[str, str], list[int]] = {}
    values: dict[str, list[dict[str, Any]]] = {stream: [] for stream in EVENT_STREAMS}
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "ifd-tests",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    try:
        for stream in EVENT_STREAMS:
            for partition in range(PARTITIONS):
                for message in _partition(consumer, prefix + topic(stream), partition):
                    headers = dict(message.headers() or [])
                    if generation and headers["ifd-generation"].decode() != generation:
                        continue
                    value = json.loads(message.value())
                    root = message.key().decode()
                    digest.add(stream, root, message.value())
                    seqs.setdefault((stream, root), []).append(int(value["seq"]))
                    values[stream].append(value)
    finally:
        consumer.close()
    counts = {stream: len(found) for stream, found in values.items()}
    return Held(digest.hex(), counts, seqs, values)


def _partition(consumer: Consumer, name: str, partition: int) -> list[Any]:
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)
    except KafkaException as error:
        if error.args[0].code() not in _NOT_YET:
            raise
        return []
    if high <= low:
        return []
    consumer.assign([TopicPartition(name, partition, OFFSET_BEGINNING)])
    found: list[Any] = []

    def read_on() -> bool:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
        (position,) = consumer.position([TopicPartition(name, partition)])
        return bool(position.offset >= high)

    wait_for(read_on, f"{name}/{partition} up to {high}", 30)
    return found

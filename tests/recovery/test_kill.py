"""Killed at any moment and started again, a worker leaves what one left that never died."""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sinks.embedded_broker import EmbeddedBroker
from tests.flows import Held, addresses, held, market, wait_for, worker

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("IFD_SOAK_KILLS", "4"))
"""How often the worker dies; `make soak` asks for a hundred."""
SPEED = 40.0
"""So that the tape's four minutes take some seconds, in which a kill finds work going on."""


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn")


@pytest.fixture(scope="module")
def undisturbed(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> Held:
    """What an uninterrupted run leaves."""
    with EmbeddedBroker() as servers:
        process = worker(given(tape, servers), tmp_path_factory.mktemp("whole") / "store")
        finish(process)
        found = held(servers)
    assert found.counts["signals"] > 20
    assert found.has_each_once()
    return found


@pytest.fixture
def servers() -> Iterator[str]:
    with EmbeddedBroker() as address:
        yield address


def given(tape: Path, servers: str, speed: float = 0.0) -> dict[str, object]:
    return {
        "source.paths": (str(tape),),
        "source.speed": speed,
        "source.batch_rows": 512,
        "flow.shards": 4,
        "kafka.bootstrap_servers": servers,
    }


def finish(process: "subprocess.Popen[str]") -> None:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-2000:]


@contextmanager
def two_workers(
    settings: dict[str, object], store: Path
) -> Iterator[list["subprocess.Popen[str]"]]:
    """A cluster of two, of which nothing is left behind."""
    peers = addresses(2)
    pair = [worker(settings, store, number=number, peers=peers) for number in range(2)]
    try:
        yield pair
    finally:
        for process in pair:
            if process.poll() is None:
                process.kill()
                process.communicate()


def kill_often(
    tape: Path, servers: str, store: Path, kills: int, seed: int
) -> tuple[int, list[int]]:
    """Run with kill -9 after random times until the tape ends; kills done and exit codes seen."""
    chance = random.Random(seed)
    done, codes = 0, []
    while True:
        # Slow enough that a hundred kills still find work to interrupt.
        pace = SPEED * 4 / max(kills, 4)
        process = worker(given(tape, servers, pace if done < kills else 0.0), store)
        if done < kills:
            try:
                process.wait(timeout=chance.uniform(2.5, 5.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                done += 1
                continue
        _, errors = process.communicate(timeout=240)
        codes.append(process.returncode)
        assert process.returncode == 0, errors[-2000:]
        return done, codes


def test_killed_often_it_leaves_the_same_messages(
    tape: Path, undisturbed: Held, servers: str, tmp_path: Path
) -> None:
    done, _ = kill_often(tape, servers, tmp_path / "store", kills=KILLS, seed=11)
    assert done >= 2
    found = held(servers)
    assert found.has_each_once()
    assert found.digest == undisturbed.digest


def test_stopped_by_a_signal_it_exits_0_and_goes_on_exactly_after(
    tape: Path, undisturbed: Held, servers: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    # Slower than the looks at the topics, however busy the machine is.
    process = worker(given(tape, servers, SPEED / 5), store)
    wait_for(lambda: held(servers).counts["executions"] > 0, "the first execution on the topic")
    process.send_signal(signal.SIGTERM)
    finish(process)
    before = held(servers)
    assert 0 < sum(before.counts.values()) < sum(undisturbed.counts.values())
    finish(worker(given(tape, servers), store))
    found = held(servers)
    assert found.has_each_once()
    assert found.digest == undisturbed.digest


def test_two_processes_killed_and_stopped_together_leave_the_same(
    tape: Path, undisturbed: Held, servers: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for how in (signal.SIGKILL, signal.SIGTERM, None):
        seen = sum(held(servers).counts.values())
        # Slower than the looks at the topics, however busy the machine is.
        speed = 0.0 if how is None else SPEED / 5
        with two_workers(given(tape, servers, speed), store) as pair:
            if how is None:
                for process in pair:
                    finish(process)
                break
            wait_for(lambda seen=seen: sum(held(servers).counts.values()) > seen, "progress")
            for process in pair:
                process.send_signal(how)
            for process in pair:
                process.communicate(timeout=60)
            if how == signal.SIGTERM:
                assert [process.returncode for process in pair] == [0, 0]
    found = held(servers)
    assert found.has_each_once()
    assert found.digest == undisturbed.digest


@pytest.mark.kafka
def test_killed_often_on_apache_kafka(
    tape: Path, undisturbed: Held, apache_servers: str, tmp_path: Path
) -> None:
    done, _ = kill_often(tape, apache_servers, tmp_path / "store", kills=5, seed=23)
    assert done >= 2
    found = held(apache_servers)
    assert found.has_each_once()
    assert found.digest == undisturbed.digest

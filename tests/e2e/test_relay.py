"""Relays as processes of their own, killed, paused and left, and what a client has in the end."""

import random
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dataflows.supervisor import free_ports
from sinks.embedded_broker import EmbeddedBroker
from tests.flows import ROOT, ifd, market, quiet_env, summary, wait_for, worker
from tests.follower import Follower

pytestmark = pytest.mark.slow

SLOWLY = 2.0
"""So that a worker outlives what happens to relays, however busy the machine is."""
DEADLINE_S = 120.0


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn")


@pytest.fixture(scope="module")
def expected(tape: Path) -> str:
    """Digest of all event messages of an undisturbed run."""
    digest: str = summary(tape)["signals"]["digest"]
    return digest


class Place:
    """Where one relay listens; its processes come and go."""

    def __init__(self, **given: object) -> None:
        self.http, self.ws, self.push = free_ports(3)
        ports = {"http_port": self.http, "ws_port": self.ws, "push_port": self.push}
        self._env = quiet_env({f"relay.{name}": port for name, port in ports.items()} | given)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start one; what it says when it listens."""
        command = [sys.executable, "-m", "dataflows.cli.main", "relay"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self._env, stdout=pipe, stderr=pipe, text=True
        )
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """End it by a signal: exit code, output and errors since it listens."""
        assert self.process is not None
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, output, errors

    def kill(self) -> None:
        """End whatever still runs."""
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)


@contextmanager
def relays(*places: Place) -> Iterator[None]:
    try:
        for place in places:
            place.start()
        yield
    finally:
        for place in places:
            place.kill()


def given(tape: Path, *places: Place, speed: float) -> dict[str, object]:
    return {
        "source.paths": (str(tape),),
        "source.speed": speed,
        "source.batch_rows": 512,
        "flow.shards": 4,
        "push.relays": tuple(f"127.0.0.1:{place.push}" for place in places),
    }


def finish(process: "subprocess.Popen[str]") -> None:
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, errors[-2000:]


def assert_has_all(follower: Follower, expected: str) -> None:
    """Each message once and in order, byte for byte."""
    try:
        wait_for(
            lambda: follower.digest.hex() == expected or follower.faults, "everything", DEADLINE_S
        )
    finally:
        follower.stop()
    assert not follower.faults
    assert follower.count > 100


def progress(follower: Follower) -> Callable[[], bool]:
    """Whether the follower has got more than now."""
    before = follower.count
    return lambda: follower.count > before


def test_a_worker_killed_often_leaves_a_connected_client_nothing_to_wish(
    tape: Path, expected: str, tmp_path: Path
) -> None:
    place, chance = Place(), random.Random(7)
    with relays(place):
        follower = Follower([place.ws])
        for _ in range(3):
            process = worker(given(tape, place, speed=SLOWLY * 4), tmp_path / "store")
            wait_for(progress(follower), "signals of this life", DEADLINE_S)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.2, 2.0))
            process.kill()
            process.communicate()
        finish(worker(given(tape, place, speed=0.0), tmp_path / "store"))
        assert_has_all(follower, expected)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_relay_that_goes_or_hangs_and_comes_back_misses_nothing(
    how: signal.Signals, tape: Path, expected: str, tmp_path: Path
) -> None:
    place, other = Place(), Place()
    with relays(place, other):
        follower, steady = Follower([place.ws]), Follower([other.ws])
        process = worker(given(tape, place, other, speed=SLOWLY), tmp_path / "store")
        for _ in range(2):
            wait_for(progress(follower), "progress", DEADLINE_S)
            if how == signal.SIGSTOP:
                assert place.process is not None
                place.process.send_signal(how)
            else:
                place.end(how)
            # The other goes on, and so does the worker.
            wait_for(progress(steady), "progress at the other", DEADLINE_S)
            if how == signal.SIGSTOP:
                place.process.send_signal(signal.SIGCONT)
            else:
                place.start()
        wait_for(progress(follower), "progress", DEADLINE_S)
        process.send_signal(signal.SIGTERM)
        finish(process)
        finish(worker(given(tape, place, other, speed=0.0), tmp_path / "store"))
        assert_has_all(follower, expected)
        assert_has_all(steady, expected)


def test_a_client_moves_between_a_relay_of_kafka_and_one_of_pushes(
    tape: Path, expected: str, tmp_path: Path
) -> None:
    with EmbeddedBroker() as servers:
        kafka, pushed = Place(**{"kafka.bootstrap_servers": servers}), Place()
        with relays(kafka, pushed):
            follower = Follower([kafka.ws, pushed.ws])
            both = {"kafka.bootstrap_servers": servers}
            process = worker(given(tape, pushed, speed=SLOWLY) | both, tmp_path / "store")
            wait_for(progress(follower), "the first message", DEADLINE_S)
            for _ in range(6):
                seen, more = len(follower.connections), progress(follower)
                follower.move()
                wait_for(
                    lambda seen=seen, more=more: len(follower.connections) > seen and more(),
                    "progress at the other relay",
                    DEADLINE_S,
                )
            process.send_signal(signal.SIGTERM)
            finish(process)
            finish(worker(given(tape, pushed, speed=0.0) | both, tmp_path / "store"))
            assert {*follower.connections} == {kafka.ws, pushed.ws}
            assert_has_all(follower, expected)


def test_with_both_feeds_nothing_is_doubled(tape: Path, expected: str, tmp_path: Path) -> None:
    with EmbeddedBroker() as servers:
        place = Place(**{"kafka.bootstrap_servers": servers})
        with relays(place):
            follower = Follower([place.ws])
            both = given(tape, place, speed=0.0) | {"kafka.bootstrap_servers": servers}
            finish(worker(both, tmp_path / "store"))
            assert_has_all(follower, expected)


@pytest.mark.parametrize("name", ["http", "ws", "push"])
def test_a_taken_port_is_one_line_with_the_way_out(name: str) -> None:
    ports = dict(zip(["http", "ws", "push"], free_ports(3), strict=True))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports[name] = other.getsockname()[1]
        done = ifd("relay", *(w for n, p in ports.items() for w in (f"--{n}-port", p)))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ifd: relay.{name}_port: 127.0.0.1:{ports[name]} is taken")
    assert f"--{name}-port" in line


@pytest.mark.parametrize("broker", ["", "127.0.0.1:1"])
def test_it_says_where_the_dashboard_is_answers_there_and_ends_cleanly(broker: str) -> None:
    place = Place(**{"kafka.bootstrap_servers": broker})
    try:
        assert place.start() == f"dashboard at http://127.0.0.1:{place.http}/\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{place.http}/healthz", timeout=10) as answer:
            assert answer.status == 200
        assert place.end() == (0, "", "")
    finally:
        place.kill()

"""A cluster under its supervisor: killed anywhere, rescaled, slowed, and of a new generation."""

import json
import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from dataflows.store import FILE_NAME
from sinks.embedded_broker import EmbeddedBroker
from tests.flows import Held, held, market, wait_for
from tests.live_runs import LiveRun

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("IFD_SOAK_KILLS", "3"))
"""How often something dies; `make soak` asks for a hundred."""
KILLS_APACHE = int(os.environ.get("IFD_SOAK_KILLS_APACHE", "3"))
"""The same on Apache Kafka."""
SHORT = "IFD_SOAK_KILLS" not in os.environ
SPEED = 2.0
"""So slow that the tape does not end before what a test does to those who read it."""
FAST = 0.0
KILLING = Path(__file__).with_name("killing.py")
OWN = {"seq", "id", "params", "generation"}
"""What values hold that another generation gives anew."""
SLOWED_TENTHS = 600
"""Tenths of a second for which a worker has a tenth of its time, unless the input ends before."""


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn")


@pytest.fixture
def servers() -> Iterator[str]:
    with EmbeddedBroker() as address:
        yield address


def given(tape: Path, servers: str, **more: object) -> dict[str, object]:
    return {
        "source.paths": (str(tape),),
        "source.batch_rows": 512,
        "flow.shards": 4,
        "kafka.bootstrap_servers": servers,
        "cluster.backoff_first_s": 0.05,
        "cluster.backoff_last_s": 0.1,
        "cluster.restarts_max": 10_000,
        **more,
    }


@pytest.fixture(scope="module")
def undisturbed(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> Held:
    """What an uninterrupted run of one process leaves."""
    with EmbeddedBroker() as address:
        folder = tmp_path_factory.mktemp("whole")
        with LiveRun(folder, given(tape, address)) as run:
            assert run.end(None) == 0, run.text
        assert run.count("the input has ended") == 1
        found = held(address)
    assert found.counts["signals"] > 10
    assert found.has_each_once()
    return found


def assert_same(servers: str, undisturbed: Held, prefix: str = "") -> None:
    found = held(servers, prefix=prefix)
    doubled = {key: seqs for key, seqs in found.seqs.items() if seqs != [*range(1, len(seqs) + 1)]}
    assert not doubled
    assert found.digest == undisturbed.digest


def finish(run: LiveRun) -> None:
    """Let it read as fast as it can to the end."""
    run.write({"source.speed": FAST})
    run.change()
    assert run.end(None) == 0, run.text


def slow_run(tape: Path, servers: str, folder: Path, *words: object, kills: int = 0) -> LiveRun:
    """Slower than what a test does to it."""
    pace = SPEED * 4 / max(kills, 4)
    return LiveRun(folder, given(tape, servers), *words, file={"source.speed": pace})


def generation(run: LiveRun) -> str:
    """Of the run's store now."""
    return str(json.loads((run.directory / FILE_NAME).read_text())["generation"])


def facts(stream: str, *found: Held) -> dict[str, list[dict[str, Any]]]:
    """Root → what happened, in order, without what each generation counts for itself."""
    told: dict[str, list[dict[str, Any]]] = {}
    for value in (value for each in found for value in each.values[stream]):
        kept = {name: item for name, item in value.items() if name not in OWN}
        told.setdefault(value["root"], []).append(kept)
    return told


def stand_still(run: LiveRun, seconds: float) -> None:
    """That long, or until the run is over."""
    with suppress(subprocess.TimeoutExpired):
        run.process.wait(seconds)


def kill_often(run: LiveRun, kills: int, seed: int) -> int:
    """SIGKILL to a worker or to the supervisor after random times; how many were killed."""
    chance = random.Random(seed)
    done = 0
    while done < kills and not run.is_over():
        # Mostly while all are at work, now and then while they start.
        if chance.random() < 0.8:
            wait_for(lambda: run.is_at_work() or run.is_over(), run.text)
        with pytest.raises(Exception, match="timed out"):
            run.process.wait(chance.uniform(0.0, 1.5))
        workers = run.workers()
        if chance.random() < 0.15:
            run.kill()
            run.start()
        elif workers:
            chance.choice(workers).kill()
        else:
            continue
        done += 1
        wait_for(lambda: not run.is_at_work() or run.is_over(), run.text)
    return done


def test_killed_anywhere_all_start_again_and_leave_the_same(
    tape: Path, undisturbed: Held, servers: str, tmp_path: Path
) -> None:
    with slow_run(tape, servers, tmp_path, "--processes", 2, kills=KILLS) as run:
        assert kill_often(run, KILLS, seed=11) == KILLS
        finish(run)
    assert_same(servers, undisturbed)


def test_killed_within_a_snapshot_or_around_a_commit_they_leave_the_same(
    tape: Path, undisturbed: Held, servers: str, tmp_path: Path
) -> None:
    kills = max(1, KILLS // 10)
    (tmp_path / "kills").mkdir()
    env = {"KILL_FOLDER": str(tmp_path / "kills"), "KILL_MAX": str(kills)}
    pace = {"source.speed": SPEED * 10 / kills}
    with LiveRun(
        tmp_path, given(tape, servers), program=(str(KILLING),), env=env, file=pace
    ) as run:
        run.wait_said("was killed by SIGKILL; all start again", 3 * kills)
        finish(run)
    kinds = Counter(file.name.partition("-")[0] for file in (tmp_path / "kills").iterdir())
    assert kinds == {"snapshot": kills, "produced": kills, "committed": kills}
    assert run.count("was killed by SIGKILL; all start again") == 3 * kills
    assert_same(servers, undisturbed)


@pytest.mark.kafka
def test_killed_anywhere_on_apache_kafka(
    tape: Path, undisturbed: Held, apache_servers: str, tmp_path: Path
) -> None:
    # One server serves all tests: each has topics of its own.
    settings = given(tape, apache_servers, **{"kafka.topic_prefix": "live."})
    file = {"source.speed": SPEED * 4 / max(KILLS_APACHE, 4)}
    with LiveRun(tmp_path, settings, "--processes", 2, file=file) as run:
        assert kill_often(run, KILLS_APACHE, seed=23) == KILLS_APACHE
        finish(run)
    assert_same(apache_servers, undisturbed, "live.")


@pytest.mark.skipif(SHORT, reason="takes minutes: make soak")
def test_rescaled_stopped_and_then_of_other_settings_nothing_is_lost_between(
    tape: Path, undisturbed: Held, servers: str, tmp_path: Path
) -> None:
    with slow_run(tape, servers, tmp_path) as run:
        run.wait_said("1 process at work")
        for processes in (2, 3):
            run.progress(servers)
            run.rescale(processes)
        run.progress(servers)
        assert run.end() == 0, run.text
        assert run.count("stopped; the next start goes on exactly there") == 1
        run.start()
        wait_for(lambda: held(servers).counts["executions"] > 0 or run.is_over(), "an execution")
        run.progress(servers)
        first = generation(run)
        # Changes what signals may be, and nothing of this tape.
        run.write({"source.speed": FAST, "analyze.life.evidence_max": 65})
        run.change()
        assert run.end(None) == 0, run.text
        second = generation(run)
    assert run.count(f"new generation {second} .params.: it goes on where {first} stopped") == 1, (
        run.text
    )
    one, two = held(servers, first), held(servers, second)
    assert one.has_each_once()
    assert two.has_each_once()
    for stream in ("executions", "gaps"):
        assert facts(stream, one, two) == facts(stream, undisturbed)
    assert 0 < one.counts["executions"] < undisturbed.counts["executions"]


@pytest.mark.skipif(SHORT, reason="takes minutes: make soak")
def test_a_peer_slowed_to_a_tenth_loses_nothing_and_memory_stays_bounded(
    tape: Path, undisturbed: Held, servers: str, tmp_path: Path
) -> None:
    with LiveRun(
        tmp_path, given(tape, servers, **{"source.rows_per_epoch_max": 2_000}), "--processes", 2
    ) as run:
        run.wait_said("2 processes at work")
        slowed, other = run.workers()
        before = other.memory_info().rss
        peak = before
        for _ in range(SLOWED_TENTHS):
            if run.is_over():
                break
            # Nine tenths of its time it stands still.
            with suppress(psutil.NoSuchProcess):
                slowed.send_signal(signal.SIGSTOP)
                stand_still(run, 0.09)
                slowed.send_signal(signal.SIGCONT)
                stand_still(run, 0.01)
                peak = max(peak, other.memory_info().rss)
        assert run.end(None) == 0, run.text
    assert run.count("start again") == 0
    assert peak - before < 200 * 2**20
    assert_same(servers, undisturbed)

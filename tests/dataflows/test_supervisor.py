import sys
import time

import pytest

from config.settings import load_settings
from dataflows import supervisor
from dataflows.environment import environment
from dataflows.supervisor import Cluster, free_ports

WAITS = "import signal; signal.pause()"
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)\n"
    "while True: signal.pause()"
)


@pytest.fixture
def cluster(monkeypatch):
    """A cluster whose processes run the given programs."""
    started: list[Cluster] = []

    def start(*programs: str) -> Cluster:
        monkeypatch.setattr(
            supervisor, "_command", lambda _s, number, _a: [sys.executable, "-c", programs[number]]
        )
        started.append(Cluster(load_settings({}, environ={}), {}, len(programs)))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def test_ports_differ():
    assert len(set(free_ports(20))) == 20


def test_keys_become_variables_that_settings_read_back():
    given = {
        "flow.shards": 3,
        "source.paths": ("a b.dbn", "c,d.dbn"),
        "source.speed": 1.5,
        "kafka.topic_prefix": "t.",
    }
    variables = {k: v for k, v in environment(given).items() if k.startswith("IFD_")}
    settings = load_settings(environ=variables)
    assert settings.source.paths == ("a b.dbn", "c,d.dbn")
    assert (settings.flow.shards, settings.source.speed) == (3, 1.5)
    assert settings.kafka.topic_prefix == "t."


def test_the_command_is_the_engines_launcher_with_the_store():
    settings = load_settings(
        {"recovery.directory": "/s", "recovery.epoch_s": 2.0, "recovery.backup_s": 0.0}, environ={}
    )
    words = list(supervisor._command(settings, 1, "a:1;b:2"))
    assert words[1:4] == ["-m", "bytewax.run", "dataflows.detect:flow"]
    assert words[4:] == ["-i", "1", "-a", "a:1;b:2", "-r", "/s", "-s", "2", "-b", "0"]


def test_all_ending_well_is_0(cluster):
    started = cluster("pass", "pass")
    assert len(set(started.pids)) == 2
    assert started.wait() == 0
    assert not started.is_running()


@pytest.mark.parametrize("code", [1, 2, 7])
def test_one_that_fails_ends_the_others(cluster, code):
    started = cluster(WAITS, f"raise SystemExit({code})")
    assert started.wait() == code
    assert not started.is_running()


def test_a_process_deaf_to_the_stop_is_killed(cluster, monkeypatch):
    monkeypatch.setattr(supervisor, "STOP_S", 0.2)
    started = cluster(DEAF)
    began = time.monotonic()
    started.stop()
    assert not started.is_running()
    assert time.monotonic() - began < 30
    assert started.wait() < 0

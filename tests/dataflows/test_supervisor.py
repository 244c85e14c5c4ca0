import signal
import sys
import time

import pytest

from config.settings import load_settings
from dataflows import supervisor
from dataflows.environment import environment
from dataflows.supervisor import Cluster, Fall, free_ports

WAITS = "import signal; signal.pause()"
DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('ifd-worker: at work', flush=True)\n"
    "while True: signal.pause()"
)
HEARS = "print('ifd-worker: ready', flush=True); raise SystemExit(input() != 'go')"
CRASHES = "raise ValueError('mine')"
PANICS = (
    "import signal, sys\n"
    "sys.stderr.write('thread <unnamed> panicked\\n'.replace('<', chr(39))); signal.pause()"
)
DEADLINE_S = 60.0


@pytest.fixture
def cluster(monkeypatch):
    """A cluster whose processes run the given programs."""
    started: list[Cluster] = []

    def start(*programs: str, waits: bool = False, **given: object) -> Cluster:
        monkeypatch.setattr(
            supervisor, "_command", lambda _s, number, _n: [sys.executable, "-c", programs[number]]
        )
        settings = load_settings(given, environ={})
        started.append(Cluster(settings, {}, len(programs), waits=waits))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def wait_for(condition):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


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
    words = list(supervisor._command(settings, 1, 2))
    assert words[1:4] == ["-m", "dataflows.worker", "dataflows.worker:flow"]
    assert words[4:] == ["-i", "1", "-r", "/s", "-s", "2", "-b", "0"]
    assert "-i" not in supervisor._command(settings, 0, 1)


def test_all_ending_well_is_0(cluster):
    started = cluster("pass", "pass")
    assert len(set(started.pids)) == 2
    assert started.wait() == 0
    assert not started.is_running()


def test_workers_wait_for_the_word(cluster):
    started = cluster(HEARS, waits=True)
    wait_for(started.is_ready)
    assert started.is_running()
    assert not started.is_at_work()
    started.let_go()
    assert started.wait() == 0


@pytest.mark.parametrize("code", [1, 2, 7])
def test_one_that_fails_ends_the_others(cluster, code):
    started = cluster(WAITS, f"raise SystemExit({code})")
    assert started.wait() == code
    assert not started.is_running()


@pytest.mark.parametrize(
    ("programs", "number", "said"),
    [
        ((WAITS, CRASHES), 1, "ended with code 1"),
        (("raise SystemExit(1)", "raise SystemExit(2)"), 1, "ended with code 2"),
        ((WAITS, "import os; os.kill(os.getpid(), 9)"), 1, "was killed by SIGKILL"),
        (("raise SystemExit(1)", "import os; os.abort()"), 1, "was killed by SIGABRT"),
    ],
)
def test_who_fell_first_is_told_from_the_codes(cluster, programs, number, said):
    started = cluster(*programs)
    wait_for(lambda: None not in started.codes or (programs[0] == WAITS and started.has_fallen()))
    assert started.fall().reason == f"worker {number} {said}"


def test_of_a_crash_only_the_first_to_fall_is_heard(cluster, capsys):
    started = cluster(PANICS, CRASHES)
    wait_for(started.has_fallen)
    started.fall()
    told = capsys.readouterr().err
    assert "ValueError: mine" in told
    assert "panicked" not in told


def test_a_users_mistake_is_told_in_its_line_alone(cluster, capsys):
    mistake = "import sys; print('ifd: kafka: nobody answers'); raise SystemExit(2)"
    started = cluster(mistake, mistake)
    assert started.wait() == 2
    assert capsys.readouterr().err == "ifd: kafka: nobody answers\n"


def test_a_process_deaf_to_the_stop_is_killed_and_named(cluster):
    started = cluster("pass", DEAF, **{"cluster.stop_s": 0.2})
    wait_for(lambda: started._workers[1].is_at_work.is_set() and started.codes[0] == 0)
    assert started.stop() == [1]
    assert not started.is_running()
    assert started.codes[1] == -signal.SIGKILL


def test_a_fall_names_its_signal():
    assert Fall(3, -signal.SIGSEGV).reason == "worker 3 was killed by SIGSEGV"

"""The supervisor's decisions, over clusters that are scripts."""

import os
import signal
from dataclasses import dataclass, field

import pytest

from config.settings import load_settings
from dataflows import live
from dataflows.live import Asked, Live
from dataflows.supervisor import Fall
from operators.model.errors import ConfigError


@dataclass
class Scripted:
    """A cluster that does what the test says."""

    processes: int
    ready: bool = True
    at_work: bool = True
    codes: list = field(default_factory=list)
    killed: list = field(default_factory=list)
    end: int = 0
    let_go_count: int = 0
    stops: int = 0

    def __post_init__(self):
        self.codes = self.codes or [None] * self.processes

    def is_ready(self):
        return self.ready

    def is_at_work(self):
        return self.at_work and self.let_go_count > 0

    def is_running(self):
        return None in self.codes

    def has_fallen(self):
        return any(code not in (None, 0) for code in self.codes)

    def let_go(self):
        self.let_go_count += 1

    def wait(self):
        return 0

    def stop(self):
        self.stops += 1
        self.codes = [self.end if code is None else code for code in self.codes]
        return self.killed

    def fall(self):
        code = next(code for code in self.codes if code not in (None, 0))
        self.stop()
        return Fall(0, code)


class Lock:
    def __init__(self):
        self.told = []
        self.wanted = None

    def tell(self, state, processes, restarts):
        self.told.append((state, processes, restarts))

    def wish(self):
        wanted, self.wanted = self.wanted, None
        return wanted


@dataclass
class Run:
    """A supervisor that is stepped by hand."""

    given: dict
    clusters: list = field(default_factory=list)
    fault: ConfigError | None = None
    ready: bool = True
    """Of clusters started from now on."""

    def __post_init__(self):
        self.asked, self.lock, self.now_s = Asked(), Lock(), 0.0
        self.live = Live(self.load, self.start, self.lock, self.asked, 2)
        self.live._begin("starting")

    def load(self):
        if self.fault:
            raise self.fault
        return load_settings(self.given, environ={})

    def start(self, _settings, processes):
        self.clusters.append(Scripted(processes, self.ready))
        return self.clusters[-1]

    def steps(self, count=3):
        for _ in range(count):
            if (code := self.live._step()) is not None:
                return code
        return None


@pytest.fixture
def run(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])

    def made(**given):
        one = Run({key.replace("__", "."): value for key, value in given.items()})
        one.now = now
        return one

    return made


@pytest.fixture(autouse=True)
def handlers():
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_it_starts_tells_when_all_are_at_work_and_stops_clean(run, capsys):
    one = run()
    assert one.steps() is None
    assert [cluster.let_go_count for cluster in one.clusters] == [1]
    one.asked.stop.set()
    assert one.steps() == 0
    assert one.clusters[0].stops == 1
    assert [state for state, *_ in one.lock.told] == ["starting", "at work", "stopping"]
    assert capsys.readouterr().err.splitlines() == [
        "ifd: starting",
        "ifd: 2 processes at work after 0.0 s",
        "ifd: stopping",
        "ifd: stopped; the next start goes on exactly there",
    ]


def test_the_end_of_the_input_is_the_end(run, capsys):
    one = run()
    one.steps()
    one.clusters[0].codes = [0, 0]
    assert one.steps() == 0
    assert "ifd: the input has ended\n" in capsys.readouterr().err


def test_one_killed_all_start_again_after_a_growing_wait(run, capsys):
    one = run(cluster__backoff_first_s=0.5)
    for count, wait_s in enumerate((0.5, 1.0, 2.0), 1):
        one.steps()
        one.clusters[-1].codes[1] = -9
        assert one.steps() is None
        assert (len(one.clusters), one.clusters[-1].let_go_count) == (count + 1, 0)
        one.now[0] += wait_s - 0.01
        one.steps()
        assert one.clusters[-1].let_go_count == 0
        one.now[0] += 0.01
        one.steps()
        assert one.clusters[-1].let_go_count == 1
    said = capsys.readouterr().err
    assert "worker 0 was killed by SIGKILL; all start again (restart 3 of at most 10 in 600" in said


def test_too_many_restarts_are_given_up_with_the_setting(run, capsys):
    one = run(cluster__restarts_max=1)
    for expected in (None, 1):
        one.now[0] += 60
        one.steps()
        one.clusters[-1].codes[0] = 1
        assert one.steps() == expected
    assert (
        "given up after 1 restarts within 600 s (cluster.restarts_max)" in capsys.readouterr().err
    )


def test_a_users_mistake_is_no_restart(run):
    one = run()
    one.clusters[0].codes = [2, 1]
    assert one.steps() == 2
    later = run()
    later.steps()
    later.clusters[0].codes = [2, 1]
    assert later.steps() == 2
    assert len(later.clusters) == 1


def test_what_fails_only_at_a_restart_is_tried_again(run):
    one = run()
    one.steps()
    one.clusters[0].codes = [-9, None]
    one.steps()
    # The broker that worked before does not answer now.
    one.now[0] += 10
    one.clusters[1].at_work = False
    one.steps()
    one.clusters[1].codes = [2, None]
    assert one.steps() is None
    assert len(one.clusters) == 3


def test_a_change_stops_the_old_only_when_the_new_are_ready(run):
    one = run()
    one.steps()
    one.lock.wanted, one.ready = 3, False
    one.asked.change.set()
    one.steps()
    old, new = one.clusters
    assert (old.stops, new.let_go_count, new.processes) == (0, 0, 3)
    new.ready = True
    one.steps()
    assert (old.stops, new.let_go_count) == (1, 1)
    assert one.lock.told[-1] == ("at work", 3, 0)


def test_settings_out_of_order_change_nothing(run, capsys):
    one = run()
    one.steps()
    one.fault = ConfigError("IFD_FLOW__SHARDS: many")
    one.lock.wanted = 3
    one.asked.change.set()
    assert one.steps() is None
    assert (len(one.clusters), one.clusters[0].stops) == (1, 0)
    assert one.live._processes == 2
    assert "ifd: IFD_FLOW__SHARDS: many\nifd: nothing has been changed" in capsys.readouterr().err


def test_workers_that_do_not_get_ready_change_nothing(run, capsys):
    one = run()
    one.steps()
    one.ready = False
    one.asked.change.set()
    one.steps(1)
    one.clusters[1].codes = [2, None]
    assert one.steps() is None
    assert one.clusters[0].stops == 0
    assert "before it was ready: nothing has been changed" in capsys.readouterr().err


def test_a_fall_during_a_change_uses_those_that_get_ready(run):
    one = run()
    one.steps()
    one.ready = False
    one.asked.change.set()
    one.steps(1)
    one.clusters[0].codes = [-9, None]
    one.steps()
    one.clusters[1].ready = True
    one.now[0] += 1
    one.steps()
    assert len(one.clusters) == 2
    assert one.clusters[1].let_go_count == 1


def test_a_second_change_takes_the_place_of_the_first(run):
    one = run()
    one.steps()
    one.ready = False
    for wanted in (3, 4):
        one.lock.wanted = wanted
        one.asked.change.set()
        one.steps(1)
    assert [cluster.stops for cluster in one.clusters] == [0, 1, 0]
    assert one.clusters[-1].processes == 4


def test_those_that_stand_by_take_over_only_when_one_has_died(run):
    one = run(cluster__standby=True, cluster__backoff_first_s=0.5)
    one.now[0] += 3_600
    one.steps()
    first, second = one.clusters
    assert (first.let_go_count, second.let_go_count, first.stops) == (1, 0, 0)
    first.codes[1] = -9
    one.steps()
    assert second.let_go_count == 0
    one.now[0] += 0.5
    one.steps()
    assert second.let_go_count == 1
    assert len(one.clusters) == 3
    one.asked.stop.set()
    assert one.steps() == 0
    assert one.clusters[2].stops == 1


def test_those_that_stand_by_make_way_for_a_change_and_may_die(run, capsys):
    one = run(cluster__standby=True)
    one.steps()
    one.clusters[1].codes[0] = -9
    one.steps()
    assert one.clusters[0].stops == 0
    assert "nothing has been changed" not in capsys.readouterr().err
    again = run(cluster__standby=True)
    again.steps()
    again.lock.wanted = 3
    again.asked.change.set()
    again.steps(5)
    assert [cluster.processes for cluster in again.clusters] == [2, 2, 3, 3]
    assert [cluster.let_go_count for cluster in again.clusters] == [1, 0, 1, 0]
    assert again.clusters[1].stops == 1


def test_a_stop_while_nothing_works_yet_is_clean(run):
    one = run()
    one.clusters[0].ready = False
    one.clusters[0].end = -signal.SIGTERM
    one.steps()
    one.asked.stop.set()
    assert one.steps() == 0
    early = run()
    early.clusters[0].at_work = False
    early.clusters[0].end = -signal.SIGTERM
    early.steps()
    early.asked.stop.set()
    assert early.steps() == 0


@pytest.mark.parametrize(("killed", "end", "code"), [([1], -9, 1), ([], 2, 2), ([], 1, 1)])
def test_a_stop_that_was_not_clean_says_so_by_its_code(run, capsys, killed, end, code):
    one = run()
    one.steps()
    one.clusters[0].killed, one.clusters[0].end = killed, end
    one.asked.stop.set()
    assert one.steps() == code
    assert ("worker 1 did not end within 15 s" in capsys.readouterr().err) == bool(killed)


def test_signals_are_heard_while_it_runs():
    asked = Asked()
    asked.listen()
    os.kill(os.getpid(), signal.SIGHUP)
    asked.wait()
    assert asked.change.is_set()
    assert not asked.stop.is_set()
    os.kill(os.getpid(), signal.SIGTERM)
    asked.wait()
    assert asked.stop.is_set()


def test_a_run_that_fails_leaves_no_process(run, monkeypatch):
    one = run()
    monkeypatch.setattr(one.live, "_step", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.live.run()
    assert all(cluster.stops == 1 for cluster in one.clusters)

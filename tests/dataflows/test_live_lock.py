import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from dataflows import live_lock
from dataflows.live_lock import NAMES, LiveLock, ask_for, told
from operators.model.errors import ConfigError, StateError

HOLDS = """
import signal, sys
from pathlib import Path
from dataflows.live_lock import LiveLock
signal.signal(signal.SIGHUP, signal.SIG_DFL)
lock = LiveLock(Path(sys.argv[1]))
lock.take(0.0, lambda _pid: None)
lock.tell("at work", 2, 0)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path):
    made = LiveLock(tmp_path / "s")
    yield made
    made.release()


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock until it is killed or told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "s")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def never(_pid):
    raise AssertionError("there is nobody to wait for")


def test_one_holds_it_and_tells_what_it_does(lock, tmp_path):
    lock.take(0.0, never)
    lock.tell("at work", 3, 1)
    assert told(tmp_path / "s") == {
        "pid": os.getpid(),
        "state": "at work",
        "processes": 3,
        "restarts": 1,
    }
    assert {path.name for path in (tmp_path / "s").iterdir()} <= NAMES
    lock.release()
    assert told(tmp_path / "s") == {}
    again = LiveLock(tmp_path / "s")
    again.take(0.0, never)
    again.release()


def test_a_second_is_told_who_holds_it(lock, holder):
    with pytest.raises(StateError, match=rf"another `ifd live` works on .* \(process {holder.pid}"):
        lock.take(60.0, never)


def test_it_waits_for_the_workers_of_a_holder_that_is_gone(lock, tmp_path):
    first = LiveLock(tmp_path / "s")
    first.take(0.0, never)
    first.tell("at work", 1, 0)
    # A worker holds it open, the supervisor itself is gone.
    worker = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(first.fd,)
    )
    os.close(first._fd)
    live_lock._write(tmp_path / "s" / live_lock.STATE_NAME, {"pid": worker.pid + 2**22})
    asked = []

    def on_wait(pid):
        asked.append(pid)
        worker.communicate(b"\n")

    lock.take(60.0, on_wait)
    assert asked == [worker.pid + 2**22]


def test_workers_that_stay_are_not_waited_for_endlessly(lock, holder, tmp_path):
    (tmp_path / "s" / live_lock.STATE_NAME).unlink()
    with pytest.raises(StateError, match="process unknown"):
        lock.take(0.0, never)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match=r"recovery\.directory: .* cannot be written: Not a dir"):
        LiveLock(tmp_path / "file" / "s").take(0.0, never)


def test_a_wish_is_taken_once(lock, tmp_path):
    lock.take(0.0, never)
    assert lock.wish() is None
    live_lock._write(tmp_path / "s" / live_lock.WISH_NAME, {"processes": 3})
    assert lock.wish() == 3
    assert lock.wish() is None
    (tmp_path / "s" / live_lock.WISH_NAME).write_text("no json")
    assert lock.wish() is None


def test_whoever_asks_waits_until_it_is_so(lock, tmp_path, monkeypatch):
    lock.take(0.0, never)
    lock.tell("at work", 1, 0)
    sent = []

    def kill(pid, number):
        if number == signal.SIGHUP:
            sent.append(pid)
            Thread(target=lambda: lock.tell("at work", lock.wish(), 0)).start()

    monkeypatch.setattr(live_lock.os, "kill", kill)
    ask_for(tmp_path / "s", 2, within_s=60.0)
    assert sent == [os.getpid()]
    assert told(tmp_path / "s")["processes"] == 2


def test_nobody_to_ask_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no `ifd live` runs on"):
        ask_for(tmp_path, 2, within_s=1.0)


def test_one_that_does_not_answer_is_told(lock, tmp_path, monkeypatch):
    lock.take(0.0, never)
    lock.tell("at work", 1, 0)
    monkeypatch.setattr(live_lock.os, "kill", lambda _pid, _number: None)
    with pytest.raises(ConfigError, match="not done within 0 s"):
        ask_for(tmp_path / "s", 2, within_s=0.2)


def test_one_that_ends_meanwhile_is_told(holder, tmp_path):
    # It has no handler: the signal ends it.
    Thread(target=holder.wait).start()
    with pytest.raises(ConfigError, match="the supervisor has ended"):
        ask_for(Path(tmp_path / "s"), 2, within_s=60.0)

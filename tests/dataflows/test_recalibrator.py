"""When a recalibration runs; what it does, tests/dataflows/cli/test_calibrate.py tells."""

import sys
from threading import Event

import pytest

from config.settings import load_settings
from dataflows import recalibrator
from dataflows.recalibrator import Recalibrator, command, is_wanted


def settings(tmp_path, **given):
    words = {"live.calibration_file": str(tmp_path / "p_move.json"), **given}
    return load_settings(words, environ={}, dotenv=tmp_path / "none")


class Exchange:
    """Open and closed as the test says; the last word holds."""

    def __init__(self, *words):
        self.words = list(words)
        self.looks = 0
        self.enough = Event()

    def __call__(self):
        self.looks += 1
        if self.looks >= len(self.words) + 3:
            self.enough.set()
        return self.words.pop(0) if len(self.words) > 1 else self.words[0]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """What is noted until the exchange was looked at often enough, or something was."""

    def run(exchange, script, *, until_noted, **given):
        monkeypatch.setattr(recalibrator, "LOOK_S", 0.001)
        monkeypatch.setattr(recalibrator, "WAIT_S", 0.0)
        monkeypatch.setattr(recalibrator, "command", lambda: [sys.executable, "-c", script])
        told, noted = [], Event()

        def note(text):
            told.append(text)
            noted.set()

        made = settings(tmp_path, **given)
        with Recalibrator(lambda: made, lambda: {"WORD": "of the workers"}, note, exchange):
            assert (noted if until_noted else exchange.enough).wait(30)
        return told

    return run


def test_a_session_that_ends_is_learnt_once_and_its_last_word_told(run):
    script = "import os; print('much'); print('written by', os.environ['WORD'])"
    told = run(Exchange(False, True, True, False), script, until_noted=True)
    assert told == ["p_move after the session: written by of the workers"]


def test_nothing_runs_before_a_session_has_ended(run):
    assert run(Exchange(False, False), "print(1)", until_noted=False) == []
    assert run(Exchange(True, True), "print(1)", until_noted=False) == []


def test_it_can_be_turned_off_and_needs_a_file(run, tmp_path):
    ended = True, False, False
    off = {"live.recalibrate": False}
    assert run(Exchange(*ended), "print(1)", until_noted=False, **off) == []
    nowhere = {"live.calibration_file": ""}
    assert run(Exchange(*ended), "print(1)", until_noted=False, **nowhere) == []
    assert is_wanted(settings(tmp_path))


def test_a_run_that_fails_without_a_word_is_told(run):
    told = run(Exchange(True, False), "raise SystemExit(3)", until_noted=True)
    assert told == ["p_move after the session: ended with code 3"]


def test_a_stop_ends_a_run_that_is_under_way(tmp_path, monkeypatch):
    monkeypatch.setattr(recalibrator, "LOOK_S", 0.001)
    monkeypatch.setattr(recalibrator, "WAIT_S", 0.0)
    begun = tmp_path / "begun"
    script = f"import time; open({str(begun)!r}, 'w').close(); time.sleep(600)"
    monkeypatch.setattr(recalibrator, "command", lambda: [sys.executable, "-c", script])
    told, seen = [], Event()

    def environment():
        seen.set()
        return {}

    made = settings(tmp_path)
    with Recalibrator(lambda: made, environment, told.append, Exchange(True, False)):
        assert seen.wait(30)
    assert told == []


def test_the_command_is_the_one_that_runs_by_hand():
    assert command()[-2:] == ["calibrate", "--outcomes"]


def test_the_exchange_is_open_by_its_calendar(monkeypatch):
    is_open = recalibrator._exchange()
    for text_ns, expected in (
        (1_710_280_800 * 10**9, True),  # Tuesday 12 March 2024, 22:00 UTC: the session begins
        (1_710_363_600 * 10**9, False),  # 21:00 UTC: the daily pause
    ):
        monkeypatch.setattr(recalibrator.time, "time_ns", lambda value=text_ns: value)
        assert is_open() is expected

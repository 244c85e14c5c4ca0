import signal

import pytest

from dataflows.cli import live, main
from dataflows.live_lock import LiveLock


@pytest.fixture(autouse=True)
def settled(monkeypatch, tmp_path):
    """A folder without .env, no settings in the environment, signal handlers as before."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.chdir(tmp_path)
    for name in ("IFD_RECOVERY__DIRECTORY", "IFD_CLUSTER__PROCESSES", "IFD_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def said(capsys, *words):
    """Exit code and stderr of `ifd live`."""
    code = main.main(["live", *map(str, words)])
    return code, capsys.readouterr().err


@pytest.mark.parametrize("processes", [0, 65])
def test_an_impossible_number_of_processes_is_refused(capsys, processes):
    code, err = said(capsys, "--processes", processes)
    assert (code, err.count("\n")) == (2, 1)
    assert f"cluster.processes must be from 1 to 64, was {processes}" in err
    code, err = said(capsys, "--rescale", processes)
    assert (code, err) == (2, f"ifd: --rescale: expected 1 to 64, found {processes}\n")


def test_nobody_to_rescale_is_told(capsys):
    code, err = said(capsys, "--rescale", 2, "--recovery", "none")
    expected = "ifd: --rescale: no `ifd live` runs on none: start it, then rescale\n"
    assert (code, err) == (2, expected)


def test_a_recovery_directory_that_cannot_be_written_is_one_line(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    code, err = said(capsys, "--recovery", "file/store")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("ifd: recovery.directory: file/store cannot be written: Not a directory")


def test_a_store_that_another_works_on_is_one_line(capsys, tmp_path):
    other = LiveLock(tmp_path / "s")
    other.take(0.0, lambda _pid: None)
    other.tell("at work", 1, 0)
    try:
        code, err = said(capsys, "--recovery", "s")
    finally:
        other.release()
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("ifd: s: another `ifd live` works on this recovery store (process ")


def test_without_a_recovery_directory_it_has_one(tmp_path):
    parser = main._parser(["live"])
    assert live._given(parser.parse_args(["live"])) == {"recovery.directory": live.RECOVERY}
    given = live._given(parser.parse_args(["live", "--processes", "3", "--recovery", "r"]))
    assert given == {"cluster.processes": 3, "recovery.directory": "r"}

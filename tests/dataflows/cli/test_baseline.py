"""`ifd baseline`: from files and from the historical service, with the vendor's own client."""

import io
import json
import re
import signal

import numpy as np
import pytest

from dataflows.baseline_file import load_baseline, save_baseline
from dataflows.cli import baseline as command
from dataflows.cli import main as cli
from simulator.historical.archive import Archive
from simulator.historical.faults import Fault
from simulator.simulation import SimulationConfig, session
from simulator.tape import TapeForm, write_tape
from tests.historicals import KEY, running_historical

CONFIG = SimulationConfig(
    duration_s=20.0, roots=("ES",), instruments=2, records_per_s=200.0, resting_orders=400
)
NOW = 1_775_700_000 * 10**9
"""Thursday 2026-04-09, 02:00 UTC."""


@pytest.fixture(autouse=True)
def as_before():
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def tapes(tmp_path_factory):
    """Monday, 6 April, and Tuesday."""
    folder = tmp_path_factory.mktemp("tapes")
    paths = [folder / f"{number}.dbn" for number in range(2)]
    for number, path in enumerate(paths):
        write_tape(session(CONFIG, number), path, TapeForm(status=True))
    return paths


def run(*words):
    return cli.main(["baseline", *map(str, words)])


def test_files_become_a_file_that_can_be_shown(tapes, tmp_path, capfd):
    out = tmp_path / "b.parquet"
    assert run("build", *tapes, "--out", out) == 0
    said = capfd.readouterr().err
    assert "1 of 2: 0.dbn: done" in said
    assert "sessions by root: ES 2, fewer than 5: WARMING" in said
    assert [each.name for each in tmp_path.iterdir()] == ["b.parquet"]
    assert run("show", out, "--root", "ES", "--metric", "size") == 0
    shown = capfd.readouterr().out
    assert shown.startswith("ES FUT: 2 sessions, 2026-04-06 to 2026-04-07\n")
    assert re.search(r"08:30 +2 +warming +\d\S* ± ", shown)
    assert run("show", out, "--json") == 0
    assert list(json.loads(capfd.readouterr().out)["roots"]) == ["ES"]
    folder = tapes[0].parent
    assert run("build", "--tapes", folder, "--out", tmp_path / "c.parquet") == 0
    assert np.array_equal(load_baseline(out).cells, load_baseline(tmp_path / "c.parquet").cells)


@pytest.fixture
def service(tapes, tmp_path, monkeypatch):
    archive = Archive()
    for path in tapes:
        archive.add_file(path)
    with running_historical(archive, NOW, monkeypatch) as server:
        monkeypatch.setattr(command, "wall_ns", lambda: NOW)
        monkeypatch.setenv("DATABENTO_API_KEY", KEY)
        for name, value in {
            "gateway": server.address,
            "directory": str(tmp_path / "history"),
            "window_s": "86400",
            "free_bytes_min": "0",
        }.items():
            monkeypatch.setenv(f"IFD_HISTORY__{name.upper()}", value)
        yield server


HISTORY = ("build", "--history", "--symbols", "ES.FUT", "--before", "2026-04-08", "--sessions", 2)


def test_history_gives_what_the_files_give(service, tapes, tmp_path, capfd):
    out = tmp_path / "h.parquet"
    assert run(*HISTORY, "--cost-max", 1, "--yes", "--out", out) == 0
    said = capfd.readouterr().err
    assert "2 sessions, 2026-04-06 to 2026-04-07, of ES.FUT: 3 days of history to read" in said
    assert np.array_equal(load_baseline(out).cells, whole(tapes, tmp_path).cells)


def test_a_build_from_history_goes_on_with_the_day_that_was_under_way(
    service, tapes, tmp_path, capfd, monkeypatch
):
    out = tmp_path / "h.parquet"
    monkeypatch.setenv("IFD_HISTORY__ATTEMPTS_MAX", "1")
    taken, days = service.faults.take, []

    def take(endpoint, schema):
        if (endpoint, schema) == ("get_range", "mbo"):
            days.append(schema)
            # Sunday and Monday come, Tuesday does not.
            return Fault(status=503) if len(days) == 3 else taken(endpoint, schema)
        return taken(endpoint, schema)

    monkeypatch.setattr(service.faults, "take", take)
    assert run(*HISTORY, "--cost-max", 1, "--yes", "--out", out) == 2
    assert "history.attempts_max" in capfd.readouterr().err
    assert not out.exists()
    assert run(*HISTORY, "--cost-max", 1, "--yes", "--out", out) == 0
    said = capfd.readouterr().err
    assert "1 days of history to read" in said
    assert "going on after 2 of 3" in said
    assert len(days) == 4
    assert np.array_equal(load_baseline(out).cells, whole(tapes, tmp_path).cells)


def whole(tapes, tmp_path):
    files = tmp_path / "f.parquet"
    assert run("build", *tapes, "--out", files) == 0
    return load_baseline(files)


def test_nothing_is_paid_unasked_or_over_the_cap(service, tmp_path, capfd, monkeypatch):
    out = tmp_path / "h.parquet"
    assert run(*HISTORY, "--out", out) == 2
    assert "history.cost_max_usd allows" in capfd.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(*HISTORY, "--cost-max", 1, "--out", out) == 2
    assert "--yes: expected it" in capfd.readouterr().err
    assert {asked.endpoint for asked in service.log} == {"get_cost"}


def test_an_answer_decides(service, tmp_path, capfd, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run(*HISTORY, "--cost-max", 1, "--out", tmp_path / "h.parquet") == 2
    assert "nothing paid" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--history", "a.dbn"], "expected FILE…, --tapes DIR or --history, found several"),
        ([], "found none"),
        (["--history", "--sessions", "0"], "--sessions: expected at least 1"),
        (["--history", "--before", "soon"], "--before: expected a date such as 2026-04-06"),
        (["none.dbn"], "none.dbn"),
    ],
)
def test_what_cannot_be_built_is_one_line(tmp_path, capfd, monkeypatch, words, said):
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    assert run("build", *words, "--symbols", "ES.FUT", "--out", tmp_path / "b") == 2
    err = capfd.readouterr().err
    assert (err.count("\n"), said in err) == (1, True), err


def test_history_without_a_key_or_before_its_time_is_one_line(tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("DATABENTO_API_KEY", raising=False)
    assert run(*HISTORY, "--out", tmp_path / "b") == 2
    assert "DATABENTO_API_KEY: expected" in capfd.readouterr().err
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    monkeypatch.setattr(command, "wall_ns", lambda: NOW)
    words = [*HISTORY[:-3], "2026-04-10"]
    assert run(*words, "--out", tmp_path / "b") == 2
    assert "history.delay_s" in capfd.readouterr().err


def test_a_file_that_is_no_baseline_is_named(tapes, tmp_path, capfd):
    out = tmp_path / "b.parquet"
    assert run("build", tapes[0], "--out", out) == 0
    capfd.readouterr()
    whole = out.read_bytes()
    for data in (b"no", whole[:-30], whole[:100] + bytes(50) + whole[150:]):
        out.write_bytes(data)
        assert run("show", out) == 2
        err = capfd.readouterr().err
        assert err.startswith(f"ifd: baseline {out} cannot be ")
        assert err.count("\n") == 1
    assert run("show", tmp_path / "none.parquet") == 2
    assert "there is no such file" in capfd.readouterr().err
    out.write_bytes(whole)
    save_baseline(out, load_baseline(out).only(lambda _root: False))
    assert run("show", out) == 2
    assert "holds no session" in capfd.readouterr().err

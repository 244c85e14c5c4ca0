import os
import signal

import pytest

from dataflows import worker


@pytest.fixture
def pipe(monkeypatch):
    """Writes to the worker's standard input."""
    inner, outer = os.pipe()
    monkeypatch.setattr(worker, "_STDIN", inner)
    outer_file = os.fdopen(outer, "wb", buffering=0)
    yield outer_file
    outer_file.close()
    os.close(inner)


def test_the_word_is_read_to_the_end_of_its_line_and_no_further(pipe):
    pipe.write(b"go 127.0.0.1:1;127.0.0.1:2\nmore\n")
    assert worker._line() == "go 127.0.0.1:1;127.0.0.1:2"
    assert worker._line() == "more"


def test_without_a_writer_there_is_no_word(pipe):
    pipe.write(b"g")
    pipe.close()
    assert worker._line() == ""


def test_alone_it_stops_itself(pipe, monkeypatch):
    sent = []
    monkeypatch.setattr(worker.os, "kill", lambda pid, number: sent.append((pid, number)))
    pipe.write(b"whatever")
    pipe.close()
    worker._stop_when_alone()
    assert sent == [(os.getpid(), signal.SIGTERM)]


@pytest.mark.parametrize(
    ("line", "argv"),
    [(b"go\n", ["w", "m:flow"]), (b"go a:1;b:2\n", ["w", "m:flow", "-a", "a:1;b:2"]), (b"", None)],
)
def test_it_gets_ready_and_runs_only_at_the_word(pipe, monkeypatch, capsys, line, argv):
    ran = []
    monkeypatch.setattr(worker.sys, "argv", ["w", "m:flow"])
    monkeypatch.setattr(worker, "fail_in_one_line", lambda: None)
    loaded = []
    monkeypatch.setattr("dataflows.edges.load_source", lambda _settings: loaded.append("source"))
    monkeypatch.setattr("dataflows.warmup.warm_up", lambda _settings: loaded.append("kernels"))
    monkeypatch.setattr(worker, "_stop_when_alone", lambda: None)
    monkeypatch.setattr(
        worker.runpy, "run_module", lambda name, **_: ran.append((name, list(worker.sys.argv)))
    )
    pipe.write(line)
    pipe.close()
    worker.main()
    assert capsys.readouterr().out == "ifd-worker: ready\n"
    assert loaded == ["source", "kernels"]
    assert ran == ([] if argv is None else [("bytewax.run", argv)])


def test_a_flow_that_is_made_is_told(monkeypatch, capsys):
    monkeypatch.setattr("dataflows.detect.flow", lambda: "flow")
    assert worker.flow() == "flow"
    assert capsys.readouterr().out == "ifd-worker: at work\n"

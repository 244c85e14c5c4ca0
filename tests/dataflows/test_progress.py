import io

import pytest

from connectors.dbn_file import Counts, Progress
from dataflows.progress import FeedLines, Stages, progress_bar, stages


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(**given) -> Progress:
    """Half of a file, unless told otherwise."""
    fields = {
        "feed": "f",
        "bytes_done": 50,
        "bytes_total": 100,
        "counts": Counts(records=1_234_567),
    }
    names = Progress.__dataclass_fields__
    return Progress(**{n: ({**fields, **given}).get(n, 0) for n in names})


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_log_gets_a_line_now_and_then():
    out, clock = io.StringIO(), Clock()
    lines = FeedLines("replay", out, clock)
    for _ in range(3):
        lines(progress())
    assert out.getvalue() == ""
    clock.now_s += 30
    lines(progress())
    lines(progress())
    assert out.getvalue() == "replay: 50 %, 1,234,567 records, 41 k/s, about 30 s left\n"
    clock.now_s += 30
    lines(progress(bytes_done=0, bytes_total=0))
    assert out.getvalue().splitlines()[1:] == ["replay: 100 %, 1,234,567 records, 21 k/s"]


def test_stages_are_lines_where_there_is_no_terminal():
    out, clock = io.StringIO(), Clock()
    shown = Stages(out, None, clock)
    shown.begin("compiling")
    clock.now_s += 12
    shown.begin("simulating", 20)
    shown.advance_to(1, 20)
    clock.now_s += 10
    shown.advance_to(5, 20)
    clock.now_s += 3
    shown.end()
    shown.end()
    assert out.getvalue().splitlines() == [
        "compiling …",
        "compiling: done in 12 s",
        "simulating …",
        "simulating: 25 %",
        "simulating: done in 13 s",
    ]


def test_stages_are_bars_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with stages(out) as shown:
        shown.begin("compiling")
        shown.begin("simulating", 20)
        shown.advance_to(10, 20)
    assert "compiling" in out.getvalue()
    assert "100 %" in out.getvalue()


def test_nothing_is_drawn_where_there_is_no_terminal():
    out = io.StringIO()
    with progress_bar("reading", out) as on_progress:
        on_progress(progress())
    assert out.getvalue() == ""


@pytest.mark.parametrize("records", [0, 5, 12_345, 1_234_567])
def test_a_terminal_sees_records_and_rate(monkeypatch, records):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with progress_bar("reading", out) as on_progress:
        on_progress(progress(counts=Counts(records=records)))
    assert f"{records:,} records" in out.getvalue()
    assert "/s" in out.getvalue()

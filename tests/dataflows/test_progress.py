import io

import pytest

from connectors.dbn_file import Counts, Progress
from dataflows.progress import progress_bar


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

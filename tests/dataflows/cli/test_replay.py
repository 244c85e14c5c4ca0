import json
import signal

import pytest

from dataflows.cli import main as cli
from tests.connectors.dbn_bytes import header, mbo


@pytest.fixture(autouse=True)
def as_before():
    """A replay takes over the signals of its process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.dbn"
    path.write_bytes(header() + mbo(300).tobytes())
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--processes", "0"], "--processes: expected at least 1, found 0"),
        (
            ["--processes", "2", "--save-baseline", "b"],
            "--processes: expected 1 with --save-baseline",
        ),
        (["--speed", "0"], "--speed: expected more than 0, found 0.0"),
        (["--speed", "nan"], "--speed: expected more than 0, found nan"),
        (["--shards", "0"], "command line: flow.shards must be from 1 to 1000, was 0"),
        (["--feed", ""], "command line: source.feed must be a name, was empty"),
        (["--baseline", "/none.parquet"], "source.baseline: /none.parquet: No such file"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_2(file, capfd, words, said):
    assert cli.main(["replay", str(file), *words]) == 2
    out, err = capfd.readouterr()
    assert err.startswith(f"ifd: {said}")
    assert (err.count("\n"), out) == (1, "")


def test_a_summary_is_one_object_and_nothing_else(file, capfd):
    assert cli.main(["replay", str(file), "--summary"]) == 0
    out, err = capfd.readouterr()
    assert (out.count("\n"), err) == (1, "")
    found = json.loads(out)
    assert list(found) == [
        "records",
        "instruments",
        "executions",
        "quality",
        "signals",
        "records_per_s",
    ]
    assert found["records"] == 300


def test_without_it_a_line_tells_what_was_done(file, capfd):
    assert cli.main(["replay", str(file)]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("300 records of 1 instruments in ")


def test_help_says_what_a_topic_prefix_is_for(capsys):
    with pytest.raises(SystemExit):
        cli.main(["replay", "--help"])
    shown = capsys.readouterr().out
    assert "--topic-prefix" in shown
    assert "topics of its own" in " ".join(shown.split())

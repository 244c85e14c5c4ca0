"""`ifd evaluate`, run as a user does, on one short tape of a folder."""

import json

import pytest

from dataflows.cli.evaluate import warming
from dataflows.cli.main import main
from simulator.label_file import labels_path, read_labels, write_labels
from simulator.simulation import SimulationConfig
from simulator.tape import write_tape


def evaluate(*words: object) -> int:
    return main(["evaluate", *map(str, words)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One labelled tape of a minute, one that nobody labelled."""
    home = tmp_path_factory.mktemp("tapes")
    config = SimulationConfig(
        duration_s=60.0,
        roots=("ES",),
        instruments=2,
        records_per_s=200.0,
        resting_orders=400,
        institutions=True,
        institutions_per_hour=600.0,
        regime="calm",
    )
    summary = write_tape(config, home / "x.dbn")
    write_labels(summary.labels, labels_path(home / "x.dbn"))
    (home / "other.dbn").write_bytes((home / "x.dbn").read_bytes())
    return home


def test_a_folder_is_evaluated_into_json_and_a_page(folder, tmp_path, capsys):
    assert evaluate("--tapes", folder, "--json", "--out", tmp_path / "out") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert list(found["engines"]) == ["ifd", "v3_reference", "z2"]
    assert found["tapes"] == 1
    assert found["labels"] >= 1
    assert found["params"]
    assert any("too little history (ES 0 sessions of 5" in line for line in found["quality"])
    assert any("v3_reference has 0 sessions" in line for line in found["quality"])
    assert any(line.startswith("other.dbn: left out") for line in found["quality"])
    # What the market did came through the chain: points that made no signal are among them.
    assert [each["horizon_s"] for each in found["engines"]["ifd"]["information"]][:2] == [1, 5]
    assert all(each["enter_s"] == 1 for each in found["engines"]["ifd"]["followed"])
    # Looser budgets than the one in force are tried too.
    assert [each["threshold"] for each in found["engines"]["ifd"]["sweep"]][-2:] == [-40.0, -48.0]
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == found
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()
    assert "labelled tapes" in told.err


def test_labels_of_another_tape_are_one_line(folder, tmp_path, capsys):
    (tmp_path / "x.dbn").write_bytes((folder / "x.dbn").read_bytes())
    labels = (folder / "x.labels.ndjson").read_text().replace('"root":"ES"', '"root":"NQ"')
    (tmp_path / "x.labels.ndjson").write_text(labels)
    assert read_labels(tmp_path / "x.labels.ndjson")
    assert evaluate("--tapes", tmp_path) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith("ifd: labels of x.dbn: label 1 (")
    assert "does not match the tape: root was NQ, the tape has ES" in told[-1]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--seeds", "1-x"), "--seeds: expected such as 1-20"),
        (("--seeds", "1", "--regime", "wild"), "--regime: expected of calm"),
        (("--seeds", "1", "--minutes", 0.5), "--minutes: expected 1 to 240, found 0.5"),
        (("--seeds", "1", "--baseline", "b"), "--baseline: expected --tapes with it"),
        (("--tapes", "nowhere", "--difficulty", "easy"), "--difficulty: expected --seeds with it"),
        (("--tapes", "nowhere"), "--tapes: expected a folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words, text, capsys):
    assert evaluate(*words) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1 or told.err.splitlines()[-1].startswith("ifd: ")
    assert text in told.err
    assert told.out == ""


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        evaluate("--help")
    text = capsys.readouterr().out
    for word in ("--seeds A-B", "equal false", "history", "fitted"):
        assert word in text


def test_enough_history_is_no_remark():
    assert warming("t", {"ES": 8}, 8) == []
    assert len(warming("t", {"ES": 4, "NQ": 8}, 4)) == 2


@pytest.mark.slow
def test_seeds_are_simulated_with_the_sessions_before_them(capsys):
    assert evaluate("--seeds", "2", "--minutes", 1) == 0
    text = capsys.readouterr().out
    assert "1 tapes" in text
    assert "too little history" not in text

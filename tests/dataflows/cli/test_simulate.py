"""`ifd simulate`, run as a user does."""

import json

import databento
import pytest

from dataflows.cli.main import main
from simulator.behaviours import KINDS
from simulator.regimes import REGIMES


def simulate(*words: object) -> int:
    return main(["simulate", *map(str, words)])


def test_a_tape_is_written_and_told_in_one_line(tmp_path, capsys):
    path = tmp_path / "tape.dbn.zst"
    assert simulate("--out", path, "--minutes", 0.1) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith(f"{path}: ")
    assert told.out.count("\n") == 1
    assert "8 instruments" in told.out
    store = databento.DBNStore.from_bytes(path.read_bytes())
    assert store.metadata.version == 3
    assert len(store.to_ndarray(schema="mbo")) > 4_000


def test_the_same_options_give_the_same_file(tmp_path):
    words = ("--records", 2_000, "--roots", "ES,CL", "--seed", 5, "--no-ticks")
    for name in ("a.dbn", "b.dbn"):
        assert simulate("--out", tmp_path / name, *words) == 0
    assert (tmp_path / "a.dbn").read_bytes() == (tmp_path / "b.dbn").read_bytes()


def test_labels_are_written_beside_the_tape(tmp_path, capsys):
    words = ("--out", tmp_path / "t.dbn.zst", "--minutes", 1, "--institutions")
    assert simulate(*words) == 0
    assert " behaviours, " in capsys.readouterr().out
    first = json.loads((tmp_path / "t.labels.ndjson").read_text().splitlines()[0])
    assert first["who"] == "institution-1"


def test_labels_are_written_where_they_are_wanted(tmp_path):
    labels = tmp_path / "truth.jsonl"
    words = ("--out", tmp_path / "t.dbn", "--minutes", 1, "--look-alikes", "--labels", labels)
    assert simulate(*words, "--kinds", "two_sided", "--difficulty", "easy", "--regime", "calm") == 0
    first = json.loads(labels.read_text().splitlines()[0])
    assert (first["who"], first["kind"]) == ("bystander-1", "two_sided")
    assert (first["difficulty"], first["regime"], first["side"]) == ("easy", "calm", "none")
    assert not (tmp_path / "t.labels.ndjson").exists()


def test_options_are_listed_beside_both_months_and_their_spread(tmp_path, capsys):
    words = ("--out", tmp_path / "t.dbn", "--records", 2_000, "--roots", "ES,NQ", "--options", 60)
    assert simulate(*words) == 0
    assert "66 instruments" in capsys.readouterr().out
    assert not (tmp_path / "t.labels.ndjson").exists()


def test_help_tells_every_kind_and_regime(capsys):
    with pytest.raises(SystemExit):
        simulate("--help")
    told = capsys.readouterr().out
    for word in (*KINDS, *REGIMES):
        assert word in told, word


def test_a_start_without_a_zone_is_chicagos(tmp_path):
    path = tmp_path / "t.dbn"
    assert simulate("--out", path, "--records", 100, "--start", "2026-04-06T19:00") == 0
    store = databento.DBNStore.from_bytes(path.read_bytes())
    assert str(store.metadata.start) == "1775520000000000000"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--start", "yesterday"), "start: expected a time such as 2026-04-06T08:30, found 'yest"),
        (("--start", "2026-04-04T10:00"), "in the exchange's weekend"),
        (("--roots", "ES,FOO"), "roots: 'FOO' is not known"),
        (("--roots", "64", "--instruments", "9"), "instruments must be at least 64"),
        (("--rate", "-1"), "records_per_s must be above 0, was -1.0"),
        (("--minutes", "nan"), "duration_s must be above 0, was nan"),
        (("--labels", "x.jsonl"), "labels: expected --institutions or --look-alikes with it"),
        (("--kinds", "twap,guess", "--institutions"), "kinds must be of twap,"),
        (("--options", "-5"), "options must be at least 0, was -5"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(tmp_path, capsys, words, text):
    assert simulate("--out", tmp_path / "t.dbn", *words) == 2
    told = capsys.readouterr()
    assert text in told.err
    assert told.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_tape_is_refused(tmp_path, capsys):
    assert simulate("--out", tmp_path / "t.csv") == 2
    assert "expected a name ending in .dbn or .dbn.zst, found 't.csv'" in capsys.readouterr().err

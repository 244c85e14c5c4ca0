"""Which tapes are evaluated: simulated from seeds, or found in a folder."""

import dataclasses

import pytest

from dataflows.labelled_tapes import (
    Simulated,
    history_in,
    regimes_of,
    seeds_of,
    simulated_history,
    simulated_tape,
    tapes_in,
    unlabelled_in,
)
from evaluation.markets import SESSIONS
from operators.model.errors import ConfigError
from simulator.label_file import labels_path, write_labels
from tests.evaluation.test_labels import LABEL


def test_seeds_are_ranges_and_lists_each_once():
    assert seeds_of("1-3") == (1, 2, 3)
    assert seeds_of("7") == (7,)
    assert seeds_of("1-2, 9,2") == (1, 2, 9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "expected such as 1-20, found 'x'"),
        ("5-2", "expected the first before the last"),
        ("0-3", "expected 1 to 39999, found 0"),
        ("1-5000", "expected at most 1000"),
        ("-3", "expected such as"),
    ],
)
def test_wrong_seeds_are_refused(text, told):
    with pytest.raises(ConfigError, match=told):
        seeds_of(text)


def test_regimes_are_names_or_all():
    assert regimes_of(None) == ()
    assert len(regimes_of("all")) == 4
    assert regimes_of("news, calm") == ("calm", "news")
    with pytest.raises(ConfigError, match="--regime: expected of calm"):
        regimes_of("wild")


def test_each_seed_has_the_regime_of_the_split_unless_others_are_asked_for():
    assert Simulated(seeds=(1, 2)).markets() == [(1, "calm"), (2, "news")]
    assert len(Simulated(seeds=(1, 2), regimes=("calm", "normal")).markets()) == 4
    assert Simulated(seeds=(1, 2)).forms() == ["futures"]
    assert Simulated(seeds=(1, 3)).forms() == ["futures", "options"]


def test_what_is_not_held_out_is_said():
    assert Simulated(seeds=(1, 2)).remarks() == []
    (remark,) = Simulated(seeds=(1, 10_000), regimes=("calm", "normal")).remarks()
    assert "seed 1 in the regime normal and 2 more" in remark


def test_tapes_of_a_folder_are_those_with_labels(tmp_path):
    for name in ("a.dbn", "b.dbn.zst", "c.dbn", "notes.txt"):
        (tmp_path / name).touch()
    write_labels([LABEL], labels_path(tmp_path / "b.dbn.zst"))
    write_labels(
        [LABEL, dataclasses.replace(LABEL, regime="calm")], labels_path(tmp_path / "c.dbn")
    )
    found = tapes_in(tmp_path)
    assert [(tape.name, tape.regime, len(tape.labels)) for tape in found] == [
        ("b.dbn.zst", "news", 1),
        ("c.dbn", "", 2),
    ]
    assert unlabelled_in(tmp_path) == ["a.dbn"]
    assert history_in(tmp_path) == []
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "z.dbn").touch()
    assert [path.name for path in history_in(tmp_path)] == ["z.dbn"]


def test_a_folder_without_labels_or_that_is_none_is_told(tmp_path):
    (tmp_path / "a.dbn").touch()
    with pytest.raises(ConfigError, match="found 1 tapes and no labels of theirs"):
        tapes_in(tmp_path)
    with pytest.raises(ConfigError, match="expected a folder, found no such one"):
        tapes_in(tmp_path / "none")


def test_simulated_sessions_and_tapes_are_written_one_at_a_time(tmp_path):
    simulated = Simulated(seeds=(1,), duration_s=2.0)
    told: list[float] = []
    seen = []
    for path in simulated_history(simulated, "futures", tmp_path):
        seen.append(path.name)
        assert path.stat().st_size > 0
    assert len(set(seen)) == SESSIONS
    assert list(tmp_path.iterdir()) == []
    tape = simulated_tape(simulated, 1, "calm", tmp_path, told.append)
    assert (tape.name, tape.regime) == ("seed-1-calm", "calm")
    assert told

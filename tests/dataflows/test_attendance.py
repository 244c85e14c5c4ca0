import sys

import pytest

from dataflows import attendance
from dataflows.attendance import Leaving, Place, begin, end, forget, place, unfinished
from operators.model.errors import StateError


def left(folder, generation="g"):
    return unfinished(folder, generation, is_kept=True)


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        ([], {}, Place(0, 1)),
        (["-i", "1", "-a", "a:1;b:2;c:3", "-r", "s"], {}, Place(1, 3)),
        ([], {"BYTEWAX_PROCESS_ID": "2", "BYTEWAX_ADDRESSES": "a:1;b:2;c:3"}, Place(2, 3)),
        (["-i", "4"], {}, Place(4, 5)),
    ],
)
def test_the_place_is_the_launchers(monkeypatch, words, variables, expected):
    for name in ("BYTEWAX_PROCESS_ID", "BYTEWAX_ADDRESSES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["run.py", "m:flow", *words])
    assert place() == expected


def test_all_that_ended_clean_with_all_delivered_leave_nothing_unfinished(tmp_path):
    for number in range(2):
        begin(tmp_path, "g", Place(number, 2))
        assert left(tmp_path) == f"worker {0 if number == 0 else 1} was not stopped clean"
        end(tmp_path, "g", Place(number, 2), {"kafka": 0})
        assert left(tmp_path) == ""


def test_what_was_not_delivered_is_told(tmp_path):
    end(tmp_path, "g", Place(1, 2), {"kafka": 0, "store": 3})
    assert left(tmp_path) == "3 messages were not delivered by store of worker 1"


def test_places_that_a_smaller_cluster_does_not_have_are_forgotten(tmp_path):
    for number in range(12):
        begin(tmp_path, "g", Place(number, 12))
    end(tmp_path, "g", Place(1, 2), {})
    begin(tmp_path, "g", Place(0, 2))
    end(tmp_path, "g", Place(0, 2), {})
    assert left(tmp_path) == ""
    assert len(list(tmp_path.glob(attendance.PATTERN))) == 2


def test_another_generations_processes_say_nothing_of_this(tmp_path):
    begin(tmp_path, "before", Place())
    assert left(tmp_path) == ""
    assert unfinished(tmp_path, "g", is_kept=False) == "nothing says that it was stopped clean"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"generation": "g", "more": 1}'])
def test_a_damaged_file_is_no_clean_stop(tmp_path, text):
    (tmp_path / "process-0.json").write_text(text)
    assert left(tmp_path) == "nothing says that it was stopped clean"
    forget(tmp_path)
    assert left(tmp_path) == ""


def test_a_folder_that_cannot_be_written_is_refused_at_the_start_only(tmp_path):
    with pytest.raises(StateError, match="cannot be written"):
        begin(tmp_path / "none", "g", Place())
    end(tmp_path / "none", "g", Place(), {})


def test_a_process_leaves_its_end_only_if_it_began(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run.py"])
    leaving = Leaving()
    leaving.on_clean_end()
    leaving.begin("", "g", dict)
    leaving.on_clean_end()
    assert not list(tmp_path.iterdir())
    leaving.begin(str(tmp_path), "g", lambda: {"kafka": 1})
    assert left(tmp_path) == "worker 0 was not stopped clean"
    leaving.on_clean_end()
    assert left(tmp_path) == "1 messages were not delivered by kafka of worker 0"

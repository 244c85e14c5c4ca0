import numpy as np
import pytest

from dataflows.kept_state import read_state, write_state
from operators.model.errors import StateError


def test_what_is_kept_is_read_again(tmp_path):
    path = tmp_path / "new" / "state.bin"
    write_state(path, {"version": 3, "steps": {"book": (1, {"a": np.arange(3)})}})
    found = read_state(path, 3)
    assert found["steps"]["book"][1]["a"].tolist() == [0, 1, 2]
    assert [each.name for each in path.parent.iterdir()] == ["state.bin"]


def test_damage_another_version_and_no_file_are_one_line(tmp_path):
    path = tmp_path / "state.bin"
    write_state(path, {"version": 3})
    with pytest.raises(StateError, match="expected kept state of version 4, found 3"):
        read_state(path, 4)
    whole = path.read_bytes()
    for data in (whole[:-3], whole[:9] + b"x" + whole[10:], b""):
        path.write_bytes(data)
        with pytest.raises(StateError, match="found damage") as told:
            read_state(path, 3)
        assert "\n" not in str(told.value)
    path.unlink()
    with pytest.raises(StateError, match="No such file"):
        read_state(path, 3)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "a").write_text("a file, no folder")
    with pytest.raises(StateError, match="cannot be written"):
        write_state(tmp_path / "a" / "state.bin", {"version": 1})

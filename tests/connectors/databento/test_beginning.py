import pytest

from connectors.databento.beginning import FILE_NAME, beginning_of
from connectors.tape.config import TapeConfig
from connectors.tape.segments import TapePosition
from operators.model.errors import StateError

FIRST, LATER = TapePosition(1, 128), TapePosition(2, 900)


@pytest.fixture
def config(tmp_path):
    (tmp_path / "glbx").mkdir()
    return TapeConfig(directory=str(tmp_path))


def test_a_life_begins_where_the_tape_ended_when_it_was_first_asked(config):
    assert beginning_of(config, "glbx", "life", "t", FIRST) == ("t", FIRST)
    assert beginning_of(config, "glbx", "life", "t", LATER) == ("t", FIRST)


def test_another_life_begins_anew(config):
    beginning_of(config, "glbx", "life", "t", FIRST)
    assert beginning_of(config, "glbx", "other", "t", LATER) == ("t", LATER)
    assert beginning_of(config, "glbx", "other", "t", FIRST) == ("t", LATER)


@pytest.mark.parametrize("text", ["{", "[]", '{"life": "life"}', '{"life": "life", "tape": 1}'])
def test_a_damaged_file_is_one_line(config, tmp_path, text):
    (tmp_path / "glbx" / FILE_NAME).write_text(text)
    with pytest.raises(StateError, match=r"begin\.json: expected where"):
        beginning_of(config, "glbx", "life", "t", FIRST)

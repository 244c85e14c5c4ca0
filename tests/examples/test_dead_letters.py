import base64

import pytest

from examples.dead_letters import VALUE_BYTES_MAX, DeadLetters
from examples.errors import ConsumerError
from tests.examples.given import lines


def kept(path, *letters, cluster="c1"):
    found = DeadLetters(path, cluster)
    for offset, value in letters:
        found.put("ifd.signals.v1", 1, offset, "why", value)
    found.close()
    return found.count


@pytest.fixture
def path(tmp_path):
    return tmp_path / "dead-letters.jsonl"


def test_a_letter_says_where_and_why_and_holds_the_bytes(path):
    assert kept(path, (5, b"\xff{")) == 1
    (letter,) = lines(path)
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("ifd.signals.v1", 1, 5)
    assert letter["reason"] == "why"
    assert base64.b64decode(letter["value_base64"]) == b"\xff{"


def test_a_long_value_is_kept_in_part_and_its_length_whole(path):
    kept(path, (5, b"x" * 1_000_000), (6, None))
    first, second = lines(path)
    assert first["value_bytes"] == 1_000_000
    assert len(base64.b64decode(first["value_base64"])) == VALUE_BYTES_MAX
    assert second["value_bytes"] == 0


def test_each_is_kept_once_however_often_its_record_is_read(path):
    kept(path, (5, b"a"), (7, b"b"))
    assert kept(path, (5, b"a"), (7, b"b"), (8, b"c")) == 1
    assert [letter["offset"] for letter in lines(path)] == [5, 7, 8]


def test_offsets_of_another_cluster_are_others(path):
    kept(path, (5, b"a"))
    assert kept(path, (5, b"a"), cluster="c2") == 1


def test_a_line_that_a_crash_cut_short_is_written_anew(path):
    kept(path, (5, b"a"), (6, b"b"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert kept(path, (5, b"a"), (6, b"b")) == 1
    assert path.read_bytes() == whole


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConsumerError, match=r"dead-letters\.jsonl: No such file"):
        DeadLetters(tmp_path / "no" / "dead-letters.jsonl", "c1")

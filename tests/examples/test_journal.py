import errno
import json
import os

import pytest

from examples.errors import ConsumerError
from examples.journal import START, BrokenChain, Head, Journal, position_of, read
from examples.message import Position
from tests.examples.given import lines


def at(seq):
    return Position("g1", 1, "signals", "ES", seq)


OPEN = []


@pytest.fixture(autouse=True)
def closed():
    yield
    while OPEN:
        OPEN.pop().close()


def opened(path):
    seen = []
    OPEN.append(Journal(path, seen.append))
    return OPEN[-1], seen


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.jsonl"


def filled(path, count=3):
    journal, _ = opened(path)
    for seq in range(1, count + 1):
        journal.append(at(seq), [{"kind": "note", "text": f"é{seq}"}])
    journal.sync()
    journal.close()
    return journal.head


def test_entries_are_chained_and_come_back_in_order(path):
    head = filled(path)
    journal, seen = opened(path)
    assert [entry["n"] for entry in seen] == [1, 2, 3]
    assert seen[0]["previous"] == START
    assert [position_of(entry).seq for entry in seen] == [1, 2, 3]
    assert journal.head == head
    assert head.size == path.stat().st_size
    assert lines(path) == seen


def test_what_is_appended_is_applied_as_it_was_written(path):
    journal, seen = opened(path)
    written = journal.append(at(1), [{"kind": "a"}, {"kind": "b"}])
    assert seen == written == lines(path)
    assert ["more" in entry for entry in seen] == [True, False]


def test_a_line_that_a_crash_cut_short_is_taken_back(path):
    head = filled(path)
    whole = path.read_bytes()
    for keep in range(1, 40):
        path.write_bytes(whole + whole.splitlines(keepends=True)[0][:keep])
        journal, seen = opened(path)
        assert (journal.head, len(seen), journal.cut_bytes) == (head, 3, keep)
        assert path.read_bytes() == whole


def test_a_group_that_a_crash_cut_short_is_taken_back_whole(path):
    head = filled(path)
    journal, _ = opened(path)
    journal.append(at(4), [{"kind": "a"}, {"kind": "b"}, {"kind": "c"}])
    whole = path.read_bytes()
    ends = [head.size]
    for line in whole[head.size :].splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    for end in ends[:-1]:
        path.write_bytes(whole[:end])
        again, seen = opened(path)
        assert (again.head, len(seen)) == (head, 3)
    path.write_bytes(whole)
    assert len(opened(path)[1]) == 6


@pytest.mark.parametrize("line", [0, 1])
def test_the_first_line_that_does_not_follow_is_named(path, line):
    filled(path)
    found = path.read_bytes().splitlines(keepends=True)
    found[line] = found[line].replace(b"note", b"nota")
    path.write_bytes(b"".join(found))
    with pytest.raises(BrokenChain, match=rf"line {line + 2}: .* a line before it was changed"):
        opened(path)


def test_a_line_removed_added_or_swapped_breaks_the_chain(path):
    filled(path)
    one, two, three = path.read_bytes().splitlines(keepends=True)
    for changed, line in (
        (two + three, 1),
        (one + three, 2),
        (one + one + two + three, 2),
        (one + three + two, 2),
        (one + b"{}\n" + two, 2),
        (b"\x00\xff\n" + one, 1),
    ):
        path.write_bytes(changed)
        with pytest.raises(BrokenChain, match=f"line {line}: expected"):
            opened(path)
        assert path.read_bytes() == changed


def test_reading_on_after_a_head_gives_the_rest(path):
    head = filled(path)
    found = list(read(path))
    assert found[-1][1] == head
    after = list(read(path, found[0][1]))
    assert [entry["n"] for entry, _ in after] == [2, 3]
    assert list(read(path, head)) == []
    assert Head() == Head(0, START, 0)


def test_a_full_disk_is_one_line_and_the_next_start_knows_nothing_of_it(path, monkeypatch):
    head = filled(path)
    journal, seen = opened(path)

    class Full:
        def write(self, data):
            # Half of it fits.
            os.write(real.fileno(), bytes(data[: len(data) // 2]))
            raise OSError(errno.ENOSPC, "No space left on device")

    real = journal._file
    monkeypatch.setattr(journal, "_file", Full())
    with pytest.raises(ConsumerError, match=r"journal.jsonl: No space left .* nothing was commit"):
        journal.append(at(4), [{"kind": "note"}])
    assert len(seen) == 3
    monkeypatch.undo()
    assert opened(path)[0].head == head


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "journal.jsonl").mkdir()
    with pytest.raises(ConsumerError, match=r"journal.jsonl: Is a directory"):
        opened(tmp_path / "journal.jsonl")


def test_an_entry_is_plain_json(path):
    filled(path, 1)
    (entry,) = lines(path)
    assert entry["text"] == "é1"
    assert json.loads(path.read_bytes()) == entry

import os

import pytest

from connectors.tape.index import index_path
from connectors.tape.known import known_path
from connectors.tape.retention import Floor, prune
from connectors.tape.segments import TapePosition, segment_path
from tests.connectors.tape.tapes import FEED, held, opened, read, records

DAY_NS = 86_400 * 10**9
NOW_NS = 1_000 * DAY_NS
PACKED = ".dbn.zst"


def folder_of(tmp_path, sizes: list[int], *, packed: int):
    """Segments of those sizes, a day old the last, two the one before, …"""
    for number, size in enumerate(sizes, 1):
        path = segment_path(tmp_path, number, PACKED if number <= packed else ".dbn")
        path.write_bytes(bytes(size))
        age_ns = (len(sizes) - number + 1) * DAY_NS
        os.utime(path, ns=(NOW_NS, NOW_NS - age_ns))
        known_path(tmp_path, number).touch()
        index_path(segment_path(tmp_path, number, PACKED)).touch()
    return tmp_path


def left(folder) -> list[int]:
    return sorted(int(path.name[8:14]) for path in folder.glob("segment-*.dbn*"))


@pytest.mark.parametrize(
    ("below", "days", "budget", "expected", "over"),
    [
        (9, 100, 0, [1, 2, 3, 4, 5], False),
        (9, 3.5, 0, [3, 4, 5], False),
        (2, 3.5, 0, [2, 3, 4, 5], False),
        (0, 0.1, 1, [1, 2, 3, 4, 5], True),
        (9, 100, 350, [3, 4, 5], False),
        (3, 100, 150, [3, 4, 5], True),
        # What is not compressed yet stays.
        (9, 0.1, 1, [5], True),
    ],
)
def test_the_oldest_go_by_age_and_budget_but_none_that_is_needed(
    tmp_path, below, days, budget, expected, over
):
    folder = folder_of(tmp_path, [100] * 5, packed=4)
    aside = folder / "cut-segment-000001-128.bin"
    aside.write_bytes(b"x")
    os.utime(aside, ns=(0, 0))
    pruned = prune(folder, below=below, now_ns=NOW_NS, retention_days=days, budget_bytes=budget)
    assert left(folder) == expected
    assert len(pruned.removed) == 5 - len(expected)
    assert pruned.kept_bytes == 100 * len(expected)
    assert pruned.is_over_budget == over
    assert len(list(folder.glob("known-*"))) == len(expected)
    assert len(list(folder.glob("*.index.json"))) == len(expected)
    assert not aside.exists()


def test_a_position_is_needed_until_the_next_has_been_in_place_for_long():
    floor = Floor(keep_s=60)
    assert floor.segment(0) == 0
    floor.note(TapePosition(3, 500), 10)
    floor.note(TapePosition(3, 900), 20)
    assert floor.segment(1_000) == 3
    floor.note(TapePosition(5, 128), 1_000)
    floor.note(TapePosition(6, 128), 1_030)
    assert floor.segment(1_059) == 3
    assert floor.segment(1_060) == 5
    assert floor.segment(1_090) == 6
    assert floor.segment(9_000) == 6


def test_a_tape_within_a_budget_keeps_what_a_resume_needs(tmp_path):
    notes: list[str] = []
    tape = opened(tmp_path, notes=notes, budget_bytes=1, keep_s=0)
    for day in range(4):
        tape.rotate_if_due((1 + day) * DAY_NS)
        tape.append(b"".join(records(20, start=20 * day)))
    assert tape.wait_idle()
    tape._keeper.look()
    assert tape.wait_idle()
    assert held(tape) == b"".join(records(80))
    cursor = next(position for position, _ in read(tape) if position.segment == 3)
    # Reading from the start said that all is needed; a later snapshot says otherwise.
    tape.need(cursor)
    tape._keeper.look()
    assert tape.wait_idle()
    assert left(tmp_path / FEED) == [3, 4]
    assert tape.kept.removed == 2
    assert tape.room() == "alarm"
    (note,) = notes
    assert note.endswith("bytes are needed for a resume, tape.budget_bytes is 1; raise it")
    assert held(tape, cursor).endswith(b"".join(records(20, start=60)))
    tape.close()

import os
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.tape.segments import HEADER_BYTES, TapePosition, segment_path
from connectors.tape.tape import Tape
from operators.model.errors import StateError
from tests.connectors.tape.tapes import BEGIN, FEED, config_of, held, opened, read, records
from tests.small_disks import on_small_disk

DAY_NS = 86_400 * 10**9
MONDAY_NS = 1_775_484_000_000_000_000
"""Monday 2026-04-06, 09:00 in Chicago."""


def test_what_is_appended_is_read_with_positions_between_records(tmp_path):
    tape = opened(tmp_path)
    assert tape.end == TapePosition(1, HEADER_BYTES)
    all_of_them = records(200)
    ends = []
    for record in all_of_them:
        tape.append(record)
        ends.append(tape.end)
    assert held(tape) == b"".join(all_of_them)
    positions = [position for position, _ in read(tape, rows_max=1)]
    assert positions == ends
    for index in (0, 5, 6, 77, 199):
        assert held(tape, ends[index]) == b"".join(all_of_them[index + 1 :])
    assert tape.counters.appended_records == 200
    tape.close()


def test_a_tape_is_continued_where_it_ended(tmp_path):
    tape = opened(tmp_path)
    tape.append(b"".join(records(30)))
    end, id_ = tape.end, tape.id
    tape.close()
    again = Tape(config_of(tmp_path), FEED)
    assert again.open() == end
    assert again.synced == end
    assert again.id == id_
    again.append(b"".join(records(30, start=30)))
    assert held(again) == b"".join(records(60))
    assert held(again, end) == b"".join(records(30, start=30))
    assert again.counters.cut_bytes == 0
    again.close()


def test_synced_is_what_was_asked_for(tmp_path):
    tape = opened(tmp_path, sync_interval_s=3_600)
    tape.append(b"".join(records(10)))
    assert tape.synced < tape.end
    tape.wait_synced(tape.end)
    assert tape.synced == tape.end
    tape.close()


def test_half_records_and_other_layouts_are_refused(tmp_path):
    tape = opened(tmp_path)
    (record,) = records(1)
    for data in (record[:-1], record + b"\0", bytes(56), record[:1] + b"\xff" + record[2:]):
        with pytest.raises(ValueError, match="whole v3 records, was something else at byte"):
            tape.append(data)
    tape.append(b"")
    tape.append(memoryview(record))
    assert held(tape) == record
    tape.close()


def test_a_new_segment_begins_with_the_exchanges_day(tmp_path):
    tape = opened(tmp_path)
    for hour in range(0, 49, 3):
        tape.rotate_if_due(MONDAY_NS + hour * 3_600 * 10**9)
        tape.append(b"".join(records(3, start=3 * hour)))
    assert tape.end.segment == 3
    assert tape.counters.rotations == 2
    assert tape.wait_idle()
    tape.close()
    again = opened(tmp_path)
    again.rotate_if_due(MONDAY_NS + 49 * 3_600 * 10**9)
    assert again.end.segment == 3
    again.rotate_if_due(MONDAY_NS + 56 * 3_600 * 10**9)
    assert again.end.segment == 4
    again.close()


def test_a_segment_is_finished_before_it_grows_too_large(tmp_path):
    tape = opened(tmp_path, segment_bytes_max=2**20)
    many = b"".join(records(1_000))
    for _ in range(30):
        tape.append(many)
    assert tape.end.segment > 2
    assert tape.wait_idle()
    assert tape.kept.packed == tape.end.segment - 1
    assert held(tape) == 30 * many
    for number in range(1, tape.end.segment):
        assert not segment_path(tmp_path / FEED, number).exists()
    tape.close()


def test_segments_left_uncompressed_are_compressed_later(tmp_path):
    tape = opened(tmp_path)
    tape._keeper._is_closed = True
    for day in range(3):
        tape.append(b"".join(records(10, start=10 * day)))
        tape.rotate_if_due(MONDAY_NS + day * DAY_NS)
    tape.close()
    assert segment_path(tmp_path / FEED, 1).exists()
    again = opened(tmp_path)
    assert again.wait_idle()
    assert again.kept.packed == 2
    assert held(again) == b"".join(records(30))
    again.close()


def test_what_an_earlier_run_did_not_sync_is_synced_before_it_is_said_to_be(tmp_path, monkeypatch):
    tape = opened(tmp_path)
    tape._keeper._is_closed = True
    for day in range(3):
        tape.rotate_if_due(MONDAY_NS + day * DAY_NS)
        tape.append(b"".join(records(10, start=10 * day)))
    tape.close()
    synced = []
    fdatasync = os.fdatasync

    def noted(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    again = opened(tmp_path)
    assert synced[:4] == [*(f"segment-00000{number}.dbn" for number in (1, 2, 3)), "synced"]
    assert again.synced == again.end
    again.close()


def test_one_process_at_a_time(tmp_path):
    tape = opened(tmp_path)
    with pytest.raises(StateError, match=r"in use by another process; stop that"):
        opened(tmp_path)
    tape.close()
    tape.close()
    opened(tmp_path).close()


def test_a_tape_shorter_than_its_cursor_is_told(tmp_path):
    tape = opened(tmp_path)
    tape.append(b"".join(records(3)))
    far = replace(tape.end, offset=tape.end.offset + 56)
    with pytest.raises(
        StateError, match=r"reach segment 1, byte 352, where .* at segment 1, byte 296"
    ):
        tape.read(far, tape.end)
    with pytest.raises(StateError, match=r"expected the tape 0123, found the tape [0-9a-f]{16}"):
        tape.read(BEGIN, tape.end, id_="0123")
    assert tape.read(BEGIN, tape.end, id_=tape.id).next(10)
    tape.close()


def test_what_was_deleted_is_told(tmp_path):
    tape = opened(tmp_path)
    for day in range(3):
        tape.append(b"".join(records(10, start=10 * day)))
        tape.rotate_if_due(MONDAY_NS + day * DAY_NS)
    assert tape.wait_idle()
    segment_path(tmp_path / FEED, 1, ".dbn.zst").unlink()
    with pytest.raises(
        StateError, match=r"found segment 2 as the first: those before it have been"
    ):
        tape.read(BEGIN, tape.end)
    tape.close()
    segment_path(tmp_path / FEED, 2, ".dbn.zst").rename(tmp_path / FEED / "segment-000001.dbn.zst")
    with pytest.raises(
        StateError, match=r"expected segment 2 after segment-000001\.dbn\.zst, found"
    ):
        opened(tmp_path)


READ_ONLY = """
import sys
from pathlib import Path
from operators.model.errors import StateError
from tests.connectors.tape.tapes import opened
try:
    opened(Path(sys.argv[1]))
except StateError as error:
    sys.stdout.write(str(error))
"""


def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    done = on_small_disk(tmp_path, 2**20, "-c", READ_ONLY, tmp_path, is_writable=False)
    assert done.stdout == (
        f"{tmp_path / FEED}: the tape cannot be written: Read-only file system; make "
        "tape.directory a folder that this process may write, on a disk that works"
    ), done.stderr


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / FEED).write_text("in the way")
    with pytest.raises(StateError, match=r"make tape\.directory a folder that this process may"):
        opened(tmp_path)
    again = Tape(config_of(tmp_path), FEED)
    again.close()


def test_a_sync_that_fails_ends_the_tape(tmp_path, monkeypatch):
    tape = opened(tmp_path, sync_interval_s=3_600)
    tape.append(b"".join(records(3)))
    end = tape.end

    def fails(_fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("connectors.tape.sync.os.fdatasync", fails)
    with pytest.raises(
        StateError, match=r"could not be synced: Input/output error.*check the disk"
    ):
        tape.wait_synced(end)
    monkeypatch.undo()
    with pytest.raises(StateError, match="could not be synced"):
        tape.append(b"".join(records(1)))
    tape.close()

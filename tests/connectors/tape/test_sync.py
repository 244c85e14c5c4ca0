import os
import threading

import pytest

from connectors.tape.checkpoint import read_checkpoint
from connectors.tape.segments import HEADER_BYTES, TapePosition
from connectors.tape.sync import Syncer
from connectors.tape.writer import TapeFull, new_segment, refusal, reopened
from operators.model.errors import StateError

HEADER = bytes(HEADER_BYTES)


def test_segments_are_synced_in_their_order_and_then_handed_on(tmp_path):
    sealed: list[int] = []
    segment = new_segment(tmp_path, 1, HEADER)
    syncer = Syncer(tmp_path, segment, interval_s=3_600, on_sealed=sealed.append)
    for number in range(2, 6):
        segment.append(memoryview(bytes(100)))
        segment = new_segment(tmp_path, number, HEADER)
        syncer.follow(segment)
    segment.append(memoryview(bytes(7)))
    syncer.wait(segment.position, 60)
    assert sealed == [1, 2, 3, 4]
    assert syncer.synced == TapePosition(5, HEADER_BYTES + 7) == read_checkpoint(tmp_path)
    assert syncer.sync_ns_max > 0
    syncer.close()
    assert segment.fd == -1


def test_what_is_appended_is_synced_soon_without_being_asked(tmp_path):
    segment = new_segment(tmp_path, 1, HEADER)
    syncer = Syncer(tmp_path, segment, interval_s=0.001)
    segment.append(memoryview(bytes(9)))
    end = segment.position
    with syncer._changed:
        assert syncer._changed.wait_for(lambda: syncer.synced == end, 60)
    syncer.close()


def test_a_disk_that_hangs_is_given_up(tmp_path, monkeypatch):
    hang = threading.Event()
    segment = new_segment(tmp_path, 1, HEADER)
    syncer = Syncer(tmp_path, segment, interval_s=3_600)
    fdatasync = os.fdatasync

    def slow(fd: int) -> None:
        hang.wait(60)
        fdatasync(fd)

    monkeypatch.setattr("connectors.tape.sync.os.fdatasync", slow)
    segment.append(memoryview(bytes(9)))
    with pytest.raises(
        StateError, match=r"within 0\.01 s \(tape\.sync_timeout_s\), it did not; che"
    ):
        syncer.wait(segment.position, 0.01)
    hang.set()
    syncer.wait(segment.position, 60)
    syncer.close()


def test_a_segment_is_made_once_and_an_error_of_the_disk_tells_what_to_do(tmp_path):
    new_segment(tmp_path, 1, HEADER).close()
    with pytest.raises(StateError, match=r"File exists; make tape\.directory a folder"):
        new_segment(tmp_path, 1, HEADER)
    with pytest.raises(StateError, match="No such file"):
        reopened(tmp_path / "none", 1, 0)
    assert isinstance(refusal(tmp_path, OSError(28, "No space left on device")), TapeFull)

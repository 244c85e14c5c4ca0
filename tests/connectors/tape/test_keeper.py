import errno
import os

from connectors.tape import keeper
from connectors.tape.keeper import Keeper
from connectors.tape.segments import segment_path
from tests.connectors.dbn_bytes import mbo
from tests.connectors.tape.tapes import config_of
from tests.connectors.tape.test_rotation import raw_segment


def test_what_cannot_be_compressed_is_said_once_and_tried_again(tmp_path):
    notes: list[str] = []
    raw_segment(tmp_path, mbo(10).tobytes() + bytes(60), 1)
    raw_segment(tmp_path, mbo(10).tobytes(), 2)
    kept = Keeper(config_of(tmp_path), tmp_path, [1, 2], notes.append)
    try:
        assert kept.wait_idle(30)
        assert (kept.counters.packed, kept.counters.pack_failures) == (1, 1)
        kept.look()
        assert kept.wait_idle(30)
        assert kept.counters.pack_failures == 2
        (note,) = notes
        assert note.startswith("segment 1 stays uncompressed: ")
        raw_segment(tmp_path, mbo(10).tobytes(), 1)
        kept.look()
        assert kept.wait_idle(30)
        assert kept.counters.packed == 2
    finally:
        kept.close()
    assert not list(tmp_path.glob("*.dbn"))


def test_the_reserve_is_not_for_compressing(tmp_path, monkeypatch):
    free = [0]
    monkeypatch.setattr(keeper, "free_bytes", lambda _folder: free[0])
    raw_segment(tmp_path, mbo(10).tobytes(), 1)
    config = config_of(tmp_path, reserve_bytes=2, reserve_bytes_min=1)
    kept = Keeper(config, tmp_path, [1], lambda _note: None)
    try:
        assert kept.wait_idle(30)
        assert segment_path(tmp_path, 1).exists()
        free[0] = 2**40
        kept.look()
        assert kept.wait_idle(30)
        assert kept.counters.packed == 1
    finally:
        kept.close()


def test_a_full_disk_while_compressing_costs_nothing(tmp_path, monkeypatch):
    raw_segment(tmp_path, mbo(10).tobytes(), 1)

    def full(_fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("connectors.tape.rotation.os.fsync", full)
    notes: list[str] = []
    kept = Keeper(config_of(tmp_path), tmp_path, [1], notes.append)
    try:
        assert kept.wait_idle(30)
        assert "No space left on device" in notes[0]
        assert [path.name for path in tmp_path.iterdir()] == ["segment-000001.dbn"]
    finally:
        kept.close()

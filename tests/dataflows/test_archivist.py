"""When state is kept; that it is the right one, tests/e2e/test_why.py tells."""

import json
from threading import Event

from config.settings import load_settings
from connectors.tape.config import TapeConfig
from connectors.tape.tape import Tape
from dataflows import archivist
from dataflows.archive import archives_of
from dataflows.archivist import Archivist, archive_due
from dataflows.store_cut import StoreCut
from tests.dataflows.test_archive import cut

DAY_NS = 86_400 * 10**9


def settings(tmp_path, **given):
    words = {
        "recovery.directory": str(tmp_path / "store"),
        "tape.directory": str(tmp_path / "tape"),
        "live.feeds.glbx.symbols": ("ES.FUT",),
    }
    return load_settings({**words, **given}, environ={}, dotenv=tmp_path / "none")


def begun(tmp_path, segments):
    """A store's description, and a tape of so many segments; its folder."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "ifd-store.json").write_text(
        json.dumps({"generation": "g1", "params": "p1", "shards": 2})
    )
    tape = Tape(TapeConfig(directory=str(tmp_path / "tape")), "glbx")
    tape.open()
    for day in range(segments):
        tape.rotate_if_due((1 + day) * DAY_NS)
    tape.close()
    return tmp_path / "tape" / "glbx"


def test_each_segment_gets_one_when_the_store_reaches_into_it(tmp_path, monkeypatch):
    folder = begun(tmp_path, 3)
    of = settings(tmp_path)
    stored = [None, cut(("t1", 2, 200)), cut(("t1", 3, 128)), cut(("t1", 3, 900))]
    monkeypatch.setattr(archivist, "read_cut", lambda *_: stored.pop(0))
    assert archive_due(of) == []
    # The tape is ahead of what is stored: what there is counts for the segment that it lies in.
    assert [path.name for path in archive_due(of)] == ["session-000002-g1.json"]
    assert [path.name for path in archive_due(of)] == ["session-000003-g1.json"]
    assert archive_due(of) == []
    assert len(stored) == 1
    assert [each.segment for each in archives_of(folder)] == [2, 3]


def test_nothing_is_kept_of_files_or_without_store_or_tape(tmp_path, monkeypatch):
    def never(*_):
        raise AssertionError("nobody needs a cut")

    monkeypatch.setattr(archivist, "read_cut", never)
    assert archive_due(settings(tmp_path)) == []
    begun(tmp_path, 1)
    for given in (
        {"recovery.directory": ""},
        {"tape.enabled": False},
        {"source.paths": ("a.dbn",)},
        {"tape.hosts": {"glbx": "elsewhere"}},
    ):
        assert archive_due(settings(tmp_path, **given)) == []


def test_a_generation_that_begins_meanwhile_is_left_for_the_next_look(tmp_path, monkeypatch):
    begun(tmp_path, 1)
    file = tmp_path / "store" / "ifd-store.json"

    def renewed(*_) -> StoreCut:
        file.write_text(json.dumps({"generation": "g2", "params": "p1", "shards": 2}))
        return cut(("t1", 1, 128))

    monkeypatch.setattr(archivist, "read_cut", renewed)
    assert archive_due(settings(tmp_path)) == []


def test_the_thread_says_each_failure_once_and_goes_on(tmp_path, monkeypatch):
    begun(tmp_path, 1)
    looks, enough, told = [], Event(), []

    def broken(*_):
        looks.append(1)
        if len(looks) == 3:
            enough.set()
        raise OSError("no disk")

    monkeypatch.setattr(archivist, "read_cut", broken)
    monkeypatch.setattr(archivist, "LOOK_S", 0.001)
    with Archivist(lambda: settings(tmp_path), told.append):
        assert enough.wait(30)
    assert told == ["state for `ifd why` is not archived: no disk"]

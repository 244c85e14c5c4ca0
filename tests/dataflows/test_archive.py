import json
import pickle

import pytest

from connectors.tape.segments import TapePosition
from dataflows.archive import (
    Archived,
    StoreName,
    archived_of,
    archives_of,
    prune_archives,
    read_archive,
    shard_of,
    store_name,
    write_archive,
)
from dataflows.store_cut import StoreCut
from operators.model.errors import StateError

NAME = StoreName("g1", "p1", 2)
KNOWN = (
    (1, ("ESM6", "ES.FUT", "ES", "mapping", True, "", None, None, ())),
    (2, ("NQM6", "NQ.FUT", "NQ", "mapping", True, "", None, None, ())),
)


def cut(place=("t1", 5, 128)):
    feed = {"tape": place, "intake": {"roots": {"known": KNOWN}}}
    snaps = {
        ("feed", "glbx"): feed,
        ("analyze", "000"): (3, {"seq": (("signals", "ES", 7), ("outcomes", "ES", 9))}),
        ("analyze", "001"): (3, {"seq": (("signals", "NQ", 4),)}),
        ("book", "001"): (2, {"orders": 1}),
    }
    return StoreCut(9, {key: pickle.dumps(value) for key, value in snaps.items()})


def kept(folder, segment, generation="g1"):
    about = archived_of(cut(("t1", segment, 128)), "glbx", StoreName(generation, "p1", 2))
    write_archive(folder, about, cut())
    return about


def test_a_cut_tells_its_place_and_how_far_each_root_was(tmp_path):
    about = archived_of(cut(), "glbx", NAME)
    assert about.position == TapePosition(5, 128)
    assert (about.seqs, about.roots) == ({"ES": 7, "NQ": 4}, ("ES", "NQ"))
    assert archived_of(cut(), "other", NAME) is None
    assert archived_of(cut(None), "glbx", NAME) is None
    write_archive(tmp_path, about, cut())
    (found,) = archives_of(tmp_path)
    assert (found.name, found.position, found.seqs) == (about.name, about.position, about.seqs)
    state = read_archive(found)
    assert shard_of(state, "001") == {
        "analyze": (3, {"seq": (("signals", "NQ", 4),)}),
        "book": (2, {"orders": 1}),
    }


def test_they_come_in_order_and_what_is_none_is_left_out(tmp_path):
    for segment in (9, 10, 8):
        kept(tmp_path, segment)
    (tmp_path / "session-000001-x.json").write_text("no")
    (tmp_path / "session-000002-x.json").write_text("{}")
    assert [each.segment for each in archives_of(tmp_path)] == [8, 9, 10]
    (tmp_path / f"{archives_of(tmp_path)[0].name}.state").write_bytes(b"no")
    with pytest.raises(StateError, match="found damage"):
        read_archive(archives_of(tmp_path)[0])
    newer = tmp_path / "session-000010-g1.json"
    newer.write_text(json.dumps(json.loads(newer.read_text()) | {"version": 2}))
    assert [each.segment for each in archives_of(tmp_path)] == [8, 9]


def test_they_go_with_the_records_that_they_lead_to(tmp_path):
    for segment in (4, 5, 6):
        kept(tmp_path, segment)
    (tmp_path / "segment-000005.dbn").write_bytes(b"")
    assert prune_archives(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.glob("session-*")) == [
        "session-000005-g1.json", "session-000005-g1.state",
        "session-000006-g1.json", "session-000006-g1.state",
    ]  # fmt: skip


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "tape").write_text("a file, no folder")
    with pytest.raises(StateError, match="cannot be written"):
        write_archive(tmp_path / "tape", archived_of(cut(), "glbx", NAME), cut())


def test_a_store_says_what_it_is_of(tmp_path):
    assert store_name(tmp_path) is None
    file = tmp_path / "ifd-store.json"
    file.write_text('{"generation": "g1", "params": "p1", "shards": 2, "more": 3}')
    assert store_name(tmp_path) == NAME
    file.write_text("{}")
    with pytest.raises(StateError, match="expected a store's description"):
        store_name(tmp_path)
    assert Archived("g", "p", 1, "t", 3, 5, {}, ()).name == "session-000003-g"

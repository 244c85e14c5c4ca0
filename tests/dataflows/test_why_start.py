"""Where a replay may begin; that it then gives the same, tests/e2e/test_why.py tells."""

import json
from dataclasses import replace

import pytest

from config.settings import load_settings
from connectors.tape.config import TapeConfig
from connectors.tape.tape import Tape
from dataflows.archive import StoreName, archived_of, write_archive
from dataflows.published_signal import Revision
from dataflows.why_start import start_of
from operators.model.errors import ConfigError, StateError
from tests.dataflows.test_archive import cut

DAY_NS = 86_400 * 10**9


def settings(tmp_path, *feeds, **given):
    words = {f"live.feeds.{feed}.symbols": ("ES.FUT",) for feed in feeds or ("glbx",)}
    words |= {"tape.directory": str(tmp_path / "tape"), "flow.shards": 2}
    return load_settings({**words, **given}, environ={}, dotenv=tmp_path / "none")


def signal(seq, generation="g1", root="ES"):
    return Revision(b"", {"root": root, "seq": seq, "params": "p1"}, generation)


def tape(tmp_path, segments=3, feed="glbx"):
    """A tape; its folder and id."""
    made = Tape(TapeConfig(directory=str(tmp_path / "tape")), feed)
    made.open()
    for day in range(segments):
        made.rotate_if_due((1 + day) * DAY_NS)
    folder, id_ = tmp_path / "tape" / feed, made.id
    made.close()
    return folder, id_


def keep(folder, id_, segment, seqs, generation="g1", params="p1"):
    stored = cut((id_, segment, 128))
    about = archived_of(stored, "glbx", StoreName(generation, params, 2))
    write_archive(folder, replace(about, seqs=seqs), stored)


def begun(folder, id_, life, segment, offset=128):
    told = {"life": life, "tape": id_, "segment": segment, "offset": offset}
    (folder / "begin.json").write_text(json.dumps(told))


def test_the_newest_state_before_the_signal_is_taken(tmp_path):
    folder, id_ = tape(tmp_path)
    keep(folder, id_, 1, {"ES": 3})
    keep(folder, id_, 2, {"ES": 7, "NQ": 9})
    keep(folder, id_, 3, {"ES": 20})
    keep(folder, id_, 3, {"ES": 5}, generation="g2")
    keep(folder, "another tape", 3, {"ES": 5}, generation="g1x")
    found = start_of(settings(tmp_path), signal(8), (), None)
    assert "segment 2, byte 128" in found.text
    assert found.seq == 7
    assert [path[-18:] for path in found.paths] == ["segment-000002.dbn", "segment-000003.dbn"]
    assert found.source["position"]["name"] == "segment-000002.dbn"
    assert found.source["position"]["offset"] == 128
    assert start_of(settings(tmp_path), signal(7), (), None).seq == 3
    # From a message in a file no generation is known: the newest that may lead to it.
    assert start_of(settings(tmp_path), signal(8, ""), (), None).seq == 5
    other = signal(8, "g1").fields | {"params": "p2"}
    begun(folder, id_, "g1", 1)
    unkept = start_of(settings(tmp_path), Revision(b"", other, "g1"), (), None)
    assert unkept.steps == {}


def test_without_state_it_is_where_the_generation_began(tmp_path):
    folder, id_ = tape(tmp_path)
    found = start_of(settings(tmp_path), signal(1), (), None)
    assert (found.source, found.steps, len(found.paths)) == (None, {}, 3)
    assert found.text == f"the beginning of {folder}"
    begun(folder, id_, "g1", 2)
    found = start_of(settings(tmp_path), signal(1), (), None)
    assert "segment 2, byte 128" in found.text
    assert len(found.paths) == 2
    with pytest.raises(StateError, match=r"generation g7 .*\(only where g1 began"):
        start_of(settings(tmp_path), signal(1, "g7"), (), None)
    (folder / "segment-000001.dbn").unlink(missing_ok=True)
    (folder / "segment-000001.dbn.zst").unlink(missing_ok=True)
    assert start_of(settings(tmp_path), signal(1), (), None).paths == found.paths
    (folder / "begin.json").write_text("no")
    with pytest.raises(StateError, match=r"begin\.json: expected where"):
        start_of(settings(tmp_path), signal(1), (), None)
    (folder / "begin.json").unlink()
    with pytest.raises(StateError, match="found segment 2 as the first segment"):
        start_of(settings(tmp_path), signal(1), (), None)


def test_state_of_other_shards_is_refused(tmp_path):
    folder, id_ = tape(tmp_path)
    keep(folder, id_, 1, {"ES": 3})
    with pytest.raises(StateError, match=r"expected state of 4 shards \(flow.shards\), found 2"):
        start_of(settings(tmp_path, **{"flow.shards": 4}), signal(8), (), None)


def test_of_several_feeds_it_is_the_one_that_brings_the_root(tmp_path):
    of = settings(tmp_path, "glbx", "other")
    with pytest.raises(ConfigError, match="expected the tape of a live feed, found none"):
        start_of(of, signal(8), (), None)
    folder, id_ = tape(tmp_path)
    tape(tmp_path, feed="other")
    with pytest.raises(ConfigError, match="--feed: expected the feed that brings ES, one of glbx"):
        start_of(of, signal(8), (), None)
    assert start_of(of, signal(8), (), "other").feed == "other"
    keep(folder, id_, 1, {"ES": 3})
    assert start_of(of, signal(8), (), None).feed == "glbx"


def test_files_are_read_from_their_beginning_and_a_copied_tape_is_a_tape(tmp_path):
    folder, id_ = tape(tmp_path)
    keep(folder, id_, 2, {"ES": 3})
    found = start_of(settings(tmp_path), signal(8), (str(folder),), None)
    assert (found.feed, found.seq) == ("glbx", 3)
    files = tuple(str(folder / f"segment-00000{n}.dbn") for n in (2, 3))
    found = start_of(settings(tmp_path), signal(8), files, "sim")
    assert (found.feed, found.paths, found.source) == ("sim", files, None)
    assert found.text == f"the beginning of {files[0]}"

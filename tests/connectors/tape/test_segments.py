import json
from dataclasses import replace

import databento_dbn as dbn
import pytest

from connectors.databento.header import parse_header
from connectors.tape.segments import (
    MARKER,
    claim,
    elsewhere,
    header_bytes_of,
    is_here,
    read_marker,
    segment_path,
    segments_of,
    start_of,
)
from operators.model.errors import FeedError, StateError
from tests.connectors.tape.tapes import FEED, config_of, opened


def test_a_header_is_as_the_publishers_library_writes_it():
    expected = dbn.Metadata(
        dataset="GLBX.MDP3",
        start=1_775_484_000_000_000_000,
        stype_in=None,
        stype_out=dbn.SType.INSTRUMENT_ID,
        schema=None,
        ts_out=False,
        version=3,
    ).encode()
    found = header_bytes_of("GLBX.MDP3", 1_775_484_000_000_000_000)
    assert found == expected
    assert start_of(found) == 1_775_484_000_000_000_000
    assert parse_header(found).dataset == "GLBX.MDP3"


def test_a_feed_is_offered_where_its_tape_is_or_none_is_known(tmp_path):
    config = config_of(tmp_path)
    assert is_here(config, FEED)
    opened(tmp_path).close()
    assert is_here(config, FEED)
    there = replace(config, host="there")
    assert not is_here(there, FEED)
    assert elsewhere(there, FEED).endswith(
        "the tape was begun on here, this is there; set tape.host to here if the disk has moved or "
        "is shared"
    )
    assert is_here(there, "another")
    placed = replace(config, hosts={"another": "there"})
    assert elsewhere(placed, "another") == (
        "tape.hosts: the tape of feed another is on there, this is here"
    )
    assert is_here(replace(placed, host="there"), "another")
    assert is_here(replace(there, enabled=False), FEED)


def test_another_machines_or_feeds_tape_is_refused(tmp_path):
    opened(tmp_path).close()
    with pytest.raises(StateError, match="was begun on here, this is there"):
        claim(replace(config_of(tmp_path), host="there"), FEED)
    (tmp_path / FEED).rename(tmp_path / "other")
    with pytest.raises(StateError, match="expected the tape of feed other, found that of glbx"):
        claim(config_of(tmp_path), "other")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"feed": "glbx"}', '{"a": 1}'])
def test_what_is_no_marker_is_told(tmp_path, text):
    (tmp_path / MARKER).write_text(text)
    with pytest.raises(StateError, match=r"tape\.json: expected the description of a tape, found"):
        read_marker(tmp_path)


def test_another_version_and_segments_of_nobody_are_told(tmp_path):
    tape = opened(tmp_path)
    tape.close()
    marker = tmp_path / FEED / MARKER
    told = json.loads(marker.read_text())
    marker.write_text(json.dumps(told | {"version": 2}))
    with pytest.raises(StateError, match="expected version 1, found 2; use the program"):
        opened(tmp_path)
    marker.unlink()
    with pytest.raises(
        StateError, match=r"tape\.json beside the segments, found none; put it back"
    ):
        opened(tmp_path)


def test_segments_are_listed_by_number_and_once(tmp_path):
    for name in ("000010.dbn", "000002.dbn", "000002.dbn.zst", "000003.index.json"):
        (tmp_path / f"segment-{name}").touch()
    found = segments_of(tmp_path)
    assert [(each.number, each.is_packed) for each in found] == [(2, True), (10, False)]
    assert found[1].path == segment_path(tmp_path, 10)
    with pytest.raises(StateError, match="expected the folder of a tape, found: No such file"):
        segments_of(tmp_path / "none")


@pytest.mark.parametrize("feed", ["", "..", "a/b", "a b", "x" * 65])
def test_a_feeds_name_must_be_a_folders(tmp_path, feed):
    with pytest.raises(FeedError, match="expected a name of at most 64 letters"):
        is_here(config_of(tmp_path), feed)

import numpy as np
import pytest

from connectors.databento.header import Header
from connectors.dbn_stream import DbnStream
from connectors.tape.known import known_path
from connectors.tape.listing import feed_of, listed, may_grow
from connectors.tape.segments import segment_path
from operators.model.errors import DecodeError, FeedError, StateError
from tests.connectors.dbn_bytes import header, mbo, zstd
from tests.connectors.tape.tapes import FEED, held, opened, records

DAY_NS = 86_400 * 10**9


def recorded(folder, days: int = 4):
    """A tape of so many segments, all compressed but the last."""
    tape = opened(folder)
    for day in range(days):
        tape.rotate_if_due((1 + day) * DAY_NS)
        tape.append(b"".join(records(40, start=40 * day)))
    assert tape.wait_idle()
    return tape


def pieces(paths) -> list[object]:
    """What a replay gives: rows one by one, and the other records."""
    return rest_of(DbnStream("f", paths, chunk_rows=7, may_grow=may_grow(paths)))


def rest_of(stream: DbnStream) -> list[object]:
    found: list[object] = []
    while stream.fill():
        head = stream.head
        if isinstance(head, np.ndarray):
            found += [row.tobytes() for row in head]
        elif not isinstance(head, Header):
            found.append(head)
        stream.advance()
    stream.close()
    return found


def test_a_tape_is_its_segments_compressed_or_not_in_order(tmp_path):
    tape = recorded(tmp_path)
    whole = tmp_path / "whole.dbn"
    whole.write_bytes(header(schema=None) + held(tape))
    paths = listed((str(tmp_path / FEED),))
    assert [path.rpartition("/")[2] for path in paths] == [
        "segment-000001.dbn.zst",
        "segment-000002.dbn.zst",
        "segment-000003.dbn.zst",
        "segment-000004.dbn",
    ]
    assert pieces(paths) == pieces((str(whole),))
    assert feed_of((str(tmp_path / FEED),)) == FEED
    tape.close()


def test_one_that_is_being_written_ends_with_its_last_whole_record(tmp_path):
    tape = recorded(tmp_path, days=1)
    path = segment_path(tmp_path / FEED, 1)
    before = pieces(listed((str(tmp_path),)))
    data = path.read_bytes()
    for left in (data + mbo(1).tobytes()[:30], data):
        path.write_bytes(left)
        assert pieces(listed((str(tmp_path),))) == before
    path.write_bytes(data + bytes(100))
    with pytest.raises(DecodeError, match="a record of at least 16 bytes, found a length of 0"):
        pieces(listed((str(tmp_path),)))
    tape.close()


def test_a_segment_may_be_compressed_while_those_before_it_are_read(tmp_path):
    tape = recorded(tmp_path, days=2)
    paths = listed((str(tmp_path),))
    before = pieces(paths)
    stream = DbnStream("f", paths, chunk_rows=7, may_grow=may_grow(paths))
    stream.fill()
    tape.rotate_if_due(4 * DAY_NS)
    assert tape.wait_idle()
    assert not segment_path(tmp_path / FEED, 2).exists()
    assert rest_of(stream) == before
    tape.close()


def test_what_was_known_stands_for_segments_that_are_gone(tmp_path):
    tape = recorded(tmp_path)
    tape.close()
    segment_path(tmp_path / FEED, 1, ".dbn.zst").unlink()
    paths = listed((str(tmp_path / FEED),))
    assert paths[0] == str(known_path(tmp_path / FEED, 2))
    found = pieces(paths)
    known = [each for each in found if not isinstance(each, bytes)][:2]
    assert [each.instrument_id for each in known] == [7, 30]
    segment_path(tmp_path / FEED, 3, ".dbn.zst").unlink()
    with pytest.raises(StateError, match="expected segment 3 after segment-000002"):
        listed((str(tmp_path / FEED),))


def test_any_folder_is_its_files_each_once(tmp_path):
    day = header() + mbo(3).tobytes()
    for name, data in (("b.dbn", day), ("b.dbn.zst", zstd(day)), ("a.dbn", day), ("c.txt", b"")):
        (tmp_path / name).write_bytes(data)
    alone = tmp_path / "alone.bin"
    alone.write_bytes(day)
    paths = listed((str(tmp_path), str(alone)))
    assert [path.rpartition("/")[2] for path in paths] == ["a.dbn", "b.dbn.zst", "alone.bin"]
    assert not may_grow(paths)
    assert feed_of((str(tmp_path),)) is None
    assert feed_of((str(alone),)) is None
    assert feed_of(()) is None


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(
        FeedError, match=r"expected DBN files \(\.dbn, \.dbn\.zst\) or a tape, found"
    ):
        listed((str(tmp_path),))
    for feed in ("one", "two"):
        (tmp_path / feed).mkdir()
        (tmp_path / feed / "tape.json").write_text("{}")
    with pytest.raises(FeedError, match="the tape of one feed, found one, two; name one of them"):
        listed((str(tmp_path),))
    with pytest.raises(FeedError, match="expected a tape with segments, found none"):
        listed((str(tmp_path / "one"),))

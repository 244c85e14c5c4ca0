import os
from datetime import UTC, datetime

import databento
import databento_dbn as dbn
import numpy as np
import pytest
import zstandard

from connectors.tape import rotation
from connectors.tape.files import PART
from connectors.tape.index import Index, built_index, index_path, load_index
from connectors.tape.known import Known, known_path, load_known, store_known
from connectors.tape.rotation import Interrupted, next_roll_ns, pack
from connectors.tape.segments import HEADER_BYTES, header_bytes_of, segment_path
from connectors.tape.stored import PackedBytes, RawBytes, opened
from operators.model.errors import DecodeError, StateError
from tests.connectors.dbn_bytes import mbo, rare, unzstd
from tests.connectors.tape.tapes import records

FRAME = 65_536


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("now", "roll"),
    [
        ("2026-04-06T14:00", "2026-04-06T21:30"),
        ("2026-04-06T21:29:59", "2026-04-06T21:30"),
        ("2026-04-06T21:30", "2026-04-07T21:30"),
        # Clocks are changed on 8 March and on 1 November.
        ("2026-03-07T23:00", "2026-03-08T21:30"),
        ("2026-10-31T22:00", "2026-11-01T22:30"),
        ("2026-12-31T23:00", "2027-01-01T22:30"),
    ],
)
def test_the_exchanges_day_ends_in_its_pause_also_when_clocks_are_changed(now, roll):
    assert next_roll_ns(ns(now), 16 * 60 + 30, "America/Chicago") == ns(roll)


def raw_segment(folder, data: bytes, number: int = 1) -> bytes:
    whole = header_bytes_of("GLBX.MDP3", 5) + data
    segment_path(folder, number).write_bytes(whole)
    return whole


def packed_segment(folder, data: bytes, number: int = 1) -> bytes:
    whole = raw_segment(folder, data, number)
    pack(folder, number, level=3, frame_bytes=FRAME)
    return whole


def test_a_compressed_segment_holds_the_same_in_independent_frames(tmp_path):
    data = b"".join(records(3_000))
    os_time = (10**18, 10**18)
    whole = raw_segment(tmp_path, data)
    os.utime(segment_path(tmp_path, 1), ns=os_time)
    before, after = pack(tmp_path, 1, level=3, frame_bytes=FRAME)
    path = segment_path(tmp_path, 1, ".dbn.zst")
    assert before == len(whole)
    assert after == path.stat().st_size < before
    assert path.stat().st_mtime_ns == os_time[0]
    assert not segment_path(tmp_path, 1).exists()
    assert not list(tmp_path.glob(f"*{PART}"))
    assert unzstd(path.read_bytes()) == whole
    index = load_index(path)
    assert len(index.frames) > 3
    for number, frame in enumerate(index.frames):
        stored, size = index.span(number)
        part = path.read_bytes()[frame.stored_at : frame.stored_at + stored]
        alone = zstandard.ZstdDecompressor().decompress(part)
        assert alone == whole[frame.offset : frame.offset + size]
        first = alone[HEADER_BYTES:] if number == 0 else alone
        assert int.from_bytes(first[8:16], "little") == frame.ts_first


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # The client leaves the file open.
def test_the_publishers_client_reads_it(tmp_path):
    rows = mbo(5_000)
    packed_segment(tmp_path, b"".join((rows[:9].tobytes(), *records(40)[3:6], rows[9:].tobytes())))
    store = databento.DBNStore.from_file(segment_path(tmp_path, 1, ".dbn.zst"))
    assert store.metadata.dataset == "GLBX.MDP3"
    found = store.to_ndarray(schema="mbo")
    assert np.array_equal(found["order_id"][:9], rows["order_id"][:9])
    assert sum(1 for _ in store) == 5_003


def test_bytes_are_the_same_at_any_place_before_and_after(tmp_path):
    data = b"".join(records(2_000))
    whole = raw_segment(tmp_path, data)
    before = opened(tmp_path, 1)
    assert isinstance(before, RawBytes)
    pack(tmp_path, 1, level=3, frame_bytes=FRAME)
    after = opened(tmp_path, 1)
    assert isinstance(after, PackedBytes)
    assert before.size_bytes == after.size_bytes == len(whole)
    for place in (0, 1, HEADER_BYTES, FRAME - 1, FRAME, 100_000, len(whole) - 1, len(whole)):
        found = after.read_at(place, 300)
        assert whole[place:].startswith(found)
        assert len(found) > 0 or place == len(whole)
        assert before.read_at(place, 300) == whole[place : place + 300]
    before.close()
    after.close()
    after.close()


def test_an_index_that_is_lost_or_of_another_file_is_made_anew(tmp_path):
    packed_segment(tmp_path, b"".join(records(3_000)))
    path = segment_path(tmp_path, 1, ".dbn.zst")
    index = load_index(path)
    assert built_index(path) == index
    for text in ("", "{}", "[1]", '{"version": 1, "frames": [], "stored_bytes": 1}'):
        index_path(path).write_text(text)
        assert load_index(path) == index
    index_path(path).unlink()
    assert load_index(path) == index
    assert [index.at(frame.offset) for frame in index.frames] == [*range(len(index.frames))]
    assert Index(index.frames, 1, 1).at(index.frames[1].offset - 1) == 0


def test_a_damaged_compressed_segment_says_so_wherever_it_is_damaged(tmp_path):
    whole = packed_segment(tmp_path, b"".join(records(3_000)))
    path = segment_path(tmp_path, 1, ".dbn.zst")
    stored = path.read_bytes()
    for keep_index in (True, False):
        for at in range(0, len(stored), len(stored) // 60):
            damaged = bytearray(stored)
            damaged[at] ^= 0x55
            path.write_bytes(damaged)
            if not keep_index:
                index_path(path).unlink(missing_ok=True)
            with pytest.raises(
                DecodeError, match=r"zstd data, found damage .*put the segment back"
            ):
                read_whole(tmp_path)
    for size in range(0, len(stored), len(stored) // 20):
        path.write_bytes(stored[:size])
        with pytest.raises(DecodeError, match=r"expected zstd data, found damage"):
            read_whole(tmp_path)
    path.write_bytes(stored)
    assert read_whole(tmp_path) == whole
    path.unlink()
    with pytest.raises(StateError, match="expected segment 1, found none; put the segment back"):
        opened(tmp_path, 1)


def read_whole(folder) -> bytes:
    source = opened(folder, 1)
    data = b""
    try:
        while part := source.read_at(len(data), 10**6):
            data += part
    finally:
        source.close()
    return data


def test_a_segment_that_is_not_whole_records_stays_as_it_is(tmp_path):
    for data in (mbo(3).tobytes()[:-1], mbo(3).tobytes() + bytes(99_999)):
        whole = raw_segment(tmp_path, data)
        with pytest.raises(DecodeError, match="expected whole records, found something else"):
            pack(tmp_path, 1, level=3, frame_bytes=FRAME)
        assert segment_path(tmp_path, 1).read_bytes() == whole
        assert not list(tmp_path.glob("segment*zst*"))


def test_what_was_written_otherwise_is_noticed_before_the_original_goes(tmp_path, monkeypatch):
    whole = raw_segment(tmp_path, mbo(300).tobytes())
    pieces = rotation._pieces

    def other(*words):
        return (data[:-56] + bytes(56) for data in pieces(*words))

    monkeypatch.setattr(rotation, "_pieces", other)
    with pytest.raises(DecodeError, match=r"expected what .* holds, found something else"):
        pack(tmp_path, 1, level=3, frame_bytes=FRAME)
    assert segment_path(tmp_path, 1).read_bytes() == whole


def test_compressing_can_be_given_up(tmp_path):
    whole = raw_segment(tmp_path, b"".join(records(3_000)))
    for calls in range(5):
        left = [calls]

        def may_go_on(left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] >= 0

        with pytest.raises(Interrupted):
            pack(tmp_path, 1, level=3, frame_bytes=FRAME, may_go_on=may_go_on)
        assert segment_path(tmp_path, 1).read_bytes() == whole
        assert not list(tmp_path.glob(f"*{PART}"))


def test_an_empty_segment_is_compressed_too(tmp_path):
    whole = packed_segment(tmp_path, b"")
    assert read_whole(tmp_path) == whole
    assert load_index(segment_path(tmp_path, 1, ".dbn.zst")).frames[0].ts_first == 0


def test_the_newest_of_what_is_known_goes_from_segment_to_segment(tmp_path):
    def definition(instrument_id: int, ts: int) -> bytes:
        return rare(dbn.InstrumentDefMsg, instrument_id=instrument_id, ts_event=ts)

    def mapping(instrument_id: int, ts: int) -> bytes:
        return rare(dbn.SymbolMappingMsg, instrument_id=instrument_id, ts_event=ts)

    first = (mapping(1, 1), mbo(1).tobytes(), definition(1, 1), definition(2, 2), mapping(2, 3))
    packed_segment(tmp_path, b"".join(first))
    assert load_known(tmp_path, 2).data() == b"".join(
        (mapping(1, 1), definition(1, 1), mapping(2, 3), definition(2, 2))
    )
    packed_segment(tmp_path, b"".join((definition(2, 9), mbo(1).tobytes(), mapping(3, 9))), 2)
    expected = (
        *(mapping(1, 1), definition(1, 1), mapping(2, 3), definition(2, 9)),
        mapping(3, 9),
    )
    assert load_known(tmp_path, 3).data() == b"".join(expected)
    store = databento.DBNStore.from_bytes(known_path(tmp_path, 3).read_bytes())
    assert sum(1 for _ in store) == 5
    known_path(tmp_path, 3).write_bytes(b"damaged")
    assert load_known(tmp_path, 3).data() == b""
    store_known(tmp_path, 4, header_bytes_of("X", 0), Known())
    assert load_known(tmp_path, 4).data() == b""

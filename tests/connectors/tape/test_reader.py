import pytest

from connectors.databento.header import Header
from connectors.tape.reader import TapeReader
from connectors.tape.segments import TapePosition, segment_path
from operators.model.errors import DecodeError, StateError
from operators.model.items import Control, Definition, MarketStatus, Tick
from tests.connectors.dbn_bytes import mbo
from tests.connectors.tape.tapes import BEGIN, FEED, opened, read, records

DAY_NS = 86_400 * 10**9


def to_its_end(reader: TapeReader) -> None:
    while reader.next(3):
        pass


def test_pieces_come_with_headers_rows_and_the_bytes_of_the_rest(tmp_path):
    tape = opened(tmp_path)
    tape.append(b"".join(records(60)))
    reader = tape.read(BEGIN, tape.end)
    kinds = set()
    rows = 0
    while pieces := reader.next(5):
        for _, piece in pieces:
            if isinstance(piece, tuple):
                assert piece[1] in records(60)
                kinds.add(type(piece[0]))
            else:
                rows += 0 if isinstance(piece, Header) else piece.size
        assert sum(getattr(piece, "size", 0) for _, piece in pieces) <= 5
    assert kinds == {Tick, Control, Definition, MarketStatus}
    assert rows == sum(len(record) == 56 for record in records(60))
    assert reader.next(5) == []
    tape.close()


def test_it_reads_to_where_it_was_told_and_no_further(tmp_path):
    tape = opened(tmp_path)
    ends = []
    for record in records(30):
        tape.append(record)
        ends.append(tape.end)
    for first, last in ((0, 29), (3, 12), (12, 13), (5, 5)):
        reader = tape.read(ends[first], ends[last])
        found = []
        while pieces := reader.next(7):
            found += [position for position, _ in pieces]
        assert found[-1:] == ends[first:][: last - first + 1][-1:] * (last > first)
        assert reader.position == ends[last]
    tape.close()


def test_positions_lead_over_segments_while_they_are_compressed(tmp_path):
    tape = opened(tmp_path)
    for day in range(3):
        tape.rotate_if_due((1 + day) * DAY_NS)
        tape.append(b"".join(records(20, start=20 * day)))
    places = [position for position, _ in read(tape, rows_max=1)]
    reader = tape.read(BEGIN, tape.end)
    first = reader.next(4)
    assert tape.wait_idle()
    left = first
    while pieces := reader.next(4):
        left += pieces
    assert [position for position, piece in left if not isinstance(piece, Header)][-1] == places[-1]
    assert [position for position, _ in read(tape, rows_max=1)] == places
    tape.close()


def test_a_segment_shorter_than_asked_for_or_missing_is_told(tmp_path):
    tape = opened(tmp_path)
    tape.append(mbo(10).tobytes())
    end = tape.end
    tape.close()
    folder = tmp_path / FEED
    reader = TapeReader(folder, FEED, BEGIN, TapePosition(1, end.offset + 56))
    with pytest.raises(StateError, match=r"to reach byte 744, found its end at byte 688; put the"):
        to_its_end(reader)
    reader = TapeReader(folder, FEED, BEGIN, TapePosition(2, 128))
    with pytest.raises(StateError, match="expected segment 2, found none"):
        to_its_end(reader)
    path = segment_path(folder, 1)
    path.write_bytes(b"XBN" + path.read_bytes()[3:])
    with pytest.raises(DecodeError, match="expected the letters DBN"):
        TapeReader(folder, FEED, TapePosition(1, 184), end).next(1)
    with pytest.raises(DecodeError, match="expected the letters DBN"):
        to_its_end(TapeReader(folder, FEED, BEGIN, end))

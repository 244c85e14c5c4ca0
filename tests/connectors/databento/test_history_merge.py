"""Files, merge, midnight and names of history: pure parts against plain oracles."""

import struct
from itertools import chain

import numpy as np
import pytest
import zstandard
from databento_dbn import Metadata, Schema, SType
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento import history_files
from connectors.databento.history_files import (
    Found,
    HistoryFile,
    Part,
    Records,
    examine,
    records_of,
)
from connectors.databento.history_merge import merged
from connectors.databento.history_names import HistoryNames
from connectors.databento.history_plan import DAY_NS, Request
from connectors.databento.history_snapshot import SnapshotCut
from connectors.databento.messages import decode_message
from operators.model.book_check import BookCheck, orders_digest
from operators.model.errors import DecodeError, FeedError
from operators.model.records import F_SNAPSHOT, MBO_DTYPE, RTYPE_STATUS
from simulator.tape import definition
from tests.historicals import MIDNIGHT, START, frozen, market, specs


def head(schema: str) -> bytes:
    ids = SType("instrument_id")
    metadata = Metadata("GLBX.MDP3", START, SType("parent"), ids, Schema(schema), version=3)
    return bytes(metadata.encode())


def status(ts_recv: int, number: int) -> bytes:
    return struct.pack("<BBHIQQQQ", 10, RTYPE_STATUS, 1, number, ts_recv, ts_recv, 0, 0)


def stored(path, schema: str, records: bytes, *, keep: int | None = None) -> str:
    """A file as it is downloaded, of which only `keep` bytes have come."""
    compressor = zstandard.ZstdCompressor(level=1).compressobj()
    data = compressor.compress(head(schema))
    data += compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    for at in range(0, len(records), 5_600):
        data += compressor.compress(records[at : at + 5_600])
        data += compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    data += compressor.flush()
    path.write_bytes(data if keep is None else data[:keep])
    return str(path)


def test_a_whole_file_is_found_whole(tmp_path):
    rows = market(500)
    path = stored(tmp_path / "a", "mbo", rows.tobytes())
    assert examine(path) == Found(500, rows.nbytes, int(rows["ts_recv"][-1]), "")
    records = [status(ts, ts) for ts in (5, 5, 9)]
    path = stored(tmp_path / "b", "status", b"".join(records))
    assert examine(path) == Found(3, 120, 9, "")
    (got,) = records_of((Part(path),))
    assert got.raw == records
    assert got.ts_recv.tolist() == [5, 5, 9]
    assert [each.raw for each in records_of((Part(path, 9),))] == [records[:2]]


def test_a_file_without_records_is_whole(tmp_path):
    for schema in ("mbo", "definition"):
        path = stored(tmp_path / schema, schema, b"")
        assert examine(path) == Found(0, 0, None, "")


def test_a_file_torn_anywhere_gives_what_stands_before_and_says_so(tmp_path):
    rows = market(1_000)
    whole = (
        len((tmp_path / "whole").read_bytes())
        if stored(tmp_path / "whole", "mbo", rows.tobytes())
        else 0
    )
    furthest = 0
    for keep in range(0, whole, 997):
        found = examine(stored(tmp_path / "torn", "mbo", rows.tobytes(), keep=keep))
        assert found.fault
        assert found.records >= furthest
        furthest = found.records
        assert found.newest_ns == (int(rows["ts_recv"][furthest - 1]) if furthest else None)
    assert furthest >= 800


@pytest.mark.parametrize("schema", ["mbo", "status"])
def test_a_body_that_ends_inside_a_record_is_torn(tmp_path, schema):
    records = market(10).tobytes() if schema == "mbo" else status(5, 1) * 10
    found = examine(stored(tmp_path / "a", schema, records[:-7]))
    assert found.records == 9
    assert "record" in found.fault or "bytes" in found.fault


@pytest.mark.parametrize("junk", [b"\0" * 64, b"\x05\x12" + bytes(62), b"\xff" * 9, b"\x01"])
@pytest.mark.parametrize("schema", ["mbo", "status"])
def test_bytes_that_are_no_records_are_a_fault(tmp_path, schema, junk):
    found = examine(stored(tmp_path / "a", schema, junk))
    assert found.fault
    assert found.records == 0


def test_what_is_no_file_is_a_fault(tmp_path):
    assert "nothing there" in examine(str(tmp_path / "absent")).fault
    (tmp_path / "empty").write_bytes(b"")
    assert examine(str(tmp_path / "empty")).fault
    with pytest.raises(FeedError):
        HistoryFile(str(tmp_path / "empty"))


def test_a_torn_last_part_is_an_error_and_torn_others_are_not(tmp_path):
    rows = market(1_000)
    torn = stored(tmp_path / "a", "mbo", rows.tobytes(), keep=12_000)
    newest = examine(torn).newest_ns
    assert newest is not None
    rest = stored(tmp_path / "b", "mbo", rows[rows["ts_recv"] >= newest].tobytes())
    got = np.concatenate([each.rows for each in records_of((Part(torn, newest), Part(rest)))])
    assert got.tobytes() == rows.tobytes()
    with pytest.raises(DecodeError):
        list(records_of((Part(torn),)))


def test_times_that_fall_are_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(history_files, "CHUNK_BYTES", 56 * 4)
    rows = market(16).copy()
    rows["ts_recv"] = [5, 7, 6, 9, 1, 2, 10, 3, *range(11, 19)]
    path = stored(tmp_path / "a", "mbo", rows.tobytes())
    got = list(chain.from_iterable(each.ts_recv.tolist() for each in HistoryFile(path)))
    assert got[:9] == [5, 7, 7, 9, 9, 9, 10, 10, 11]


def chunked(data, records: Records):
    """The records in chunks of any size."""
    at = 0
    while at < records.ts_recv.size:
        stop = min(at + data.draw(st.integers(1, 7)), records.ts_recv.size)
        yield records.part(at, stop)
        at = stop


TIMES = st.lists(st.integers(0, 12), max_size=25).map(sorted)


@given(st.lists(TIMES, max_size=3), st.lists(TIMES, max_size=3), st.data())
def test_merging_is_sorting_by_time_then_download_then_place(rare, mbo, data):
    sources, expected = [], []
    for rank, times in enumerate([*rare, *mbo]):
        ts = np.array(times, np.uint64)
        marks = [rank * 1_000 + place for place in range(len(times))]
        if rank < len(rare):
            raw = [status(t, mark) for t, mark in zip(times, marks, strict=True)]
            records = Records(ts, None, raw)
        else:
            rows = np.zeros(len(times), MBO_DTYPE)
            rows["ts_recv"], rows["order_id"] = ts, marks
            records = Records(ts, rows, [])
        sources.append(chunked(data, records))
        expected += [(t, rank, mark) for t, mark in zip(times, marks, strict=True)]
    got = []
    for piece in merged(sources):
        if isinstance(piece, tuple):
            got.append(int.from_bytes(piece[1][4:8], "little"))
        else:
            assert piece.size > 0
            got += piece["order_id"].tolist()
    assert got == [mark for _, _, mark in sorted(expected)]


def test_what_one_moment_holds_is_merged_however_long_it_is():
    rows = np.zeros(100, MBO_DTYPE)
    rows["ts_recv"], rows["order_id"] = 5, np.arange(100)
    ts = rows["ts_recv"].astype(np.uint64)
    parts = [Records(ts[at : at + 10], rows[at : at + 10], []) for at in range(0, 100, 10)]
    other = Records(np.array([5, 5, 6], np.uint64), None, [b"a", b"b", b"c"])
    pieces = list(merged([iter([other]), iter(parts)]))
    assert [p for p in pieces if isinstance(p, tuple)] == [(5, b"a"), (5, b"b"), (6, b"c")]
    assert pieces[:2] == [(5, b"a"), (5, b"b")]
    assert np.concatenate([p for p in pieces if not isinstance(p, tuple)]).size == 100


MIDNIGHT_ROW = st.tuples(
    st.sampled_from([0, 0, 0, 1]),  # ns after midnight
    st.booleans(),  # told as a snapshot
    st.integers(1, 3),  # instrument
    st.sampled_from([b"A", b"A", b"R"]),
    st.integers(1, 9),
)


@given(st.lists(MIDNIGHT_ROW, max_size=40).map(sorted), st.data())
def test_midnight_rows_leave_the_stream_and_add_up_to_checks(drawn, data):
    drawn.sort(key=lambda each: (each[0], not each[1]))
    rows = np.zeros(len(drawn), MBO_DTYPE)
    for number, (row, (late, told, each, action, size)) in enumerate(zip(rows, drawn, strict=True)):
        row["ts_recv"], row["flags"] = MIDNIGHT + late, F_SNAPSHOT if told else 0
        row["instrument_id"], row["action"], row["size"] = each, action, size
        row["order_id"] = number
    cut, got, checks, at = SnapshotCut(), [], [], 0
    while at < rows.size:
        stop = at + data.draw(st.integers(1, 9))
        for part in cut.cut(rows[at:stop]):
            if part is None:
                assert not any(p["ts_recv"][0] >= MIDNIGHT for p in got)
                checks += cut.take()
            else:
                got.append(part)
        at = stop
    checks += cut.take()
    is_told = (rows["flags"] == F_SNAPSHOT) & (rows["ts_recv"] == MIDNIGHT)
    kept = np.concatenate([np.empty(0, MBO_DTYPE), *got])
    assert kept.tobytes() == rows[~is_told].tobytes()
    told = rows[is_told]
    expected = {}
    for each in told["instrument_id"].tolist():
        own = told[(told["instrument_id"] == each) & (told["action"] == b"A")]
        columns = (own["order_id"], own["side"] == b"A", own["price"], own["size"])
        expected[each] = BookCheck(own.size, orders_digest(*columns))
    assert dict(checks) == expected
    assert cut.orders == int((told["action"] == b"A").sum())


def test_rows_of_other_times_and_of_the_midnight_to_keep_stay():
    rows = market(4).copy()
    rows["flags"] |= F_SNAPSHOT
    rows["ts_recv"] = [MIDNIGHT, MIDNIGHT + 1, MIDNIGHT + 2, MIDNIGHT + DAY_NS]
    (kept,) = SnapshotCut(keep_ns=MIDNIGHT).cut(frozen(rows))
    assert kept is not None
    assert kept["ts_recv"].tolist() == [MIDNIGHT, MIDNIGHT + 1, MIDNIGHT + 2]


def header_with(*names: tuple[str, int, int]):
    from connectors.databento.header import Header, SymbolInterval

    intervals = tuple(SymbolInterval(*each) for each in names)
    return Header(3, "GLBX.MDP3", "mbo", ts_out=False, size_bytes=0, crc=0, intervals=intervals)


def said(names: HistoryNames, header, request: Request, ts: int = START):
    found = [decode_message("f", raw) for raw in names.mappings(header, request, ts)]
    return [(m.instrument_id, m.subscription, m.symbol) for m in found]


def test_names_are_said_once_and_again_when_they_change():
    names = HistoryNames()
    one = Request("parent", ("ES.FUT",))
    header = header_with(("ESM6", 1001, START - 5), ("ESU6", 1002, START + 5))
    assert said(names, header, one) == [(1001, "ES.FUT", "ESM6")]
    assert said(names, header, one) == []
    assert said(names, header_with(("ESZ6", 1001, START)), one) == [(1001, "ES.FUT", "ESZ6")]


def test_of_several_parents_the_definition_tells_which():
    names = HistoryNames()
    both = Request("parent", ("ES.FUT", "NQ.FUT"))
    header = header_with(("ESM6", 1001, START), ("NQM6", 1003, START))
    assert said(names, header, both) == [(1001, "", "ESM6"), (1003, "", "NQM6")]
    for spec in specs():
        names.learn(bytes(definition(spec, START)))
    assert said(names, header, both) == [(1001, "ES.FUT", "ESM6"), (1003, "NQ.FUT", "NQM6")]


def test_a_continuous_contract_is_named_by_its_definition_else_by_its_subscription():
    names = HistoryNames()
    request = Request("continuous", ("ES.c.0",))
    assert said(names, header_with(("ES.c.0", 1001, START)), request) == [(1001, "ES.c.0", "1001")]
    names.learn(bytes(definition(specs()[1], START)))
    assert said(names, header_with(("ES.c.0", 1002, START)), request) == [(1002, "ES.c.0", "ESU6")]


def test_ids_are_named_by_definitions_alone():
    request = Request("instrument_id", ("1001",))
    assert said(HistoryNames(), header_with(("ESM6", 1001, START)), request) == []

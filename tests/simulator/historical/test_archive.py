from pathlib import Path

import numpy as np
import pytest
import zstandard
from databento_dbn import Metadata, Schema, StatMsg, StatType, SType

from operators.model.errors import FeedError
from operators.model.records import F_SNAPSHOT, MBO_DTYPE
from simulator.historical.archive import DAY_NS, Archive, midnights
from simulator.historical.query import Query, Refused, moment_ns, parse_query, resolve, text_of
from simulator.historical.records import read_records
from simulator.historical.snapshot import book_snapshot
from simulator.tape import TapeForm, metadata_bytes, reference_records, tick_bytes
from tests.historicals import START, frozen, market, specs
from tests.tape import tape

MIDNIGHT = 20_000 * DAY_NS


def rows_around(midnight: int):
    """Two adds before midnight, one at it, one after."""
    rows = tape(
        "1 A B 100.00 5 #1\n--\n2 A A 101.00 5 #2\n--\n3 A B 99.00 1 #3\n--\n4 A B 98.00 1 #4\n--"
    ).copy()
    rows["ts_recv"] = midnight + np.array([-2, -1, 0, 1])
    return frozen(rows)


def test_a_day_begins_with_the_books_as_they_are_then():
    archive = Archive()
    rows = rows_around(MIDNIGHT)
    archive.add_rows(rows)
    got = np.concatenate(list(archive.rows(None, MIDNIGHT, MIDNIGHT + 5)))
    expected = [book_snapshot(rows[:2], MIDNIGHT), rows[2:]]
    assert got.tobytes() == np.concatenate(expected).tobytes()
    across = np.concatenate(list(archive.rows(None, MIDNIGHT - 1, MIDNIGHT + 1)))
    assert across["order_id"].tolist() == [2, 0, 1, 2, 3]


def test_a_range_inside_a_day_brings_no_book():
    archive = Archive()
    archive.add_rows(rows_around(MIDNIGHT))
    got = np.concatenate(list(archive.rows(None, MIDNIGHT + 1, MIDNIGHT + DAY_NS)))
    assert got["order_id"].tolist() == [4]


def test_a_snapshot_that_the_records_have_is_not_told_twice():
    archive = Archive()
    rows = rows_around(MIDNIGHT).copy()
    rows["flags"][2] |= F_SNAPSHOT
    archive.add_rows(frozen(rows))
    got = np.concatenate(list(archive.rows(None, MIDNIGHT, MIDNIGHT + 5)))
    assert got["order_id"].tolist() == [3, 4]


def test_records_that_come_late_are_put_in_their_place():
    archive = Archive()
    rows = rows_around(MIDNIGHT + 7)
    archive.add_rows(rows[2:])
    archive.add_rows(rows[:2])
    got = np.concatenate(list(archive.rows(frozenset({1}), MIDNIGHT + 1, MIDNIGHT + 99)))
    assert got["order_id"].tolist() == [1, 2, 3, 4]
    assert archive.first_ns() == MIDNIGHT + 5
    assert not list(archive.rows(frozenset({2}), MIDNIGHT + 8, MIDNIGHT + 8))


def test_midnights_lie_strictly_between():
    assert midnights(MIDNIGHT, MIDNIGHT + DAY_NS) == []
    assert midnights(MIDNIGHT - 1, MIDNIGHT + DAY_NS + 1) == [MIDNIGHT, MIDNIGHT + DAY_NS]


def write_live_tape(path: Path, rows) -> None:
    """A file as a live session leaves it: names, definitions, records, ticks."""
    pieces = [metadata_bytes(START), *reference_records(specs(), START, TapeForm(status=True))]
    for at in range(0, rows.size, 100):
        pieces += [rows[at : at + 100].tobytes(), tick_bytes(START)]
    data = b"".join(pieces)
    path.write_bytes(zstandard.compress(data) if path.suffix == ".zst" else data)


@pytest.mark.parametrize("name", ["day.dbn", "day.dbn.zst"])
def test_a_file_brings_records_and_names(tmp_path, name):
    given = market(3_000)
    write_live_tape(tmp_path / name, given)
    archive = Archive()
    archive.add_file(tmp_path / name)
    rows = np.concatenate(list(archive.rows(None, START, START + 3_600 * 10**9)))
    assert rows.tobytes() == given.tobytes()
    assert len(archive.listings) == 4
    definitions = list(archive.records("definition", None, 0, 2**62))
    assert {len(raw) for raw in definitions} == {520}
    assert len(list(archive.records("status", frozenset({1001}), 0, 2**62))) == 1


@pytest.mark.parametrize("version", [1, 2, 3])
def test_files_of_older_versions_are_lifted(tmp_path, version):
    stat = StatMsg(1, 17, 5, 6, 7, 100, 3, StatType(9))
    if version < 3:
        raw = bytes(stat)
        # Before v3 the quantity had 32 bits and the record 64 bytes.
        raw = bytes([16]) + raw[1:40] + raw[40:44] + raw[48:52] + raw[52:60] + raw[60:64]
        raw = raw.ljust(64, b"\0")
    else:
        raw = bytes(stat)
    head = Metadata(
        "GLBX.MDP3",
        0,
        SType("raw_symbol"),
        SType("instrument_id"),
        Schema("statistics"),
        version=version,
    ).encode()
    path = tmp_path / "old.dbn"
    path.write_bytes(bytes(head) + raw * 3)
    archive = Archive()
    archive.add_file(path)
    got = list(archive.records("statistics", frozenset({17}), 0, 100))
    assert [len(each) for each in got] == [80, 80, 80]


def test_what_is_no_dbn_file_is_refused(tmp_path):
    with pytest.raises(FeedError, match="expected a readable DBN file"):
        list(read_records(tmp_path / "absent.dbn"))
    for content in (b"", b"DBN", b"nonsense", b"DBN\x03\xff\xff\xff\xff"):
        path = tmp_path / "bad.dbn"
        path.write_bytes(content)
        with pytest.raises(FeedError):
            list(read_records(path))


def test_the_real_second_day_brings_its_own_snapshot(real_data: Path):
    archive = Archive()
    for day in ("24", "25"):
        archive.add_file(real_data / f"esh4-glbx-mdp3-202312{day}.mbo.dbn.zst")
    rows = np.concatenate(
        list(archive.rows(frozenset({17077}), 1_703_462_400 * 10**9, 1_703_548_800 * 10**9))
    )
    assert rows.size == 68_792
    assert archive.listings[17077].symbol == "ESH4"
    after = book_snapshot(rows, MIDNIGHT)
    # The published state after both files: 11,217 resting orders, best 4810.00 to 4810.25.
    assert after.size == 11_218
    assert after["price"][1] == 4_810_000_000_000
    assert after["price"][after["side"] == b"A"][0] == 4_810_250_000_000


def form(**fields):
    return {"dataset": "D", "schema": "mbo", "symbols": "ES.FUT", "start": "5", "end": "9"} | fields


def test_times_are_integers_or_iso_texts():
    assert moment_ns("17") == 17
    assert moment_ns("1970-01-01T00:00:01") == 10**9
    assert moment_ns("1970-01-01T01:00:01.5+01:00") == 1_500_000_000
    assert text_of(1_500_000_007) == "1970-01-01T00:00:01.500000007Z"
    with pytest.raises(Refused, match="Not a time"):
        moment_ns("now")


def test_more_symbols_than_a_request_may_name_are_refused():
    with pytest.raises(Refused, match="2001 symbols requested"):
        parse_query(form(symbols=",".join(f"S{n}" for n in range(2001))), "D", (0, 10))


def test_unknown_symbols_are_named_and_the_others_served(tmp_path):
    archive = Archive()
    path = tmp_path / "t.dbn"
    write_live_tape(path, market(10))
    archive.add_file(path)
    query = Query("D", "mbo", "raw_symbol", ("ESM6", "NONE"), 0, 1, None)
    resolved = resolve(archive.listings, query)
    assert (resolved.names, resolved.not_found) == ({1001: "ESM6"}, ("NONE",))
    parents = Query("D", "mbo", "parent", ("ES.FUT", "ES.OPT", "ES.XXX"), 0, 1, None)
    assert resolve(archive.listings, parents).not_found == ("ES.OPT", "ES.XXX")


def test_an_archive_of_nothing_serves_nothing():
    archive = Archive()
    assert archive.first_ns() is None
    assert sum(rows.size for rows in archive.rows(None, 0, 5)) == 0
    assert np.concatenate([np.empty(0, MBO_DTYPE), *archive.rows(None, 0, DAY_NS)]).size == 0

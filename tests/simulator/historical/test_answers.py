from databento_dbn import DBNDecoder, MBOMsg, Metadata

from operators.model.records import NS_PER_S
from simulator.historical.answers import billable_bytes, record_count, stream
from simulator.historical.query import Query
from tests.historicals import START, archive_of, market

ROWS = market(300)
ARCHIVE = archive_of(ROWS)


def query(symbols=("ESM6",), schema="mbo", limit=None):
    stop = START + 60 * NS_PER_S
    return Query("GLBX.MDP3", schema, "raw_symbol", symbols, START, stop, limit)


def test_a_stream_is_a_header_and_whole_records():
    status, pieces = stream(ARCHIVE, query())
    decoder = DBNDecoder()
    decoder.write(b"".join(pieces))
    metadata, *records = decoder.decode()
    assert isinstance(metadata, Metadata)
    assert (status, metadata.version, metadata.schema, metadata.start) == (200, 3, "mbo", START)
    own = ROWS[ROWS["instrument_id"] == 1001]
    assert all(isinstance(record, MBOMsg) for record in records)
    assert b"".join(map(bytes, records)) == own.tobytes()


def test_unknown_symbols_beside_known_ones_make_a_partial_answer():
    status, pieces = stream(ARCHIVE, query(("ESM6", "NONE")))
    assert status == 206
    assert Metadata.decode(next(pieces)).not_found == ["NONE"]


def test_sizes_are_those_of_the_records_up_to_the_limit():
    assert record_count(ARCHIVE, query(())) == 300
    assert billable_bytes(ARCHIVE, query((), limit=7)) == 7 * 56
    assert record_count(ARCHIVE, query((), "definition")) == 4
    assert billable_bytes(ARCHIVE, query((), "status", limit=3)) == 120
    assert record_count(ARCHIVE, query((), "statistics")) == 0

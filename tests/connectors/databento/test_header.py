import struct

import databento_dbn as dbn
import pytest

from connectors.databento.header import SCHEMAS, header_bytes, parse_header
from operators.model.errors import DecodeError
from tests.connectors.dbn_bytes import day_ns, header, unzstd

ES_AND_NQ = [
    ("ESH4", [("2024-01-02", "2024-01-05", "17077")]),
    ("NQH4", [("2024-01-02", "2024-01-03", "750"), ("2024-01-03", "2024-01-05", "751")]),
]


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("ts_out", [False, True])
def test_every_version_gives_the_same_facts(version, ts_out):
    raw = header(version=version, ts_out=ts_out, symbols=ES_AND_NQ)
    found = parse_header(raw)
    assert (found.version, found.dataset, found.schema) == (version, "GLBX.MDP3", "mbo")
    assert (found.ts_out, found.mbo_bytes) == (ts_out, 64 if ts_out else 56)
    assert found.size_bytes == len(raw) == header_bytes(raw)
    assert [(each.symbol, each.instrument_id, each.start_ns) for each in found.intervals] == [
        ("ESH4", 17077, day_ns("2024-01-02")),
        ("NQH4", 750, day_ns("2024-01-02")),
        ("NQH4", 751, day_ns("2024-01-03")),
    ]


def test_an_id_that_was_asked_for_is_mapped_to_its_symbol():
    raw = header(
        symbols=[("17077", [("2024-01-02", "2024-01-05", "ESH4")])],
        stype_in=dbn.SType.INSTRUMENT_ID,
        stype_out=dbn.SType.RAW_SYMBOL,
    )
    (only,) = parse_header(raw).intervals
    assert (only.symbol, only.instrument_id) == ("ESH4", 17077)


def test_an_interval_without_an_id_says_nothing():
    raw = header(symbols=[("ESH4", [("2024-01-02", "2024-01-05", "")])])
    assert parse_header(raw).intervals == ()


def test_a_live_header_has_no_schema():
    raw = header(schema=None, stype_in=None)
    assert parse_header(raw).schema is None
    assert len(raw) == 128


def test_schemas_are_numbered_as_by_the_library():
    theirs = {int(schema): str(schema) for schema in dbn.Schema.variants()}
    assert dict(enumerate(SCHEMAS)) == theirs


def test_another_schema_is_refused_by_name():
    for schema in dbn.Schema.variants():
        if schema != dbn.Schema.MBO:
            with pytest.raises(DecodeError) as error:
                parse_header(header(schema=schema))
            assert str(error.value) == f"byte 24: expected schema mbo, found schema {schema}"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"PAR1", "byte 0: expected the letters DBN, found b'PAR'"),
        (b"D\x00", "byte 0: expected the letters DBN, found b'D\\x00'"),
        (b"DBN\x04", "byte 3: expected DBN version 1, 2 or 3, found version 4"),
        (
            b"DBN\x01\xff\xff\xff\xff",
            "expected 120 to 268435456 bytes of metadata, found 4294967295",
        ),
        (
            b"DBN\x01\x08\x00\x00\x00",
            "byte 4: expected 120 to 268435456 bytes of metadata, found 8",
        ),
    ],
)
def test_what_is_no_header_is_refused_at_its_first_wrong_byte(data, text):
    with pytest.raises(DecodeError) as error:
        header_bytes(data)
    assert text in str(error.value)


@pytest.mark.parametrize("at", [108, 112, 116, 120, 124])
def test_a_count_beyond_the_header_is_refused_before_anything_is_allocated(at):
    raw = bytearray(header(symbols=[]))
    struct.pack_into("<I", raw, at, 2**32 - 1)
    with pytest.raises(DecodeError, match="bytes of header"):
        parse_header(bytes(raw))


def test_an_impossible_date_is_refused():
    raw = header(symbols=[("ESH4", [("2024-01-02", "2024-01-05", "17077")])])
    at = raw.index((20240102).to_bytes(4, "little"))
    bad = raw[:at] + (20241302).to_bytes(4, "little") + raw[at + 4 :]
    with pytest.raises(DecodeError) as error:
        parse_header(bad)
    assert f"byte {at}: expected a date as YYYYMMDD, found 20241302" in str(error.value)


def test_real_headers_agree_with_the_library(real_data):
    files = sorted(real_data.rglob("*.mbo*.dbn.zst"))
    assert len(files) >= 4
    for file in files:
        raw = unzstd(file.read_bytes())
        raw = raw[: header_bytes(raw)]
        theirs = dbn.Metadata.decode(raw)
        ours = parse_header(raw)
        named = {str(each.instrument_id): each.symbol for each in ours.intervals}
        assert named == {i[0]["symbol"]: name for name, i in theirs.mappings.items()}

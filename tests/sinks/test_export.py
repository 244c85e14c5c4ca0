import csv
import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import orjson
import polars as pl
import pytest

from operators.model.errors import ConfigError, DeliveryError
from operators.model.streams import EVENT_STREAMS, EXECUTIONS, GAPS, OUTCOMES, SIGNALS, Message
from sinks.bars_files import span_of
from sinks.bars_table import write_table
from sinks.codec import encode
from sinks.export import Export
from sinks.export_bars import BarsTable
from sinks.export_columns import csv_columns, parquet_types
from sinks.export_formats import FORMATS
from sinks.export_table import PIECE_ROWS, MessageTable
from sinks.filters import ANY, FilterError, parse_filter
from sinks.published import published
from sinks.store import Store
from tests.sinks.bars import START, pressure
from tests.sinks.messages import GAP, TS
from tests.sinks.stores import SECOND, a_gap, an_outcome, examples, signal

FILTER = parse_filter({"root": ["ES"]})


def exported(table, format_name, folder, name="out"):
    file = folder / name
    return file.read_bytes() if Export(table, format_name).write(file, overwrite=True) else b""


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@pytest.fixture
def filled(store):
    store.put(
        [
            *(
                signal("ES", seq, name="one" if seq < 3 else None, revision=seq)
                for seq in (1, 2, 3)
            ),
            signal("NQ", 1, generation="g2"),
            an_outcome("ES", 1),
        ]
    )
    return store


@pytest.mark.parametrize("stream", EVENT_STREAMS)
def test_every_stream_in_every_format_tells_the_same(store, tmp_path, stream):
    store.put(examples())
    table = MessageTable(store, stream, ANY)
    (line,) = exported(table, "ndjson", tmp_path).splitlines()
    value = orjson.loads(line)
    (kept,) = (one for one in examples() if one.stream == stream)
    # The value as it was published, byte for byte, behind its generation.
    assert line == b'{"generation":"g1",' + kept.value[1:]
    assert orjson.loads(exported(table, "json", tmp_path)) == [value]

    (row,) = rows_of(exported(table, "csv", tmp_path))
    assert row["generation"] == "g1"
    assert row["seq"] == str(value["seq"])
    assert row["ts_event"] == "2024-03-13T14:00:00.123456789Z"

    exported(table, "parquet", tmp_path)
    read = pl.read_parquet(tmp_path / "out")
    assert read.columns == list(parquet_types(stream))
    assert read["ts_event"].dt.epoch("ns").to_list() == [TS]


def test_a_signal_in_csv_and_parquet_keeps_what_it_says(store, tmp_path):
    store.put([signal("ES", 1)])
    table = MessageTable(store, SIGNALS, ANY)
    (row,) = rows_of(exported(table, "csv", tmp_path))
    assert list(row) == [column.name for column in csv_columns(SIGNALS)]
    assert (row["price"], row["contract_symbol"], row["contract_tick"]) == ("-0.25", "ESH4", "0.25")
    assert (row["probability"], row["strength"]) == ("0.831234", "MODERATE")
    assert json.loads(row["evidence"])[0]["order_ids"] == [str(2**64 - 1), "7"]
    assert json.loads(row["reasons"])[0] == "120 contracts took 3 levels"

    exported(table, "parquet", tmp_path)
    (found,) = pl.read_parquet(tmp_path / "out").to_dicts()
    assert found["price"] == -0.25
    assert found["contract"]["tick_value"] == 12.5
    assert found["evidence"][0]["order_ids"] == [2**64 - 1, 7]
    assert found["evidence"][0]["z"] is None
    assert found["reasons"][0] == "120 contracts took 3 levels"


def test_what_is_absent_is_an_empty_cell(store, tmp_path):
    store.put(examples())
    (row,) = rows_of(exported(MessageTable(store, EXECUTIONS, ANY), "csv", tmp_path))
    assert (row["bid_before"], row["ask_before"]) == ("", "4810.25")
    (row,) = rows_of(exported(MessageTable(store, OUTCOMES, ANY), "csv", tmp_path))
    assert (row["hit"], row["markout_ticks"]) == ("false", "-1.5")


def test_what_a_version_before_did_not_say_is_absent_too(store, tmp_path):
    one = published(Message(GAPS, "ES", 1, GAP), "g1", 1, 2)
    old = {k: v for k, v in orjson.loads(one.value).items() if k not in ("ts_from", "text")}
    store.put([replace(one, value=orjson.dumps(old))])
    (row,) = rows_of(exported(MessageTable(store, GAPS, ANY), "csv", tmp_path))
    assert (row["symbol"], row["ts_from"], row["text"]) == ("ESH4", "", "")
    read = pl.read_parquet(
        io.BytesIO(exported(MessageTable(store, GAPS, ANY), "parquet", tmp_path))
    )
    assert read["ts_from"].to_list() == [None]


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_looks_like_a_formula_is_disarmed_and_a_number_is_not(store, tmp_path, mark):
    text = f'{mark}HYPERLINK("//x","y")\n,"'
    value = replace(GAP, text=text, symbol=f"{mark}1")
    store.put([published(Message(GAPS, "ES", 1, value), "g1", 1, 2), an_outcome("ES", 1)])
    data = exported(MessageTable(store, GAPS, ANY), "csv", tmp_path)
    assert data.count(b"\r\n") == 2
    (row,) = rows_of(data)
    assert (row["text"], row["symbol"]) == (f"'{text}", f"'{mark}1")
    # In the other formats it is what it was.
    assert (
        orjson.loads(exported(MessageTable(store, GAPS, ANY), "ndjson", tmp_path))["text"] == text
    )
    (row,) = rows_of(exported(MessageTable(store, OUTCOMES, ANY), "csv", tmp_path))
    assert row["markout_ticks"] == "-1.5"


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_same_query_gives_the_same_bytes_and_manifest(filled, tmp_path, format_name):
    made = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        export = Export(MessageTable(filled, SIGNALS, FILTER), format_name)
        manifest = export.write(folder / export.name)
        made.append(sorted((file.name, file.read_bytes()) for file in folder.iterdir()))
        data = (folder / manifest.file).read_bytes()
        assert manifest.sha256 == hashlib.sha256(data).hexdigest()
        assert manifest.bytes == len(data)
        assert manifest.rows == 3
    assert made[0] == made[1]
    told = json.loads(made[0][1][1])
    assert told["query"] == {"stream": "signals", "filter": {"root": ["ES"]}}
    assert (told["schema"], told["generations"]) == ("ifd.signals.v1", ["g1"])


@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_found_is_a_whole_file_too(store, tmp_path, format_name):
    data = exported(MessageTable(store, SIGNALS, ANY), format_name, tmp_path)
    if format_name == "json":
        assert orjson.loads(data) == []
    if format_name == "csv":
        assert data.startswith(b"generation,root,seq,id,")
        assert data.count(b"\n") == 1
    if format_name == "parquet":
        assert pl.read_parquet(tmp_path / "out").height == 0


@pytest.mark.servers
@pytest.mark.parametrize("format_name", FORMATS)
def test_every_database_gives_the_same_bytes(postgres_url, tmp_path, format_name):
    rows = [signal(root, seq) for root in ("a", "B", "-", "ES", "\u00e9", "_") for seq in (1, 2)]
    made = []
    for url, given in ((f"sqlite:///{tmp_path}/x.sqlite3", rows), (postgres_url, rows[::-1])):
        with Store(url) as store:
            store.put(given)
            made.append(exported(MessageTable(store, SIGNALS, ANY), format_name, tmp_path))
    assert made[0] == made[1]


def test_names_are_of_the_query(filled):
    def name(chosen=FILTER, format_name="csv", **given):
        return Export(MessageTable(filled, SIGNALS, chosen, **given), format_name).name

    assert name() == name(parse_filter({"root": ["ES", "ES"]}))
    others = {name(), name(ANY), name(latest=True), name(format_name="json")}
    assert len(others) == 4
    assert all(other.startswith("ifd-signals-") for other in others)


def test_the_latest_revision_of_each_signal(filled, tmp_path):
    lines = exported(MessageTable(filled, SIGNALS, ANY, latest=True), "ndjson", tmp_path)
    assert [(v["root"], v["seq"]) for v in map(orjson.loads, lines.splitlines())] == [
        ("NQ", 1),
        ("ES", 2),
        ("ES", 3),
    ]


def test_more_than_one_piece_is_whole_and_in_order(store, tmp_path):
    count = 2 * PIECE_ROWS + 1
    store.put([a_gap("ES", seq) for seq in range(1, count + 1)])
    told = []
    Export(MessageTable(store, GAPS, ANY), "parquet", on_rows=told.append).write(tmp_path / "p")
    assert pl.read_parquet(tmp_path / "p")["seq"].to_list() == list(range(1, count + 1))
    assert told == [PIECE_ROWS, 2 * PIECE_ROWS, count]
    data = exported(MessageTable(store, GAPS, ANY), "json", tmp_path)
    assert [one["seq"] for one in orjson.loads(data)] == list(range(1, count + 1))


class Broken:
    """A table whose database goes away after the first piece."""

    def __init__(self, table):
        self._table = table

    def __getattr__(self, name):
        return getattr(self._table, name)

    def pieces(self):
        yield next(self._table.pieces())
        raise DeliveryError("store: away", 0.1)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_failure_leaves_what_was_there_and_no_half_file(filled, tmp_path, format_name):
    table = MessageTable(filled, SIGNALS, FILTER)
    file = tmp_path / "out"
    Export(table, format_name).write(file)
    before = sorted((f.name, f.read_bytes()) for f in tmp_path.iterdir() if f.is_file())
    with pytest.raises(DeliveryError, match="store: away"):
        Export(Broken(table), format_name).write(file)
    assert sorted((f.name, f.read_bytes()) for f in tmp_path.iterdir() if f.is_file()) == before


def test_only_an_export_is_written_over(filled, tmp_path):
    export = Export(MessageTable(filled, SIGNALS, FILTER), "csv")
    file = tmp_path / "mine.csv"
    file.write_text("precious")
    with pytest.raises(ConfigError, match="found a file without a manifest"):
        export.write(file)
    assert file.read_text() == "precious"
    export.write(file, overwrite=True)
    export.write(file)
    with pytest.raises(ConfigError, match="expected an existing folder"):
        export.write(tmp_path / "none" / "x.csv")
    with pytest.raises(ConfigError, match="found a folder"):
        export.write(tmp_path)


def test_a_filter_that_the_stream_has_no_answer_to_is_refused(store, tmp_path):
    chosen = parse_filter({"strength": ["HIGH"]})
    with pytest.raises(FilterError, match="strength"):
        MessageTable(store, GAPS, chosen)
    with pytest.raises(FilterError, match="strength"):
        BarsTable(tmp_path, chosen)


@pytest.fixture
def bars(tmp_path):
    """Files of ES and NQ over ten seconds each, two spans of ES."""
    folder = tmp_path / "bars"
    for root, first in (("ES", 1), ("ES", 301), ("NQ", 1)):
        messages = [pressure(root, second) for second in range(first, first + 10)]
        span = span_of(messages[0].value.ts_event, root, "g1", 300)
        lines = tmp_path / "lines"
        lines.write_bytes(b"".join(encode(message) + b"\n" for message in messages))
        write_table(lines, span.generation, span.closed(folder))
    return folder


def test_pressure_comes_from_the_bars(bars, tmp_path):
    table = BarsTable(bars, ANY)
    assert table.count() == 60
    exported(table, "parquet", tmp_path)
    read = pl.read_parquet(tmp_path / "out")
    assert read.columns[:5] == ["ts_event", "generation", "root", "instrument_id", "symbol"]
    assert read["root"].to_list() == ["ES"] * 20 + ["NQ"] * 20 + ["ES"] * 20
    assert {"buy_5s", "sell_30s"} <= set(read.columns)

    words = {"root": ["ES"], "from": [str(START + 5 * SECOND)], "to": [str(START + 302 * SECOND)]}
    table = BarsTable(bars, parse_filter(words))
    lines = exported(table, "ndjson", tmp_path).splitlines()
    first = orjson.loads(lines[0])
    assert len(lines) == 2 * 7
    assert (first["ts_event"], first["root"]) == (str(START + 5 * SECOND), "ES")
    assert (first["bid"], first["ask"]) == (4810.5, None)
    rows = rows_of(exported(table, "csv", tmp_path))
    assert len(rows) == 14
    assert rows[0]["ts_event"] == "2024-03-13T14:00:05.000000000Z"
    assert (rows[0]["bid"], rows[0]["ask"], rows[0]["front"]) == ("4810.5", "", "true")


def test_spans_that_are_not_over_are_exported_too_and_an_empty_folder_has_its_columns(tmp_path):
    folder = tmp_path / "bars"
    folder.mkdir()
    empty = BarsTable(folder, ANY)
    assert empty.header[:5] == ["ts_event", "generation", "root", "instrument_id", "symbol"]
    assert exported(empty, "csv", tmp_path).count(b"\n") == 1

    span = span_of(START, "ES", "g1", 300)
    spool = span.open(folder)
    spool.parent.mkdir(parents=True)
    spool.write_bytes(encode(pressure("ES", 1)) + b"\n" + encode(pressure("ES", 2))[:40])
    table = BarsTable(folder, ANY)
    assert table.count() == 2
    assert len(rows_of(exported(table, "csv", tmp_path))) == 2
    spool.unlink()
    with pytest.raises(ConfigError, match="was deleted meanwhile"):
        exported(table, "csv", tmp_path)


@pytest.mark.parametrize("format_name", FORMATS)
def test_bars_give_the_same_bytes_each_time(bars, tmp_path, format_name):
    first, second = (exported(BarsTable(bars, ANY), format_name, tmp_path, name) for name in "ab")
    assert first == second


def test_bars_of_other_windows_share_a_table(bars, tmp_path):
    (file,) = bars.glob("date=*/root=NQ/*.parquet")
    pl.read_parquet(file).rename({"buy_5s": "buy_7s"}).write_parquet(file)
    exported(BarsTable(bars, ANY), "parquet", tmp_path)
    read = pl.read_parquet(tmp_path / "out")
    assert read.filter(pl.col("root") == "NQ")["buy_5s"].null_count() == 20
    assert read.filter(pl.col("root") == "ES")["buy_7s"].null_count() == 40


def test_a_formula_in_a_symbol_of_the_bars_is_disarmed(bars, tmp_path):
    (file,) = bars.glob("date=*/root=NQ/*.parquet")
    pl.read_parquet(file).with_columns(symbol=pl.lit('=1+"\r\n,')).write_parquet(file)
    chosen = parse_filter({"root": ["NQ"]})
    rows = rows_of(exported(BarsTable(bars, chosen), "csv", tmp_path))
    assert {row["symbol"] for row in rows} == {"'=1+\"\r\n,"}


def test_bars_that_are_none_are_told_in_one_line(bars, tmp_path):
    with pytest.raises(ConfigError, match="expected a folder"):
        BarsTable(tmp_path / "none", ANY)
    file = next(bars.rglob("*.parquet"))
    file.write_bytes(b"no table")
    with pytest.raises(ConfigError, match="expected pressure bars"):
        exported(BarsTable(bars, ANY), "parquet", tmp_path)
    assert not Path(tmp_path / "out").exists()

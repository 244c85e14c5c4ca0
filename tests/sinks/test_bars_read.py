import polars as pl
import pytest

from sinks.bars import BarsSink
from sinks.bars_config import BarsConfig
from sinks.bars_files import Span
from sinks.bars_read import open_rows, rows_of, spans
from tests.sinks.bars import START, pressure


@pytest.fixture
def directory(tmp_path):
    """Twelve seconds of ES and three of NQ in spans of ten."""
    part = BarsSink(BarsConfig(directory=str(tmp_path), span_s=10), "g1").build_part("b", "0", None)
    part.write_batch([pressure("ES", second) for second in range(12)])
    part.write_batch([pressure("NQ", second) for second in range(3)])
    part.close()
    return tmp_path


def seconds(found):
    return found.collect()["volume_buy"].to_list()


def test_spans_are_read_whether_they_are_over_or_not(directory):
    start_s = START // 10**9
    found = spans(directory)
    assert found == [
        Span(start_s, "ES", "g1"), Span(start_s, "NQ", "g1"), Span(start_s + 10, "ES", "g1")
    ]  # fmt: skip
    twice = [second for second in range(12) for _ in range(2)]
    assert seconds(rows_of(directory, found[0])) == twice[:20]
    assert seconds(rows_of(directory, found[1])) == twice[:6]
    assert seconds(rows_of(directory, found[2])) == twice[20:]
    schemas = [rows_of(directory, span).collect_schema() for span in found]
    assert schemas[0] == schemas[1] == schemas[2]
    assert schemas[0]["ts_event"] == pl.Datetime("ns", "UTC")


def test_a_line_that_is_being_written_is_left_out(directory):
    span = Span(START // 10**9, "NQ", "g1")
    with span.open(directory).open("ab") as spool:
        spool.write(b'{"half')
    assert open_rows(directory, span).height == 6


def test_a_span_that_is_nowhere_has_no_rows(tmp_path):
    span = Span(0, "ES", "g1")
    assert rows_of(tmp_path, span) is None
    with pytest.raises(FileNotFoundError):
        open_rows(tmp_path, span)
    span.open(tmp_path).parent.mkdir(parents=True)
    span.open(tmp_path).write_bytes(b"")
    assert rows_of(tmp_path, span) is None

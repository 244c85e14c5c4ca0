"""Commands as a person runs them: a result, or one line that says what is wrong and where."""

import json
import re

import pytest

from tests.connectors.dbn_bytes import header, zstd
from tests.flows import ifd
from tests.tape import tape

pytestmark = pytest.mark.slow

ES = 17_077
START_NS = 1_702_911_600_000_000_000
MARKET = """
    1 A A 5000.25 5 #1
    --
    2 A B 5000.00 5 #2
    --
    3 T B 5000.25 2 #3 seq=9
    3 F A 5000.25 2 #1 seq=9
    3 C A 5000.25 2 #1 seq=9
    --
"""
ROWS = tape(MARKET, ES, start_ns=START_NS).tobytes()
HEADER = header(symbols=[("ESH4", [("2023-12-18", "2023-12-19", str(ES))])])

DAMAGED = {
    "truncated": (HEADER + ROWS[:-20], 4),
    "garbage": (HEADER + ROWS + b"\xff" * 100, 5),
    "zero-length": (HEADER + ROWS + b"\x00" * 56, 5),
    "nothing": (b"", 0),
    "no-header": (b"this is no market data at all, sorry", 0),
    "header-cut": (HEADER[:40], 0),
    "zstd-cut": (zstd(HEADER + ROWS)[:-9], 0),
}


@pytest.fixture(scope="module")
def summary(tmp_path_factory) -> dict:
    """The summary of a sound file."""
    file = tmp_path_factory.mktemp("tape") / "day.dbn.zst"
    file.write_bytes(zstd(HEADER + ROWS))
    done = ifd("replay", file, "--summary")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def test_a_summary_is_one_object_of_books_executions_and_signals(summary):
    assert summary["records"] == 5
    assert summary["instruments"] == {
        str(ES): {
            "orders": 2,
            "bid_levels": 1,
            "ask_levels": 1,
            "best_bid": "5000.00",
            "best_ask": "5000.25",
            "unknown_orders": 0,
            "last_sequence": 9,
            "last_ts_recv": START_NS + 3_000_000,
        }
    }
    executions = summary["executions"]
    assert {name: executions[name] for name in ("trades", "aggressors", "traded_size")} == {
        "trades": 1,
        "aggressors": 1,
        "traded_size": 2,
    }
    assert set(executions) == {
        "trades", "aggressors", "swept_2", "swept_3_or_more", "stops", "iceberg_refills",
        "iceberg_orders", "hidden_size", "traded_size",
    }  # fmt: skip
    assert set(summary["signals"]) == {"count", "digest"}
    assert summary["quality"]
    assert summary["records_per_s"] >= 0


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_one_line_and_what_was_before_is_kept(tmp_path, kind):
    raw, records = DAMAGED[kind]
    file = tmp_path / f"{kind}.dbn"
    file.write_bytes(raw)
    done = ifd("replay", file, "--summary")
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("ifd: ")
    assert file.name in line
    if records:
        assert json.loads(done.stdout)["records"] == records


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.dbn"], "none.dbn"),
        (["."], "."),
        (["x.dbn", "--speed", "-1"], "--speed: expected more than 0, found -1.0"),
        (["x.dbn", "--processes", "0"], "--processes: expected at least 1, found 0"),
        (["x.dbn", "--shards", "0"], "command line: flow.shards must be from 1 to 1000, was 0"),
        (["x.dbn", "--baseline", "none.parquet"], "none.parquet"),
    ],
)
def test_wrong_words_are_one_line(words, said):
    done = ifd("replay", *words)
    assert (done.returncode, done.stdout) == (2, "")
    # Before it, at most the count of what was read until then.
    *_, line = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    assert line.startswith("ifd: ")
    assert said in line


def test_another_schema_is_named(tmp_path):
    import databento_dbn as dbn

    file = tmp_path / "trades.dbn"
    file.write_bytes(header(schema=dbn.Schema.TRADES))
    done = ifd("replay", file)
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert line.endswith("trades.dbn: byte 24: expected schema mbo, found schema trades")


def test_the_demo_learns_shows_signals_and_ends_with_a_summary():
    done = ifd("demo", "--seconds", "30")
    assert done.returncode == 0, done.stderr
    assert "baseline of 20 sessions" in done.stderr
    *lines, last = done.stdout.splitlines()
    ended = re.match(r"(\d+) signals \(.+\) in (\d+) messages", last)
    assert ended is not None, last
    assert int(ended[1]) >= 1
    assert int(ended[2]) == len(lines)
    assert any(" opened " in line for line in lines)

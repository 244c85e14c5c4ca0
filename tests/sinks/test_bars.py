"""Pressure bars: what is in the files, and that a resume at any place makes the same ones."""

import os
import resource
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, run_main

from operators.model.errors import ConfigError, StateError
from sinks.bars import BarsSink
from sinks.bars_config import BarsConfig
from sinks.bars_files import span_of
from sinks.bars_maker import prune
from sinks.bars_spool import BarsCounters, Spool
from sinks.bars_table import table_of, write_table
from sinks.codec import encode
from tests.sinks.bars import START, files, pressure, seconds_of
from tests.sinks.kafka_harness import wait_until
from tests.sinks.messages import EXAMPLES, PRESSURE_ES
from tests.sinks.test_kafka_flow import EPOCH_EACH_BATCH, flow_of

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND_FILE = (f"date=2024-03-13/root=ES/1400{s}0-g1.parquet" for s in (0, 1))


def sink_of(folder, **given):
    return BarsSink(BarsConfig(directory=str(folder), span_s=10, **given), "g1")


def feed(part, seconds, root="ES"):
    part.write_batch([pressure(root, second) for second in seconds])


def rows(seconds, root="ES"):
    return [(f"{root}{number}", second) for second in seconds for number in (0, 1)]


def test_a_span_that_is_over_is_a_file_by_date_and_root(tmp_path):
    sink = sink_of(tmp_path)
    part = sink.build_part("bars", "000", None)
    part.write_batch([*EXAMPLES[:4], pressure("ES", 0), pressure("NQ", 3), object()])
    feed(part, range(1, 25))
    part.close()
    assert files(tmp_path) == [FIRST, SECOND_FILE]
    assert seconds_of(tmp_path / FIRST) == rows(range(10))
    assert seconds_of(tmp_path / SECOND_FILE) == rows(range(10, 20))
    assert (sink.counters.kept, sink.counters.files, sink.counters.dropped) == (26, 2, 0)
    table = pl.read_parquet(tmp_path / "date=*/root=*/*.parquet", hive_partitioning=True)
    assert {str(value) for value in table["date"].unique()} == {"2024-03-13"}
    assert set(table["root"]) == {"ES"}


def test_columns_are_those_of_the_message(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(encode(EXAMPLES[4]) + b"\n")
    write_table(file, "g1", tmp_path / "x.parquet")
    (row,) = pl.read_parquet(tmp_path / "x.parquet").to_dicts()
    assert row.pop("ts_event").timestamp() == pytest.approx(PRESSURE_ES.ts_event / 1e9)
    assert row == {
        "generation": "g1", "instrument_id": 5602, "symbol": "ESH4", "front": True,
        "bid": 4810.5, "ask": None, "bid_size": 12, "ask_size": 0, "last": 4810.25,
        "open": None, "high": None, "low": None, "volume_buy": 0, "volume_sell": 0,
        "quality": 1.0, "buy_5s": 12, "sell_5s": 3, "buy_30s": 40, "sell_30s": 9,
    }  # fmt: skip


def test_a_second_without_instruments_has_no_row(tmp_path):
    file = tmp_path / "x"
    empty = encode(replace(EXAMPLES[4], value=replace(PRESSURE_ES, instruments=())))
    file.write_bytes(empty + b"\n")
    assert table_of(file, "g1") is None
    file.write_bytes(empty + b"\n" + encode(EXAMPLES[4]) + b"\n" + empty + b"\n")
    found = table_of(file, "g1")
    assert found is not None
    assert found.collect().height == 1


@pytest.mark.parametrize("cut", [1, 5, 9, 10, 11, 19, 20, 24])
@pytest.mark.parametrize("beyond", [0, 1, 12])
def test_a_resume_from_any_snapshot_makes_the_same_files(tmp_path, cut, beyond):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    part = sink_of(whole).build_part("bars", "000", None)
    feed(part, range(35))
    part.close()
    first = sink_of(killed)
    part = first.build_part("bars", "000", None)
    feed(part, range(cut))
    state = part.snapshot()
    feed(part, range(cut, min(35, cut + beyond)))  # Then it dies.
    wait_until(lambda: not first._maker.waiting(), "its thread is idle")
    again = sink_of(killed)
    part = again.build_part("bars", "000", state)
    feed(part, range(cut, 35))
    part.close()
    assert files(killed) == files(whole)
    for name in files(whole):
        assert seconds_of(killed / name) == seconds_of(whole / name)
    assert again.counters.lost_bytes == 0
    spools = [[f.read_bytes() for f in folder.rglob("*.ndjson")] for folder in (whole, killed)]
    assert spools[0] == spools[1]


def test_a_span_that_waited_for_its_file_at_a_kill_is_made_after_it(tmp_path):
    part = sink_of(tmp_path).build_part("bars", "000", None)
    part._maker.close()  # As if killed before the thread came to it.
    feed(part, range(15))
    state = part.snapshot()
    assert files(tmp_path) == []
    part = sink_of(tmp_path).build_part("bars", "000", state)
    part.close()
    assert files(tmp_path) == [FIRST]
    assert seconds_of(tmp_path / FIRST) == rows(range(10))


@pytest.mark.parametrize("at", [3, 12, 25])
@pytest.mark.parametrize("epoch_interval", [EPOCH_EACH_BATCH, timedelta(seconds=10)])
def test_a_flow_that_aborts_goes_on_where_it_was(tmp_path, at, epoch_interval):
    made = [("000", pressure("ES", second)) for second in range(30)]
    source = [*made[:at], TestingSource.ABORT(), *made[at:]]
    (tmp_path / "recovery").mkdir()
    init_db_dir(tmp_path / "recovery", 1)
    recovery = RecoveryConfig(str(tmp_path / "recovery"))
    for _ in range(2):
        flow = flow_of(source, sink_of(tmp_path / "bars"))
        run_main(flow, epoch_interval=epoch_interval, recovery_config=recovery)
    assert seconds_of(tmp_path / "bars" / FIRST) == rows(range(10))
    assert seconds_of(tmp_path / "bars" / SECOND_FILE) == rows(range(10, 20))


def test_another_generation_has_files_of_its_own(tmp_path):
    for generation in ("g1", "g2"):
        config = BarsConfig(directory=str(tmp_path), span_s=10)
        part = BarsSink(config, generation).build_part("bars", "000", None)
        feed(part, range(11) if generation == "g1" else range(5, 11))
        part.close()
    assert files(tmp_path) == [FIRST, FIRST.replace("g1", "g2")]
    assert len(seconds_of(tmp_path / FIRST)) == 20


def test_what_a_power_cut_took_is_counted_and_the_rest_stays_readable(tmp_path):
    part = sink_of(tmp_path).build_part("bars", "000", None)
    feed(part, range(3))
    state = part.snapshot()
    (spool,) = tmp_path.rglob("*.ndjson")
    os.truncate(spool, spool.stat().st_size - 5)
    sink = sink_of(tmp_path)
    part = sink.build_part("bars", "000", state)
    assert sink.counters.lost_bytes > 5
    feed(part, range(3, 11))
    part.close()
    assert seconds_of(tmp_path / FIRST) == rows([0, 1, *range(3, 10)])


FULL = """
import resource, signal, sys
from pathlib import Path
from tests.sinks.bars import pressure
from tests.sinks.test_bars import sink_of, feed
from sinks.codec import encode
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sink = sink_of(sys.argv[1], flush_timeout_s=1)
part = sink.build_part("bars", "000", None)
feed(part, range(3))
size = len(encode(pressure("ES", 3)))
resource.setrlimit(resource.RLIMIT_FSIZE, (3 * size + 10, resource.RLIM_INFINITY))
feed(part, range(3, 5))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert sink.counters.dropped == 2, sink.counters
feed(part, range(5, 11))
part.close()
"""


def test_a_full_disk_costs_seconds_that_are_counted_and_leaves_no_half_line(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert seconds_of(tmp_path / FIRST) == rows([0, 1, 2, *range(5, 10)])


def test_a_file_that_cannot_be_made_is_made_later(tmp_path, monkeypatch):
    monkeypatch.setattr("sinks.bars_maker.RETRY_FIRST_S", 0.01)
    blocked = tmp_path / "date=2024-03-13"
    blocked.write_text("in the way")
    sink = sink_of(tmp_path)
    part = sink.build_part("bars", "000", None)
    sink._maker._wait_s = 0.01
    feed(part, range(11))
    wait_until(lambda: sink.counters.files_failed > 0, "it fails")
    blocked.unlink()
    wait_until(lambda: sink.counters.files == 1, "there is room")
    part.close()
    assert files(tmp_path) == [FIRST]
    assert not list(tmp_path.rglob("*.part"))


def test_old_files_are_deleted_with_their_folders(tmp_path):
    part = sink_of(tmp_path).build_part("bars", "000", None)
    feed(part, range(21))
    part.close()
    os.utime(tmp_path / FIRST, (1, 1))
    assert list(prune(tmp_path, 2)) == [tmp_path / FIRST]
    assert files(tmp_path) == [SECOND_FILE]
    assert len(list(prune(tmp_path, 2**40))) == 1
    assert not list(tmp_path.glob("date=*"))


def test_a_spool_of_a_span_that_is_done_takes_nothing(tmp_path):
    part = sink_of(tmp_path).build_part("bars", "000", None)
    feed(part, range(11))
    part.close()
    counters = BarsCounters()
    spool = Spool(tmp_path, span_of(START, "ES", "g1", 10), counters)
    spool.add([b"x"])
    assert (spool.is_done, counters.repeated, counters.kept) == (True, 1, 0)


@pytest.mark.parametrize(("name", "value"), [("version", 0), ("partitions", 7), ("span_s", 20)])
def test_a_state_of_another_form_is_refused(tmp_path, name, value):
    sink = sink_of(tmp_path)
    part = sink.build_part("bars", "000", None)
    state = part.snapshot() | {name: value}
    with pytest.raises(StateError, match=f"bars: {name} was {value} in the recovery store"):
        sink.build_part("bars", "001", state)
    part.close()


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file/x cannot be made"):
        sink_of(tmp_path / "file" / "x")
    with pytest.raises(ValueError, match="must not be empty"):
        BarsSink(BarsConfig(), "g1")

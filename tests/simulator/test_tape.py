"""Tapes are what Databento's own reader takes them for."""

from collections import Counter
from pathlib import Path
from typing import Any

import databento
import databento_dbn
import numpy as np
import pytest

from operators.model.errors import ConfigError
from operators.model.records import MBO_DTYPE, NS_PER_S, PRICE_SCALE
from simulator.simulation import Simulation, SimulationConfig
from simulator.tape import TapeForm, TapeProgress, TapeSummary, write_tape

CONFIG = SimulationConfig(duration_s=5, instruments=9, records_per_s=500, institutions=True)
ALL = TapeForm(definitions=True, status=True, ticks=True)


def store_of(path: Path) -> databento.DBNStore:
    return databento.DBNStore.from_bytes(path.read_bytes())


def records_of(path: Path) -> list[Any]:
    return list(store_of(path))


@pytest.fixture(scope="module")
def tape(tmp_path_factory) -> tuple[Path, TapeSummary]:
    path = tmp_path_factory.mktemp("tape") / "tape.dbn"
    return path, write_tape(CONFIG, path, ALL)


def test_databentos_decoder_reads_every_record(tape):
    path, summary = tape
    decoder = databento_dbn.DBNDecoder()
    decoder.write(path.read_bytes())
    decoded: list[Any] = list(decoder.decode())
    metadata, records = decoded[0], decoded[1:]
    assert (metadata.version, metadata.dataset, metadata.start) == (3, "GLBX.MDP3", CONFIG.start_ns)
    assert not decoder.buffer()
    assert Counter(type(record).__name__ for record in records) == {
        "SymbolMappingMsg": 9,
        "InstrumentDefMsg": 9,
        "StatusMsg": 9,
        "SystemMsg": 4,
        "MBOMsg": summary.records,
    }


def test_records_on_the_tape_are_those_of_the_simulation(tape):
    path, summary = tape
    rows = np.concatenate([r for r in Simulation(CONFIG).stream() if not isinstance(r, int)])
    assert len(rows) == summary.records
    read = store_of(path).to_ndarray(schema="mbo")
    for name in MBO_DTYPE.names or ():
        assert np.array_equal(read[name], rows[name]), name


def test_compressed_holds_the_same_bytes(tape, tmp_path):
    path, summary = tape
    packed = write_tape(CONFIG, tmp_path / "tape.dbn.zst", ALL)
    assert packed.records == summary.records
    assert packed.file_bytes < summary.file_bytes / 2
    assert store_of(packed.path).reader.read() == (store_of(path).reader.read())


def test_mapping_and_definition_precede_an_instruments_records(tape):
    known: dict[str, set[int]] = {"SymbolMappingMsg": set(), "InstrumentDefMsg": set()}
    for record in records_of(tape[0]):
        kind = type(record).__name__
        if kind in known:
            known[kind].add(record.instrument_id)
        elif kind == "MBOMsg":
            assert all(record.instrument_id in ids for ids in known.values())


def test_mappings_look_like_those_of_a_live_gateway(tape):
    record = next(r for r in records_of(tape[0]) if type(r).__name__ == "SymbolMappingMsg")
    assert (record.stype_in_symbol, record.stype_out_symbol) == ("ESM6", "ESM6")
    # Undefined: as a number or, in later versions of the reader, as None.
    assert record.stype_in in (None, 255)
    assert record.stype_out in (None, 255)
    assert record.start_ts == record.end_ts == 2**64 - 1


def test_definitions_say_what_instruments_are(tmp_path):
    config = SimulationConfig(duration_s=1, roots=("ES",), instruments=4)
    write_tape(config, tmp_path / "t.dbn")
    future, _, spread, option = (
        r for r in records_of(tmp_path / "t.dbn") if type(r).__name__ == "InstrumentDefMsg"
    )
    assert (future.raw_symbol, future.asset, future.instrument_class) == ("ESM6", "ES", "F")
    assert future.min_price_increment == PRICE_SCALE // 4
    assert future.unit_of_measure_qty == 50 * PRICE_SCALE
    assert spread.instrument_class == "S"
    assert spread.unit_of_measure_qty == databento_dbn.UNDEF_PRICE
    assert option.instrument_class == "C"
    assert option.strike_price == 5000 * PRICE_SCALE
    assert (option.underlying, option.underlying_id) == ("ESM6", future.instrument_id)
    assert option.min_price_increment == databento_dbn.UNDEF_PRICE
    assert option.tick_rule == 4


def test_ticks_stand_at_full_seconds_of_market_time(tape):
    ticks = [r for r in records_of(tape[0]) if type(r).__name__ == "SystemMsg"]
    assert {tick.msg for tick in ticks} == {"ifd tick"}
    assert [tick.ts_event for tick in ticks] == [
        CONFIG.start_ns + second * NS_PER_S for second in range(1, 5)
    ]


def test_the_summary_counts_what_is_on_the_tape(tape):
    path, summary = tape
    rows = store_of(path).to_ndarray(schema="mbo")
    live = rows[rows["flags"] & 32 == 0]
    assert summary.opening_records == len(rows) - len(live)
    assert summary.events == int(np.sum(live["flags"] & 128 != 0))
    assert (summary.ts_first, summary.ts_last) == (live["ts_event"][0], live["ts_event"][-1])
    pairs = np.stack([live["instrument_id"].astype(np.uint64), live["ts_event"] // NS_PER_S])
    assert summary.active_instrument_seconds == np.unique(pairs, axis=1).shape[1]
    assert summary.records_per_active_instrument_second == pytest.approx(
        len(live) / summary.active_instrument_seconds
    )
    assert summary.file_bytes == path.stat().st_size
    assert summary.labels


def test_progress_is_told_and_ends_near_the_whole(tmp_path):
    told: list[TapeProgress] = []
    config = SimulationConfig(duration_s=60, records_per_s=2_000)
    write_tape(config, tmp_path / "t.dbn", TapeForm(ticks=True), told.append)
    ratios = [progress.ratio for progress in told]
    assert len(told) > 3
    assert ratios == sorted(ratios)
    assert ratios[-1] > 0.7


def test_an_interrupted_tape_leaves_nothing_behind(tmp_path):
    path = tmp_path / "t.dbn"

    def interrupt(_progress: TapeProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_tape(CONFIG, path, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_another_suffix_or_a_missing_folder_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match=r"expected a name ending in \.dbn or \.dbn\.zst"):
        write_tape(CONFIG, tmp_path / "t.csv")
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        write_tape(CONFIG, tmp_path / "none" / "t.dbn")

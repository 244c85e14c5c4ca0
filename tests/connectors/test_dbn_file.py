import pickle
import random
import re
from datetime import UTC, datetime, timedelta

import databento_dbn as dbn
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.operators import input as op_input
from bytewax.operators import output as op_output
from bytewax.testing import TestingSink, run_main

from connectors.databento.messages import system_record, tick_record
from connectors.dbn_file import (
    DbnFileConfig,
    DbnFilePartition,
    DbnFileSource,
    Hooks,
    ToldPartition,
)
from connectors.root_rules import RootsConfig
from operators.model.errors import DecodeError, FeedError, StateError
from operators.model.items import Instrument, MboRows, Tick
from operators.model.records import F_SNAPSHOT
from operators.model.streams import STATUS, Message
from tests.connectors.dbn_bytes import header, mbo, mbo_with_ts_out, rare, zstd

MS = 1_000_000
IDS = (1, 2, 3, 7)
SYMBOLS = [
    (name, [("2024-01-02", "2024-01-03", str(each))])
    for name, each in (("ESH4", 1), ("NQH4", 2), ("ESM4", 3))
]


def tape() -> bytes:
    """Records of four instruments, and a rarer record of every kind among them."""
    rows = mbo(200, ids=IDS)
    return b"".join(
        (
            header(symbols=SYMBOLS),
            rare(dbn.InstrumentDefMsg, instrument_id=2, raw_symbol="NQH4", asset="NQ"),
            rows[:50].tobytes(),
            tick_record(40),
            rare(dbn.StatusMsg, instrument_id=7, action=7),
            rare(dbn.OHLCVMsg),
            rows[50:130].tobytes(),
            rare(dbn.InstrumentDefMsg, instrument_id=7, raw_symbol="ESU4", asset="ES"),
            rare(dbn.StatMsg, instrument_id=1, stat_type=3),
            rare(dbn.SystemMsg, msg="Heartbeat"),
            rare(dbn.SymbolMappingMsg, instrument_id=1, stype_out_symbol="ESZ4"),
            rows[130:].tobytes(),
            system_record(300, "ifd control silence {}"),
        )
    )


def config(tmp_path, *files: bytes, **fields) -> DbnFileConfig:
    paths = [tmp_path / f"{n}.dbn" for n, _ in enumerate(files)]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    facts = {"feed": "f", "paths": tuple(map(str, paths)), "roots": RootsConfig(shards=4)}
    return DbnFileConfig(**(facts | fields))


def drain(partition: DbnFilePartition) -> list:
    out = []
    while True:
        try:
            out += partition.next_batch()
        except StopIteration:
            return out


def flat(out: list) -> list:
    """Per key, in order; neighbouring records of a key joined, as cuts must not show."""
    by_key: dict[str, list] = {}
    for key, item in out:
        items = by_key.setdefault(key, [])
        if isinstance(item, MboRows):
            if items and isinstance(items[-1], bytes):
                items[-1] += item.rows.tobytes()
            else:
                items.append(item.rows.tobytes())
        else:
            items.append(item)
    return sorted(by_key.items())


def rows_of(out: list) -> int:
    return sum(item.rows.size for _, item in out if isinstance(item, MboRows))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"feed": ""}, "feed must be a name, was empty"),
        ({"paths": ()}, "paths must name at least 1 file, was empty"),
        ({"batch_rows": 0}, "batch_rows must be at least 1, was 0"),
        ({"rows_per_epoch_max": 0}, "rows_per_epoch_max must be at least 1, was 0"),
        ({"speed": 0.0}, "speed must be more than 0, was 0.0"),
        ({"speed": float("nan")}, "speed must be more than 0, was nan"),
    ],
)
def test_nonsense_is_refused(wrong, text):
    with pytest.raises(ValueError, match="must") as error:
        DbnFileConfig(**({"feed": "f", "paths": ("a",)} | wrong))
    assert str(error.value) == text


def test_everything_is_given_out_or_counted(tmp_path):
    partition = DbnFilePartition(config(tmp_path, tape()), Hooks())
    out = drain(partition)
    assert rows_of(out) == partition.counts.records == 200
    assert partition.counts.others == {
        "definition": 2,
        "tick": 1,
        "status": 1,
        "ohlcv-1m": 1,
        "statistics": 1,
        "system": 1,
        "symbol-mapping": 1,
        "control": 1,
    }
    assert partition.counts.unknown == {}
    symbols = [item.symbol for _, item in out if isinstance(item, Instrument)]
    assert symbols == ["ESH4", "NQH4", "ESM4", "7", "ESU4", "ESZ4"]
    assert [key for key, item in out if isinstance(item, Tick)] == ["000", "001", "002", "003"]
    for key, item in out:
        if isinstance(item, MboRows):
            assert not item.rows.flags.writeable
            assert len(key) == 3


@pytest.mark.parametrize("batch_rows", [1, 3, 7, 64, 1_000])
@pytest.mark.parametrize("pack", [bytes, zstd])
def test_batches_of_any_size_give_the_same_to_each_shard(tmp_path, batch_rows, pack):
    whole = flat(drain(DbnFilePartition(config(tmp_path, tape()), Hooks())))
    other = DbnFilePartition(config(tmp_path, pack(tape()), batch_rows=batch_rows), Hooks())
    order = [item for _, items in whole for item in items if not isinstance(item, bytes)]
    found = flat(drain(other))
    assert [key for key, _ in found] == [key for key, _ in whole]
    for (_, items), (_, others) in zip(whole, found, strict=True):
        assert joined(items) == joined(others)
        assert unordered(items) == unordered(others)
    assert order


def joined(items: list) -> bytes:
    return b"".join(item for item in items if isinstance(item, bytes))


def unordered(items: list) -> list:
    return [item for item in items if not isinstance(item, bytes)]


@pytest.mark.parametrize("pack", [bytes, zstd])
def test_a_resume_after_any_batch_gives_the_same_sequence(tmp_path, pack):
    files = config(tmp_path, pack(tape()), pack(header() + mbo(40, ids=IDS).tobytes()))
    settings = DbnFileConfig(
        feed="f", paths=files.paths, batch_rows=17, roots=RootsConfig(shards=4)
    )
    whole = DbnFilePartition(settings, Hooks())
    batches, states = [], [whole.snapshot()]
    while True:
        try:
            batches.append(whole.next_batch())
        except StopIteration:
            break
        states.append(pickle.loads(pickle.dumps(whole.snapshot())))
    assert len(batches) > 12
    for start, state in enumerate(states):
        resumed = DbnFilePartition(settings, Hooks(), state)
        expected = [item for batch in batches[start:] for item in batch]
        assert flat(drain(resumed)) == flat(expected), start
        assert resumed.counts.records == whole.counts.records
        assert resumed.counts.others == whole.counts.others
        assert resumed.snapshot() == whole.snapshot()


def test_snapshots_are_no_live_views(tmp_path):
    partition = DbnFilePartition(config(tmp_path, tape(), batch_rows=20), Hooks())
    partition.next_batch()
    state = partition.snapshot()
    before = pickle.dumps(state)
    drain(partition)
    assert pickle.dumps(state) == before


def test_a_state_of_another_version_is_refused(tmp_path):
    settings = config(tmp_path, tape())
    state = DbnFilePartition(settings, Hooks()).snapshot() | {"version": 9}
    with pytest.raises(StateError, match="fresh recovery store"):
        DbnFilePartition(settings, Hooks(), state)


def test_send_times_change_nothing(tmp_path):
    rows = mbo(50, ids=IDS)
    plain = DbnFilePartition(config(tmp_path, header() + rows.tobytes()), Hooks())
    expected = flat(drain(plain))
    timed = config(tmp_path, header(ts_out=True) + mbo_with_ts_out(rows), batch_rows=7)
    first = DbnFilePartition(timed, Hooks())
    out = first.next_batch()
    assert flat(out + drain(DbnFilePartition(timed, Hooks(), first.snapshot()))) == expected


def test_what_stands_before_a_fault_is_given_out_before_it_is_raised(tmp_path):
    partition = DbnFilePartition(config(tmp_path, tape() + bytes(64)), Hooks())
    assert rows_of(partition.next_batch()) == 200
    with pytest.raises(DecodeError, match=r"0\.dbn: byte \d+: expected .* found a length of 0"):
        partition.next_batch()
    assert partition.counts.records == 200


def test_a_hook_may_take_the_fault_and_the_input_ends(tmp_path):
    faults = []
    partition = DbnFilePartition(config(tmp_path, tape()[:-10]), Hooks(on_fault=faults.append))
    assert rows_of(drain(partition)) == 200
    assert len(faults) == 1
    assert "found the end of the input after 310" in str(faults[0])


def test_too_many_instruments_are_a_fault(tmp_path):
    rows = mbo(30, ids=range(30))
    settings = config(
        tmp_path,
        header() + rows.tobytes(),
        batch_rows=10,
        roots=RootsConfig(shards=1, instruments_max=20),
    )
    faults = []
    out = drain(DbnFilePartition(settings, Hooks(on_fault=faults.append)))
    assert rows_of(out) == 20
    assert "at most 20 instruments" in str(faults[0])


def test_unknown_record_types_are_refused_or_counted(tmp_path):
    data = header() + mbo(5).tobytes() + b"\x08\x63" + bytes(30) + mbo(5).tobytes()
    with pytest.raises(DecodeError, match="unknown record type 99"):
        drain(DbnFilePartition(config(tmp_path, data), Hooks()))
    partition = DbnFilePartition(config(tmp_path, data, skip_unknown=True), Hooks())
    assert rows_of(drain(partition)) == 10
    assert partition.counts.unknown == {99: 1}


def test_a_closed_gate_holds_reading_and_a_stop_ends_it(tmp_path):
    is_open, stopping = [False], [False]
    hooks = Hooks(may_read=lambda: is_open[0], stop=lambda: stopping[0])
    settings = config(tmp_path, header() + mbo(200).tobytes(), batch_rows=20)
    partition = DbnFilePartition(settings, hooks)
    assert partition.next_batch() == []
    is_open[0] = True
    assert rows_of(partition.next_batch()) == 20
    stopping[0] = True
    with pytest.raises(StopIteration):
        partition.next_batch()
    assert partition.counts.records == 20


def test_an_epoch_holds_so_many_records_and_no_more(tmp_path):
    data = header() + mbo(200).tobytes()
    settings = config(tmp_path, data, batch_rows=20, rows_per_epoch_max=30)
    partition = DbnFilePartition(settings, Hooks())
    given = [rows_of(partition.next_batch()) for _ in range(4)]
    assert given == [20, 10, 0, 0]
    partition.snapshot()
    assert rows_of(partition.next_batch()) == 10


def test_the_engine_opens_each_epoch_anew(tmp_path):
    settings = config(tmp_path, tape(), batch_rows=20, rows_per_epoch_max=5)
    assert rows_of(run(DbnFileSource([settings]))) == 200


def test_progress_tells_bytes_and_records(tmp_path):
    seen = []
    settings = config(tmp_path, zstd(tape()), tape(), batch_rows=20)
    drain(DbnFilePartition(settings, Hooks(on_progress=seen.append)))
    assert seen[-1].bytes_done == seen[-1].bytes_total == len(zstd(tape())) + len(tape())
    assert [s.bytes_done for s in seen] == sorted(s.bytes_done for s in seen)
    assert seen[-1].counts.records == 400
    assert seen[-1].counts.unknown_roots == 1
    assert seen[-1].counts.reassigned == 1


def test_a_paced_feed_gives_out_what_is_due_and_asks_to_be_called_then(tmp_path):
    now = [5]
    rows = mbo(10, ts=10**18, step=10 * MS).copy()
    rows["flags"][:2] = F_SNAPSHOT
    data = header() + rows.tobytes() + tick_record(10**18 + 200 * MS)
    partition = DbnFilePartition(config(tmp_path, data, speed=1.0), Hooks(clock_ns=lambda: now[0]))
    assert rows_of(partition.next_batch()) == 3
    wait = partition.next_awake() - datetime.now(UTC)
    assert timedelta(0) < wait <= timedelta(milliseconds=10)
    assert partition.next_batch() == []
    now[0] += 35 * MS
    assert rows_of(partition.next_batch()) == 3
    assert partition.snapshot()["counts"][0] == 6
    now[0] += 100 * MS
    assert rows_of(partition.next_batch()) == 4
    assert partition.next_awake() - datetime.now(UTC) <= timedelta(milliseconds=100)
    now[0] += 45 * MS
    assert [type(item) for _, item in partition.next_batch()] == [Tick] * 4
    with pytest.raises(StopIteration):
        partition.next_batch()


def test_an_unpaced_feed_is_called_at_once(tmp_path):
    partition = DbnFilePartition(config(tmp_path, tape()), Hooks())
    partition.next_batch()
    assert partition.next_awake() is None


def test_missing_and_empty_files_are_told_in_one_line(tmp_path):
    with pytest.raises(FeedError, match=r"none\.dbn: expected a DBN file, found nothing there"):
        DbnFileSource([DbnFileConfig(feed="f", paths=(str(tmp_path / "none.dbn"),))])
    partition = DbnFilePartition(config(tmp_path, b""), Hooks())
    with pytest.raises(DecodeError, match="byte 0: expected DBN metadata, found an empty input"):
        partition.next_batch()


def test_two_feeds_need_two_names(tmp_path):
    one = config(tmp_path, tape())
    with pytest.raises(ValueError, match="feed must differ"):
        DbnFileSource([one, one])
    other = DbnFileConfig(feed="g", paths=one.paths)
    assert DbnFileSource([one, other]).list_parts() == ["f", "g"]


def run(source: DbnFileSource) -> list:
    out: list = []
    flow = Dataflow("test")
    op_output("out", op_input("feed", flow, source), TestingSink(out))
    run_main(flow, epoch_interval=timedelta(milliseconds=2))
    return out


def test_it_runs_as_a_source(tmp_path):
    settings = config(tmp_path, tape(), batch_rows=20)
    expected = flat(drain(DbnFilePartition(settings, Hooks())))
    out = run(DbnFileSource([settings]))
    assert flat(without_statuses(out)) == expected
    told = statuses(out)
    assert [value.state for _, value in (told[0], told[-1])] == ["replay", "stopped"]
    assert {key for key, _ in told} == {"000"}


def statuses(out: list) -> list:
    """Key and value of the messages of the status stream."""
    return [(key, item.value) for key, item in out if is_status(item)]


def without_statuses(out: list) -> list:
    return [(key, item) for key, item in out if not is_status(item)]


def is_status(item: object) -> bool:
    return isinstance(item, Message) and item.stream == STATUS


def told_partition(settings: DbnFileConfig, **hooks) -> ToldPartition:
    source = DbnFileSource([settings], Hooks(**hooks))
    return source.build_part("feed", settings.feed, None)


def test_a_feed_tells_its_status_at_first_once_a_second_and_at_its_end(tmp_path):
    now = [5]
    data = header() + mbo(100, ids=IDS, ts=10**18, step=MS).tobytes()
    feed = told_partition(config(tmp_path, data, batch_rows=20), clock_ns=lambda: now[0])
    told = []
    for passed_ms in (0, 999, 1, 500, 2_500):
        now[0] += passed_ms * MS
        out = feed.next_batch()
        assert rows_of(out) == 20
        assert not [item for _, item in out[:-1] if is_status(item)]
        told.append([value for _, value in statuses(out)])
    assert [[one.records for one in each] for each in told] == [[20], [], [60], [], [100]]
    (value,) = told[2]
    assert (value.feed, value.state, value.ts_event) == ("f", "replay", 10**18 + 59 * MS)
    assert value.lag_ns == int(mbo(1)["ts_recv"][0]) - int(mbo(1)["ts_event"][0])
    assert re.fullmatch(r"\d+ % of 1 file read", value.text)
    ((key, last),) = statuses(feed.next_batch())
    assert (key, last.state, last.records, last.text) == ("000", "stopped", 100, "all files read")
    assert feed.next_awake() is None
    for _ in range(2):
        with pytest.raises(StopIteration):
            feed.next_batch()


def test_a_feed_that_is_held_goes_on_telling_its_status(tmp_path):
    now, stopping = [0], [False]
    hooks = {"may_read": lambda: False, "stop": lambda: stopping[0], "clock_ns": lambda: now[0]}
    feed = told_partition(config(tmp_path, tape()), **hooks)
    ((_, first),) = statuses(feed.next_batch())
    assert (first.records, first.ts_event) == (0, 0)
    assert first.text == "reading waits until the sinks have caught up"
    assert feed.next_batch() == []
    now[0] += 1_000 * MS
    assert len(feed.next_batch()) == 1
    stopping[0] = True
    ((_, last),) = statuses(feed.next_batch())
    assert (last.state, last.text) == ("stopped", "stopped where it stood")


def test_a_status_says_that_a_file_could_not_be_read_on(tmp_path):
    feed = told_partition(config(tmp_path, tape()[:-10]), on_fault=lambda _: None)
    _, last = statuses(drain(feed))[-1]
    assert (last.state, last.text) == ("stopped", "a file could not be read on")


def test_when_a_status_was_told_is_no_part_of_the_state(tmp_path):
    settings = config(tmp_path, tape(), batch_rows=20)
    plain, told = DbnFilePartition(settings, Hooks()), told_partition(settings)
    for _ in range(3):
        expected = plain.next_batch()
        assert flat(without_statuses(told.next_batch())) == flat(expected)
        assert told.snapshot() == plain.snapshot()
    told.close()


def test_a_fault_is_the_cause_of_what_the_engine_raises(tmp_path):
    source = DbnFileSource([config(tmp_path, tape() + bytes(64))])
    with pytest.raises(BytewaxRuntimeError) as error:
        run(source)
    causes, cause = [], error.value
    while cause is not None:
        causes.append(type(cause))
        cause = cause.__cause__
    assert DecodeError in causes


def test_damaged_files_give_decode_errors_and_nothing_else(tmp_path):
    chance = random.Random(3)
    sources = [tape(), zstd(tape()), zstd(tape()[:300], tape()[300:])]
    outcomes = {True: 0, False: 0}
    for _ in range(300):
        raw = bytearray(chance.choice(sources))
        for _ in range(chance.choice((1, 4))):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        settings = config(
            tmp_path, bytes(raw[: chance.choice((len(raw), chance.randrange(len(raw))))])
        )
        faults = []
        drain(DbnFilePartition(settings, Hooks(on_fault=faults.append)))
        outcomes[bool(faults)] += 1
        assert all(isinstance(fault, DecodeError) and "0.dbn" in str(fault) for fault in faults)
    assert min(outcomes.values()) > 20


def test_the_real_files_are_read_in_order(real_data):
    paths = tuple(str(path) for path in sorted(real_data.glob("esh4-*.dbn.zst")))
    assert len(paths) == 2
    partition = DbnFilePartition(DbnFileConfig(feed="f", paths=paths), Hooks())
    out = drain(partition)
    assert rows_of(out) == 8_725 + 68_792
    (only,) = [item for _, item in out if isinstance(item, Instrument)]
    assert (only.instrument_id, only.symbol, only.root, only.origin) == (
        *(17077, "ESH4"),
        *("ES", "mapping"),
    )
    last = [item.rows for _, item in out if isinstance(item, MboRows)][-1][-1]
    assert int(last["sequence"]) == 59585
    assert int(last["ts_recv"]) == 1703548799446821072


def test_other_official_files_are_read_or_refused_by_schema(real_data):
    read = refused = 0
    for path in sorted((real_data / "official").rglob("*.dbn.zst")):
        faults = []
        settings = DbnFileConfig(feed="f", paths=(str(path),))
        out = drain(DbnFilePartition(settings, Hooks(on_fault=faults.append)))
        if faults:
            refused += 1
            assert "decompressed byte 24: expected schema mbo, found schema" in str(faults[0])
            assert out == []
        else:
            read += 1
            assert np.sum(rows_of(out)) > 0
    assert (read, refused) == (4, 13)

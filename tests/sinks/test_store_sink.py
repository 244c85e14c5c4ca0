"""The store's sink inside the engine: end, abort and kill -9 of a flow, and what a resume adds."""

import os
import signal as signals
import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, cluster_main, run_main
from sqlalchemy import event

from operators.model.errors import DeliveryError, StateError
from operators.model.streams import EVENT_STREAMS
from sinks.codec import encode
from sinks.gate import Gate
from sinks.published import published
from sinks.store import Store
from sinks.store_config import StoreConfig
from sinks.store_sink import StoreSink
from tests.sinks.kafka_harness import wait_until
from tests.sinks.messages import gap, signal
from tests.sinks.stores import a_gap
from tests.sinks.test_kafka_flow import EPOCH_EACH_BATCH, events, flow_of, items

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recovery(tmp_path):
    init_db_dir(tmp_path, 1)
    return RecoveryConfig(str(tmp_path))


def run(url, source, recovery, epoch_interval=EPOCH_EACH_BATCH):
    sink = StoreSink(StoreConfig(url=url), "g1", 1)
    run_main(flow_of(source, sink), epoch_interval=epoch_interval, recovery_config=recovery)
    return sink.counters()


def assert_all_there(url, messages):
    """The store holds exactly these messages, byte for byte."""
    with Store(url) as store:
        found = [row.value for stream in EVENT_STREAMS for row in store.stream(stream)]
    assert sorted(found) == sorted(map(encode, messages))


@pytest.mark.parametrize("epoch_interval", [EPOCH_EACH_BATCH, timedelta(seconds=10)])
def test_after_the_end_everything_is_there_and_a_resume_adds_nothing(
    store_url, recovery, epoch_interval
):
    made = items(20, shards=6)
    counters = run(store_url, made, recovery, epoch_interval)
    assert (counters.written, counters.repeated, counters.outbox_count) == (240, 0, 0)
    assert counters.outbox_bytes == 0
    assert_all_there(store_url, events(made))
    assert run(store_url, made, recovery, epoch_interval).written == 0
    assert_all_there(store_url, events(made))


def test_the_flow_from_its_start_again_is_harmless(store_url, tmp_path):
    made = items(5)
    for number, repeated in enumerate((0, 10)):
        folder = tmp_path / f"r{number}"
        folder.mkdir()
        init_db_dir(folder, 1)
        counters = run(store_url, made, RecoveryConfig(str(folder)))
        assert counters.repeated == repeated
    assert_all_there(store_url, events(made))


@pytest.mark.parametrize("at", [1, 4, 11])
@pytest.mark.parametrize("epoch_interval", [EPOCH_EACH_BATCH, timedelta(seconds=10)])
def test_a_flow_that_aborts_goes_on_where_it_was(store_url, recovery, at, epoch_interval):
    made = items(8)
    source = [*made[:at], TestingSource.ABORT(), *made[at:]]
    run(store_url, source, recovery, epoch_interval)
    run(store_url, source, recovery, epoch_interval)
    assert_all_there(store_url, events(made))


def test_two_workers_share_the_partitions(store_url, tmp_path):
    init_db_dir(tmp_path, 1)
    made = items(10, shards=8)
    sink = StoreSink(StoreConfig(url=store_url), "g1", 1)
    recovery = RecoveryConfig(str(tmp_path))
    cluster_main(flow_of(made, sink), [], 0, recovery_config=recovery, worker_count_per_proc=2)
    assert_all_there(store_url, events(made))


def test_six_thousand_signals_go_through(store_url, recovery):
    made = [(f"{seq % 4:03d}", signal(f"R{seq % 4}", 1 + seq // 4)) for seq in range(6_000)]
    assert run(store_url, made, recovery, timedelta(seconds=10)).written == 6_000
    assert_all_there(store_url, [message for _, message in made])


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before write", "before commit", "after commit"])
def test_kill_9_and_resume_lose_nothing(store_url, tmp_path, place):
    """A worker process is killed at that place of its third transaction, then started again."""
    (tmp_path / "recovery").mkdir()
    init_db_dir(tmp_path / "recovery", 1)
    marker = tmp_path / "hanging"
    killed = start(store_url, tmp_path / "recovery", place, marker)
    try:
        wait_until(
            lambda: marker.exists() or killed.poll() is not None, "the worker hangs as it was told"
        )
        assert killed.poll() is None, killed.communicate()
    finally:
        killed.send_signal(signals.SIGKILL)
        killed.communicate()
    again = start(store_url, tmp_path / "recovery", "", "")
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0, out
    assert_all_there(store_url, events(items(60, shards=2)))


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sinks.store_worker", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def config_of(url, **given):
    return StoreConfig(**{"url": url, "busy_timeout_s": 0.05, "flush_timeout_s": 30} | given)


def test_a_locked_database_closes_the_gate_and_nothing_is_lost(tmp_path):
    url = f"sqlite:///{tmp_path}/ifd.sqlite3"
    gate = Gate()
    sink = StoreSink(config_of(url, outbox_count_max=40), "g1", 1, gate)
    part = sink.build_part("store", "000", None)
    other = sqlite3.connect(tmp_path / "ifd.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    part.write_batch([signal("ES", seq) for seq in range(1, 30)])
    assert gate.is_open()
    part.write_batch([signal("ES", 30)])
    assert not gate.is_open()
    wait_until(lambda: sink.counters().retried > 1, "it is tried again")
    state = part.snapshot()
    assert len(state["waiting"]) == 30
    other.execute("COMMIT")
    other.close()
    wait_until(lambda: sink.counters().written == 30, "all is written")
    assert gate.is_open()
    part.close()
    again = StoreSink(config_of(url), "g1", 1)
    resumed = again.build_part("store", "000", state)
    resumed.write_batch([signal("ES", 30), signal("ES", 31)])
    resumed.close()
    assert (again.counters().written, again.counters().repeated) == (1, 31)


def test_a_full_outbox_waits_but_not_at_a_clean_stop(tmp_path):
    url = f"sqlite:///{tmp_path}/ifd.sqlite3"
    gate = Gate()
    sink = StoreSink(config_of(url, outbox_count_max=4, flush_timeout_s=0), "g1", 1, gate)
    part = sink.build_part("store", "000", None)
    other = sqlite3.connect(tmp_path / "ifd.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    written = threading.Thread(
        target=part.write_batch, args=([signal("ES", seq) for seq in range(1, 11)],)
    )
    written.start()
    wait_until(lambda: not gate.is_open(), "the outbox is full")
    assert written.is_alive()
    gate.drain()
    written.join(30)
    assert not written.is_alive()
    state = part.snapshot()
    part.close()
    other.execute("ROLLBACK")
    other.close()
    again = StoreSink(config_of(url), "g1", 1)
    again.build_part("store", "000", state).close()
    assert_all_there(url, [signal("ES", seq) for seq in range(1, 11)])


def test_a_full_disk_is_waited_for(tmp_path):
    url = f"sqlite:///{tmp_path}/ifd.sqlite3"
    gate = Gate()
    sink = StoreSink(config_of(url), "g1", 1, gate)
    sink.prepare()
    engine, pages = sink._store.database.engine, 40
    engine.dispose()

    @event.listens_for(engine, "checkout")
    def limited(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    part = sink.build_part("store", "000", None)
    part.write_batch([gap("ES", seq, "x" * 10_000) for seq in range(1, 101)])
    wait_until(lambda: sink.counters().retried > 1, "the disk is full")
    assert len(part.snapshot()["waiting"]) == 100
    pages = 1_000_000
    wait_until(lambda: sink.counters().written == 100, "there is room again")
    part.close()
    assert_all_there(url, [gap("ES", seq, "x" * 10_000) for seq in range(1, 101)])


@pytest.mark.servers
def test_a_server_that_goes_away_is_waited_for(postgres, postgres_url):
    sink = StoreSink(config_of(postgres_url, busy_timeout_s=1), "g1", 1)
    part = sink.build_part("store", "000", None)
    part.write_batch([signal("ES", 1)])
    wait_until(lambda: sink.counters().written == 1, "it is written")
    postgres.stop(hard=True)
    try:
        part.write_batch([signal("ES", 2)])
        wait_until(lambda: sink.counters().retried > 0, "it is tried again")
    finally:
        postgres.start()
    part.write_batch([signal("ES", 3)])
    part.close()
    assert sink.counters().written == 3
    assert_all_there(postgres_url, [signal("ES", seq) for seq in (1, 2, 3)])


def test_another_output_under_the_same_key_ends_the_flow(tmp_path):
    url = f"sqlite:///{tmp_path}/ifd.sqlite3"
    with Store(url) as store:
        store.put([a_gap("ES", 1)])
    sink = StoreSink(config_of(url), "g1", 1)
    part = sink.build_part("store", "000", None)
    part.write_batch([gap("ES", 1, "locked")])
    wait_until(lambda: sink._writer._failure is not None, "the store refuses")
    for act in (part.snapshot, lambda: part.write_batch([gap("ES", 2)])):
        with pytest.raises(DeliveryError, match="kept with other bytes in generation g1"):
            act()
    part.close()


def test_old_messages_are_deleted_beside_the_writing(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/ifd.sqlite3"
    with Store(url) as store:
        monkeypatch.setattr("sinks.store.time.time_ns", lambda: 1)
        store.put([published(signal("ES", seq), "g1", 1, 2) for seq in range(1, 11)])
        monkeypatch.undo()
    given = {"prune_every_s": 0.01, "prune_count_max": 3, "gaps_days": 0}
    sink = StoreSink(config_of(url, **given), "g1", 1)
    part = sink.build_part("store", "000", None)
    part.write_batch([signal("ES", 11)])
    wait_until(lambda: sink.counters().pruned == 10, "the old ones are gone")
    part.close()
    assert_all_there(url, [signal("ES", 11)])


@pytest.mark.parametrize(("name", "value"), [("version", 0), ("partitions", 7)])
def test_a_state_of_another_form_is_refused(tmp_path, name, value):
    sink = StoreSink(config_of(f"sqlite:///{tmp_path}/ifd.sqlite3"), "g1", 1)
    part = sink.build_part("store", "000", None)
    state = part.snapshot() | {name: value}
    with pytest.raises(StateError, match=f"store: {name} was {value} in the recovery store"):
        sink.build_part("store", "001", state)
    part.close()


def test_without_address_or_generation_there_is_no_sink():
    for config, generation in ((StoreConfig(), "g1"), (StoreConfig(url="sqlite:///x"), "")):
        with pytest.raises(ValueError, match="must not be empty"):
            StoreSink(config, generation, 1)

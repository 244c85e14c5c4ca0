"""The sink inside the engine: end, abort and kill -9 of a flow, and what a resume adds."""

import os
import signal as signals
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSource, cluster_main, run_main

from operators.model.errors import DeliveryError
from operators.model.streams import topic
from sinks.kafka import KafkaSink
from sinks.kafka_config import KafkaConfig
from tests.sinks.kafka_harness import assert_once_and_in_order, read, wait_until
from tests.sinks.messages import EXAMPLES, gap, signal

ROOT = Path(__file__).resolve().parents[2]
EPOCH_EACH_BATCH = timedelta(0)


def items(count, shards=1):
    """Messages of one root per shard, in turn, and a state message now and then."""
    made = []
    for seq in range(1, count + 1):
        for shard in range(shards):
            key, root = f"{shard:03d}", f"R{shard}"
            made += [(key, signal(root, seq)), (key, gap(root, seq))]
        made.append(("000", EXAMPLES[5]))
    return made


def events(made):
    return [message for _, message in made if message.seq]


def flow_of(source, sink):
    flow = Dataflow("sink_test")
    op.output("kafka", op.input("tape", flow, TestingSource(source, batch_size=3)), sink)
    return flow


@pytest.fixture
def recovery(tmp_path):
    init_db_dir(tmp_path, 1)
    return RecoveryConfig(str(tmp_path))


def run(config, source, recovery, epoch_interval=EPOCH_EACH_BATCH):
    sink = KafkaSink(config)
    flow = flow_of(source, sink)
    run_main(flow, epoch_interval=epoch_interval, recovery_config=recovery)
    return sink.counters().events


@pytest.mark.parametrize("epoch_interval", [EPOCH_EACH_BATCH, timedelta(seconds=10)])
def test_after_the_end_everything_is_on_the_topics_and_a_resume_adds_nothing(
    kafka, recovery, epoch_interval
):
    made = items(20, shards=6)
    counters = run(kafka, made, recovery, epoch_interval)
    assert (counters.delivered, counters.outbox_count) == (240, 0)
    assert_once_and_in_order(kafka, events(made))
    assert run(kafka, made, recovery, epoch_interval).delivered == 0
    assert_once_and_in_order(kafka, events(made))


def test_a_shard_goes_to_its_partition(kafka, recovery):
    made = items(2, shards=6)
    run(kafka, made, recovery)
    found = {record.key: record.partition for record in read(kafka, topic("signals"))}
    assert found == {f"R{shard}": shard % 4 for shard in range(6)}


@pytest.mark.parametrize("at", [1, 4, 11, 25])
@pytest.mark.parametrize("epoch_interval", [EPOCH_EACH_BATCH, timedelta(seconds=10)])
def test_a_flow_that_aborts_goes_on_where_it_was(kafka, recovery, at, epoch_interval):
    made = items(8)
    source = [*made[:at], TestingSource.ABORT(), *made[at:]]
    run(kafka, source, recovery, epoch_interval)
    run(kafka, source, recovery, epoch_interval)
    assert_once_and_in_order(kafka, events(made))


def test_a_flow_stopped_at_several_places_sends_each_message_once(kafka, recovery):
    made = items(9, shards=3)
    source = list(made)
    for at in (40, 21, 5):
        source.insert(at, TestingSource.EOF())
    for _ in range(4):
        run(kafka, source, recovery)
    assert_once_and_in_order(kafka, events(made))


def test_two_workers_share_the_partitions(kafka, tmp_path):
    init_db_dir(tmp_path, 1)
    made = items(10, shards=8)
    sink = KafkaSink(kafka)
    recovery = RecoveryConfig(str(tmp_path))
    cluster_main(flow_of(made, sink), [], 0, recovery_config=recovery, worker_count_per_proc=2)
    assert_once_and_in_order(kafka, events(made))


def test_a_broker_that_is_not_there_ends_the_flow_with_our_error():
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1", generation="g1", start_timeout_s=0.5)
    with pytest.raises(Exception, match="production dataflow") as caught:
        run_main(flow_of(items(1), KafkaSink(config)))
    error = caught.value
    while error is not None and not isinstance(error, DeliveryError):
        error = error.__cause__
    assert str(error).startswith("kafka.bootstrap_servers: no answer from 127.0.0.1:1")


@pytest.mark.parametrize("place", ["before produce", "before commit", "after commit"])
def test_kill_9_and_resume_send_each_message_once(kafka, tmp_path, place):
    """A worker process is killed at that place of its third transaction, then started again."""
    (tmp_path / "store").mkdir()
    init_db_dir(tmp_path / "store", 1)
    marker = tmp_path / "hanging"
    arguments = [kafka.bootstrap_servers, kafka.topic_prefix, str(tmp_path / "store")]
    killed = start([*arguments, place, str(marker)])
    try:
        wait_until(
            lambda: marker.exists() or killed.poll() is not None, "the worker hangs as it was told"
        )
        assert killed.poll() is None, killed.communicate()
    finally:
        killed.send_signal(signals.SIGKILL)
        killed.communicate()
    again = start([*arguments, "", ""])
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0, out
    assert_once_and_in_order(kafka, events(items(60, shards=2)))


def start(arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sinks.kafka_worker", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )

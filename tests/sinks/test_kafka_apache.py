"""What only a real broker does: refuse, limit, isolate, die in the middle of a batch."""

import threading
import time
from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from operators.model.errors import DeliveryError
from operators.model.streams import DEAD_LETTERS
from sinks.gate import Gate
from sinks.kafka import KafkaSink
from sinks.kafka_tail import CLOCK_MARGIN_MS, read_tail
from sinks.kafka_topics import find_cluster
from tests.sinks.kafka_harness import assert_once_and_in_order, build, kill, read, wait_until
from tests.sinks.messages import gap

pytestmark = pytest.mark.kafka

WORKER = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "worker",
    "sasl.password": "secret",
}

RIGHTS = AclBindingFilter(
    ResourceType.ANY,
    None,
    ResourcePatternType.ANY,
    "User:worker",
    "*",
    AclOperation.ANY,
    AclPermissionType.ANY,
)


@pytest.fixture
def admin(apache_kafka):
    return AdminClient({"bootstrap.servers": apache_kafka.address, "log_level": 0})


@pytest.fixture
def guarded(apache_kafka, apache, admin):
    """Settings of the user `worker`, who starts without any right."""
    yield replace(apache, bootstrap_servers=apache_kafka.sasl_address, client=WORKER)
    wait_for_all(admin.delete_acls([RIGHTS]))
    wait_until(lambda: not admin.describe_acls(RIGHTS).result(30), "the rights are gone")


def wait_for_all(futures):
    for future in futures.values():
        future.result(30)


def allow(admin, *kinds, permission=AclPermissionType.ALLOW):
    rights = [
        AclBinding(kind, name, pattern, "User:worker", "*", AclOperation.ALL, permission)
        for kind, name, pattern in kinds
    ]
    wait_for_all(admin.create_acls(rights))
    wait_until(
        lambda: set(rights) <= set(admin.describe_acls(RIGHTS).result(30)), "the rights are known"
    )


def everything():
    return [
        (ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL),
        (ResourceType.TOPIC, "*", ResourcePatternType.LITERAL),
        (ResourceType.GROUP, "*", ResourcePatternType.LITERAL),
        (ResourceType.TRANSACTIONAL_ID, "*", ResourcePatternType.LITERAL),
    ]


def deliver(part, messages):
    part.write_batch(messages)
    wait_until(lambda: part.writer.counters.outbox_count == 0, "all is delivered")


def test_wrong_credentials_are_said_to_be_wrong_and_not_shown(guarded):
    config = replace(guarded, client=WORKER | {"sasl.password": "hunter2"}, start_timeout_s=2.0)
    with pytest.raises(DeliveryError, match=r"refused \(.*\); check kafka.client") as caught:
        KafkaSink(config).prepare()
    assert "hunter2" not in str(caught.value)


def test_a_user_who_may_not_create_topics_is_told_which_to_create(guarded):
    with pytest.raises(DeliveryError, match=r"topic t\d+\.ifd\.\w+\.v1 is missing .* create it"):
        KafkaSink(guarded).prepare()


def test_a_user_who_may_not_use_transactions_is_refused_at_the_start(apache_kafka, guarded, admin):
    KafkaSink(replace(guarded, bootstrap_servers=apache_kafka.address, client={})).prepare()
    allow(admin, *everything()[:3])
    with pytest.raises(DeliveryError, match=r"refused \(.*[Tt]ransactional"):
        build(guarded)


def test_a_user_with_all_rights_delivers_and_stops_clearly_when_they_are_taken(guarded, admin):
    allow(admin, *everything())
    part = build(guarded)
    deliver(part, [gap("ES", 1)])
    topic = (ResourceType.TOPIC, f"{guarded.topic_prefix}ifd.gaps.v1", ResourcePatternType.LITERAL)
    allow(admin, topic, permission=AclPermissionType.DENY)
    part.write_batch([gap("ES", 2)])
    wait_until(lambda: part.writer._failure is not None, "the refusal arrives")
    with pytest.raises(DeliveryError, match=r"refused .*check kafka.client and the access rights"):
        part.write_batch([gap("ES", 3)])
    part.close()


def test_a_transaction_timeout_that_the_broker_refuses_is_named(apache):
    with pytest.raises(DeliveryError, match=r"kafka\.transaction_timeout_s: .* refused 3600"):
        build(replace(apache, transaction_timeout_s=3_600))


def test_a_message_too_large_for_its_topic_is_found_among_others(apache, admin):
    KafkaSink(apache).prepare()
    limit = ConfigResource(
        ConfigResource.Type.TOPIC,
        f"{apache.topic_prefix}ifd.gaps.v1",
        incremental_configs=[
            ConfigEntry("max.message.bytes", "2000", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    wait_for_all(admin.incremental_alter_configs([limit]))
    # Random text: what is sent is compressed.
    large = "".join(f"{n * 2_654_435_761 % 2**32:x}" for n in range(2_000))
    messages = [gap("ES", seq, large if seq in (5, 6) else "fits") for seq in range(1, 13)]
    part = build(apache)
    part.write_batch(messages)
    wait_until(lambda: part.writer.counters.outbox_count == 0, "all is delivered")
    part.close()
    assert part.writer.counters.dead_letters == 2
    assert_once_and_in_order(apache, [m for m in messages if m.seq not in (5, 6)])
    assert [letter.headers["ifd-seq"] for letter in read(apache, DEAD_LETTERS)] == ["5", "6"]


@pytest.mark.slow
def test_a_broker_killed_again_and_again_under_load_loses_and_repeats_nothing(apache_kafka, apache):
    gate, done = Gate(), threading.Event()
    part = build(apache, gate=gate)
    written = []

    def write():
        while not done.is_set():
            if gate.is_open():
                batch = [gap("ES", len(written) + n) for n in range(1, 21)]
                part.write_batch(batch)
                written.extend(batch)
            done.wait(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(3):
        before = part.writer.counters.delivered
        wait_until(lambda before=before: part.writer.counters.delivered > before + 500, "it flows")
        apache_kafka.stop(hard=True)
        apache_kafka.start()
    before = part.writer.counters.delivered
    wait_until(lambda: part.writer.counters.delivered > before, "it flows again")
    done.set()
    writer.join()
    wait_until(lambda: part.writer.counters.outbox_count == 0, "all is delivered")
    part.close()
    assert_once_and_in_order(apache, written)


def test_without_a_snapshot_topics_are_read_from_the_generations_beginning(apache):
    now_ms = int(time.time() * 1_000)
    old = build(replace(apache, generation="old"))
    deliver(old, [gap("ES", seq) for seq in range(1, 6)])
    old.close()
    cluster = find_cluster(apache)
    # As if the old generation had ended long ago: nothing of it is read.
    later = replace(apache, generation_ts_ms=now_ms + 2 * CLOCK_MARGIN_MS)
    tail = read_tail(later, cluster, 0, {})
    assert (tail.held, tail.stops["ifd.gaps.v1"] >= 5) == ({}, True)
    config = replace(apache, generation_ts_ms=now_ms)
    part = build(config)
    deliver(part, [gap("ES", 1), gap("ES", 2)])
    kill(part)
    tail = read_tail(config, cluster, 0, {})
    assert list(tail.held["gaps", "ES"]) == [1, 2]


def test_a_topic_that_dropped_old_records_is_read_from_what_it_keeps(apache, admin):
    part = build(apache)
    state = part.snapshot()
    deliver(part, [gap("ES", seq) for seq in range(1, 4)])
    deliver(part, [gap("ES", 4)])
    kill(part)
    # Records 1 to 3 and the marker of their transaction.
    place = TopicPartition(f"{apache.topic_prefix}ifd.gaps.v1", 0, 4)
    wait_for_all(admin.delete_records([place]))
    again = build(apache, state=state)
    again.write_batch([gap("ES", seq) for seq in range(1, 7)])
    again.close()
    assert again.writer.counters.skipped == 4
    assert_once_and_in_order(apache, [gap("ES", seq) for seq in range(4, 7)])

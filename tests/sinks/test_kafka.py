"""The sink by itself: what is on the topics after whatever happened."""

import logging
import pickle
import threading
import time
from dataclasses import replace

import pytest

from operators.model.errors import DeliveryError, StateError
from operators.model.streams import DEAD_LETTERS, topic
from sinks.codec import encode
from sinks.gate import Gate
from sinks.kafka import KafkaSink
from sinks.kafka_config import KafkaConfig
from sinks.kafka_transaction import Transactions
from sinks.kafka_writer import _Stopped
from tests.sinks.kafka_harness import assert_once_and_in_order, build, kill, read, wait_until
from tests.sinks.messages import EXAMPLES, gap, signal


def tape(count):
    """Messages of two roots and two streams, interleaved."""
    roots = ("ES", "NQ")
    return [
        make(root, seq) for seq in range(1, count + 1) for root in roots for make in (signal, gap)
    ]


def deliver(part, messages):
    part.write_batch(messages)
    wait_until(lambda: part.writer.counters.outbox_count == 0, "all is delivered")


def test_each_message_is_delivered_once_in_order_under_its_root(kafka):
    messages = tape(50)
    part = build(kafka, 2)
    for at in range(0, len(messages), 7):
        part.write_batch(messages[at : at + 7])
    part.close()
    assert_once_and_in_order(kafka, messages)
    assert {record.partition for record in read(kafka, topic("signals"))} == {2}
    assert (part.writer.counters.delivered, part.writer.counters.outbox_bytes) == (200, 0)


def test_headers_are_those_of_cloudevents_and_name_the_message(kafka):
    part = build(kafka)
    part.write_batch([EXAMPLES[3]])
    part.close()
    (record,) = read(kafka, topic("signals"))
    assert record.headers == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_type": "ifd.signal.v1",
        "ce_source": "/ifd/g1",
        "ce_id": "signals/ES/1",
        "ce_subject": "ES",
        "ce_time": "2024-03-13T14:00:00.123456789Z",
        "ifd-schema": "ifd.signals.v1",
        "ifd-generation": "g1",
        "ifd-generation-ts": "0",
        "ifd-published-ns": record.headers["ifd-published-ns"],
        "ifd-seq": "1",
        "ifd-digest": record.headers["ifd-digest"],
    }


@pytest.mark.parametrize("cut", [0, 1, 8, 19, 40])
def test_a_kill_after_any_snapshot_loses_nothing_and_repeats_nothing(kafka, cut):
    messages = tape(10)
    part = build(kafka)
    part.write_batch(messages[:cut])
    state = pickle.loads(pickle.dumps(part.snapshot()))
    part.write_batch(messages[cut : cut + 15])
    kill(part)
    again = build(kafka, state=state)
    again.write_batch(messages[cut:])
    again.close()
    assert_once_and_in_order(kafka, messages)


def test_a_kill_before_the_first_snapshot_repeats_nothing(kafka):
    messages = tape(10)
    deliver(part := build(kafka), messages[:30])
    kill(part)
    again = build(kafka)
    again.write_batch(messages)
    again.close()
    assert again.writer.counters.skipped == 30
    assert_once_and_in_order(kafka, messages)


@pytest.mark.parametrize("first", [None, 0, 8])
@pytest.mark.parametrize("given_again", [0, 5, 22, 33])
def test_a_kill_between_snapshots_of_a_replay_repeats_nothing(kafka, first, given_again):
    messages = tape(10)
    part = build(kafka)
    part.write_batch(messages[: first or 0])
    state = None if first is None else part.snapshot()
    deliver(part, messages[first or 0 : 30])
    kill(part)
    # The replay has not yet come to where the topics are when its snapshot is taken.
    again = build(kafka, state=state)
    again.write_batch(messages[first or 0 :][:given_again])
    state = pickle.loads(pickle.dumps(again.snapshot()))
    kill(again)
    last = build(kafka, state=state)
    last.write_batch(messages[(first or 0) + given_again :])
    last.close()
    assert_once_and_in_order(kafka, messages)


def test_a_snapshot_with_undelivered_messages_delivers_them(kafka, monkeypatch):
    messages = tape(5)
    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "send", stopped)
        part = build(kafka)
        part.write_batch(messages[:12])
        state = part.snapshot()
        kill(part)
    again = build(kafka, state=state)
    again.write_batch(messages[12:])
    again.close()
    assert again.writer.counters.skipped == 0
    assert_once_and_in_order(kafka, messages)


def stopped(*_):
    raise _Stopped


def test_a_kill_between_produce_and_commit_loses_nothing_and_repeats_nothing(kafka, monkeypatch):
    messages = tape(5)
    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "_commit", stopped)
        part = build(kafka)
        state = part.snapshot()
        part.write_batch(messages[:10])
        part.writer._thread.join()
    again = build(kafka, state=state)
    again.write_batch(messages)
    again.close()
    assert_once_and_in_order(kafka, messages)


def test_after_a_clean_close_a_resume_adds_nothing(kafka):
    messages = tape(10)
    part = build(kafka)
    part.write_batch(messages)
    # As the engine does: the last snapshot, then the end.
    state = part.snapshot()
    part.close()
    assert_once_and_in_order(kafka, messages)
    build(kafka, state=state).close()
    assert_once_and_in_order(kafka, messages)


def test_another_generation_on_the_same_topics_starts_from_one(kafka):
    deliver(part := build(kafka), tape(3))
    part.close()
    other = build(replace(kafka, generation="g2"))
    other.write_batch(tape(3))
    other.close()
    assert len(read(kafka, topic("signals"))) == 12


def test_another_output_than_before_the_stop_ends_with_a_clear_error(kafka):
    part = build(kafka)
    deliver(part, [gap("ES", 1), gap("ES", 2)])
    kill(part)
    again = build(kafka)
    again.write_batch([gap("ES", 1)])
    with pytest.raises(DeliveryError, match=r"gaps of ES: seq 2 is on the topic with digest"):
        again.write_batch([gap("ES", 2, "something else")])
    again.close()


def test_another_outbox_than_the_topic_holds_ends_with_a_clear_error(kafka, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "send", stopped)
        part = build(kafka)
        part.write_batch([gap("ES", 1, "something else")])
        state = part.snapshot()
        kill(part)
    deliver(part := build(kafka), [gap("ES", 1)])
    part.close()
    with pytest.raises(DeliveryError, match="another output"):
        build(kafka, state=state)


@pytest.mark.parametrize("seq", [1, 3, 5])
def test_a_seq_that_is_not_the_next_ends_with_a_clear_error(kafka, seq):
    part = build(kafka)
    part.write_batch([gap("ES", 1)])
    if seq != 1:
        with pytest.raises(StateError, match=rf"gaps of ES: seq was {seq}, expected 2"):
            part.write_batch([gap("ES", seq)])
    part.close()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"generation": "g2"}, "generation was g1 in the recovery store, is g2"),
        ({"partitions": 2}, "partitions was 4 in the recovery store, is 2"),
    ],
)
def test_state_of_other_settings_is_refused(kafka, changes, text):
    part = build(kafka)
    state = part.snapshot()
    part.close()
    with pytest.raises(StateError, match=text):
        build(replace(kafka, **changes), state=state)


def test_a_topic_made_anew_is_refused(kafka):
    part = build(kafka)
    state = part.snapshot()
    part.close()
    state["offsets"] |= {"ifd.gaps.v1": 812}
    with pytest.raises(StateError, match=r"ends at offset 0, the recovery store knows 812"):
        build(kafka, state=state)


def test_state_of_another_embedded_broker_delivers_the_rest_to_this_one(embedded_kafka):
    config = KafkaConfig(bootstrap_servers=embedded_kafka, generation="g1", topic_prefix="forgot.")
    deliver(part := build(config), [gap("ES", 1)])
    state = part.snapshot() | {"cluster": "mockClusterOfYesterday"}
    part.close()
    again = build(replace(config, topic_prefix="empty."), state=state)
    again.write_batch([gap("ES", 2)])
    again.close()
    (record,) = read(replace(config, topic_prefix="empty."), topic("gaps"))
    assert record.headers["ifd-seq"] == "2"


@pytest.mark.kafka
def test_state_of_another_cluster_is_refused(apache):
    part = build(apache)
    state = part.snapshot() | {"cluster": "another"}
    part.close()
    with pytest.raises(StateError, match="belongs to cluster another"):
        build(apache, state=state)


def test_a_broker_that_is_not_there_is_named_within_its_time():
    config = KafkaConfig(bootstrap_servers="127.0.0.1:1", generation="g1", start_timeout_s=1.0)
    begun = time.monotonic()
    with pytest.raises(DeliveryError) as caught:
        KafkaSink(config).list_parts()
    assert time.monotonic() - begun < 5
    assert str(caught.value) == (
        "kafka.bootstrap_servers: no answer from 127.0.0.1:1 within 1 s (Connection refused); "
        "start Kafka there or set another address"
    )


def test_a_message_too_large_goes_to_the_dead_letters_and_the_rest_on(kafka):
    config = replace(kafka, message_bytes_max=20_000)
    messages = [gap("ES", seq, "x" * 50_000 if seq == 4 else "fits") for seq in range(1, 9)]
    part = build(config)
    state = part.snapshot()
    deliver(part, messages)
    kill(part)
    assert (part.writer.counters.dead_letters, part.writer.counters.delivered) == (1, 8)
    # Neither a replay from before it nor one from after it repeats the dead letter.
    for resumed, rest in ((state, messages), (part.writer.snapshot(), [])):
        again = build(config, state=resumed)
        again.write_batch(rest)
        again.close()
    assert_once_and_in_order(config, [m for m in messages if m.seq != 4])
    letters = read(config, DEAD_LETTERS)
    assert b"".join(letter.value for letter in letters) == encode(messages[3])
    assert [letter.headers["dlq-part"] for letter in letters] == [f"{n}/6" for n in range(1, 7)]
    assert letters[0].headers["dlq-topic"] == "ifd.gaps.v1"
    assert letters[0].headers["dlq-key"] == letters[0].key == "ES"
    assert "size" in letters[0].headers["dlq-reason"].lower()


def test_a_full_outbox_closes_the_gate_then_holds_the_writer(kafka, monkeypatch):
    config = replace(kafka, outbox_count_max=8)
    blocked = threading.Event()
    send = Transactions.send

    def wait_then_send(*arguments):
        blocked.wait()
        return send(*arguments)

    monkeypatch.setattr(Transactions, "send", wait_then_send)
    gate = Gate()
    part = build(config, gate=gate)
    part.write_batch([gap("ES", seq) for seq in range(1, 6)])
    assert gate.is_open()
    part.write_batch([gap("ES", 6)])
    assert not gate.is_open()
    writer = threading.Thread(
        target=part.write_batch, args=([gap("ES", seq) for seq in range(7, 13)],)
    )
    writer.start()
    wait_until(lambda: part.writer.counters.outbox_count == 8, "the outbox is full")
    assert writer.is_alive()
    blocked.set()
    writer.join(30)
    wait_until(gate.is_open, "the gate is open again")
    part.close()
    assert (gate.closings >= 1, writer.is_alive()) == (True, False)
    assert_once_and_in_order(config, [gap("ES", seq) for seq in range(1, 13)])


def test_a_clean_stop_does_not_wait_for_room(embedded_kafka, monkeypatch):
    config = KafkaConfig(
        bootstrap_servers=embedded_kafka,
        generation="g1",
        topic_prefix="drain.",
        outbox_count_max=2,
        flush_timeout_s=0,
    )
    monkeypatch.setattr(Transactions, "send", stopped)
    gate = Gate()
    part = build(config, gate=gate)
    gate.drain()
    part.write_batch([gap("ES", seq) for seq in range(1, 9)])
    assert len(part.snapshot()["outbox"]["entries"]) == 8
    part.close()


def test_what_a_close_could_not_deliver_is_said_and_in_the_snapshot(
    embedded_kafka, monkeypatch, caplog
):
    config = KafkaConfig(
        bootstrap_servers=embedded_kafka, generation="g1", topic_prefix="late.", flush_timeout_s=0
    )
    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "send", stopped)
        part = build(config)
        part.write_batch([gap("ES", 1)])
        state = part.snapshot()
        with caplog.at_level(logging.WARNING):
            part.close()
    assert "closed with 1 messages undelivered" in caplog.text
    build(replace(config, flush_timeout_s=10), state=state).close()
    assert_once_and_in_order(config, [gap("ES", 1)])


def test_the_latest_state_of_each_root_arrives(kafka):
    part = build(kafka, 1)
    status = EXAMPLES[5]
    for records in range(2_000):
        part.write_batch([replace(status, value=replace(status.value, records=records))])
    sink_states = part._states
    part.close()
    found = read(kafka, topic("status"))
    assert found[-1].value == encode(replace(status, value=replace(status.value, records=1_999)))
    assert (found[-1].key, found[-1].partition) == ("cme", 1)
    counters = sink_states.counters
    assert counters.sent + counters.conflated == 2_000
    assert counters.sent == len(found)


def test_items_that_are_no_messages_are_passed_over(kafka):
    part = build(kafka)
    part.write_batch([object(), gap("ES", 1), None])
    part.close()
    assert_once_and_in_order(kafka, [gap("ES", 1)])


def test_a_new_partition_takes_messages_while_it_opens(kafka, monkeypatch):
    deliver(before := build(kafka), [gap("ES", 1), gap("ES", 2)])
    kill(before)
    fence, may_open = Transactions.fence, threading.Event()

    def wait_then_fence(transactions):
        may_open.wait()
        fence(transactions)

    monkeypatch.setattr(Transactions, "fence", wait_then_fence)
    part = KafkaSink(kafka).build_part("sink", "000", None)
    part.write_batch([gap("ES", seq) for seq in range(1, 4)])
    may_open.set()
    part.snapshot()
    part.close()
    assert (part.writer.counters.skipped, part.writer.counters.delivered) == (2, 1)
    assert_once_and_in_order(kafka, [gap("ES", seq) for seq in range(1, 4)])


def test_a_partition_that_does_not_open_lets_no_epoch_be_stored(embedded_kafka, monkeypatch):
    def refuse(_):
        raise DeliveryError("refused")

    monkeypatch.setattr(Transactions, "fence", refuse)
    config = KafkaConfig(bootstrap_servers=embedded_kafka, generation="g1", topic_prefix="shut.")
    part = KafkaSink(config).build_part("sink", "000", None)
    with pytest.raises(DeliveryError, match="refused"):
        part.snapshot()
    part.close()


@pytest.mark.kafka
def test_a_zombie_is_fenced(apache, monkeypatch):
    """The predecessor hangs in the middle of a transaction and wakes up after its successor."""
    hanging, awake = threading.Event(), threading.Event()
    commit = Transactions._commit

    def hang_then_commit(transactions):
        if not awake.is_set():
            hanging.set()
            awake.wait()
        return commit(transactions)

    messages = tape(5)
    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "_commit", hang_then_commit)
        zombie = build(apache)
        zombie.write_batch(messages[:10])
        assert hanging.wait(30)
    successor = build(apache)
    successor.write_batch(messages)
    awake.set()
    wait_until(lambda: zombie.writer._failure is not None, "the zombie knows")
    with pytest.raises(DeliveryError, match=r"another worker .* took over"):
        zombie.write_batch(messages[10:])
    with pytest.raises(DeliveryError, match="took over"):
        zombie.snapshot()
    zombie.close()
    successor.close()
    assert_once_and_in_order(apache, messages)


@pytest.mark.kafka
def test_an_aborted_transaction_is_not_read(apache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "_commit", stopped)
        part = build(apache)
        part.write_batch([gap("ES", 1)])
        part.writer._thread.join()
    again = build(apache)
    again.write_batch([gap("ES", 1)])
    again.close()
    assert len(read(apache, topic("gaps"))) == 1
    assert len(read(apache, topic("gaps"), "read_uncommitted")) == 2


@pytest.mark.kafka
@pytest.mark.parametrize("hard", [False, True])
def test_while_the_broker_is_down_the_gate_closes_and_nothing_is_lost(apache_kafka, apache, hard):
    config = replace(apache, outbox_count_max=400)
    gate = Gate()
    part = build(config, gate=gate)
    deliver(part, [gap("ES", seq) for seq in range(1, 11)])
    apache_kafka.stop(hard=hard)
    last = 10
    while gate.is_open():
        part.write_batch([gap("ES", seq) for seq in range(last + 1, last + 11)])
        last += 10
    assert 300 <= last <= 420
    apache_kafka.start()
    wait_until(gate.is_open, "the gate is open again")
    part.write_batch([gap("ES", last + 1)])
    wait_until(lambda: part.writer.counters.outbox_count == 0, "all is delivered")
    part.close()
    assert_once_and_in_order(config, [gap("ES", seq) for seq in range(1, last + 2)])


@pytest.mark.kafka
def test_a_topic_with_too_few_partitions_is_named(apache):
    KafkaSink(replace(apache, partitions=2)).list_parts()
    with pytest.raises(DeliveryError, match=r"has 2 partitions, expected at least 4"):
        KafkaSink(apache).list_parts()

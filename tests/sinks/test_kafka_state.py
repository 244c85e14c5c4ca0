from dataclasses import replace

import pytest

from operators.model.streams import PRESSURE, Message, topic
from sinks.codec import encode
from sinks.kafka import KafkaSink
from sinks.kafka_config import KafkaConfig
from sinks.kafka_state import KafkaStates
from tests.sinks.kafka_harness import read, wait_until
from tests.sinks.messages import PRESSURE_ES, TS


def pressure(root, ts_event=TS):
    return Message(PRESSURE, root, 0, replace(PRESSURE_ES, root=root, ts_event=ts_event))


@pytest.fixture
def nobody():
    """Settings of a broker that is not there: everything waits."""
    return KafkaConfig(
        bootstrap_servers="127.0.0.1:1",
        generation="g1",
        flush_timeout_s=0,
        state_keys_max=3,
    )


def test_while_nothing_can_be_sent_the_newest_of_each_root_waits(nobody, monkeypatch):
    monkeypatch.setattr("sinks.kafka_state.IN_FLIGHT_MAX", 0)
    states = KafkaStates(nobody)
    for ts_event in (1, 2, 3):
        states.offer(0, pressure("ES", ts_event))
        states.offer(0, pressure("NQ", ts_event))
    waiting = {key: message.value.ts_event for key, (_, message) in states._waiting.items()}
    assert waiting == {("pressure", "ES"): 3, ("pressure", "NQ"): 3}
    assert states.counters.conflated == 4
    states.close()


def test_more_keys_than_allowed_drop_the_one_that_waited_longest(nobody, monkeypatch):
    monkeypatch.setattr("sinks.kafka_state.IN_FLIGHT_MAX", 0)
    states = KafkaStates(nobody)
    for root in ("A", "B", "C", "A", "D"):
        states.offer(0, pressure(root))
    assert [root for _, root in states._waiting] == ["C", "A", "D"]
    assert states.counters.conflated == 2
    states.close()


def test_what_the_broker_does_not_take_in_time_is_counted(nobody, monkeypatch):
    monkeypatch.setattr("sinks.kafka_state.TIMEOUT_MS", 100)
    states = KafkaStates(nobody)
    states.offer(0, pressure("ES"))
    wait_until(lambda: states.counters.failed == 1, "the message is given up")
    states.close()
    assert (states.counters.sent, states.counters.conflated, states.counters.failed) == (0, 0, 1)


def test_a_mistake_in_the_thread_is_heard_of(nobody):
    states = KafkaStates(nobody)
    states.offer(0, Message(PRESSURE, "NQ", 0, PRESSURE_ES))
    wait_until(lambda: states._failure is not None, "the thread has failed")
    with pytest.raises(AssertionError, match="another root"):
        states.offer(0, pressure("ES"))
    states.close()


def test_closing_sends_what_waits(kafka):
    KafkaSink(kafka).prepare()
    states = KafkaStates(kafka)
    states.offer(3, pressure("ES"))
    states.close()
    (record,) = read(kafka, topic(PRESSURE))
    assert (record.partition, record.key, record.value) == (3, "ES", encode(pressure("ES")))

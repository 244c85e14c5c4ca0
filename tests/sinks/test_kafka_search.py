from dataclasses import replace

import pytest

from operators.model.errors import DeliveryError
from operators.model.streams import OUTCOMES, SIGNALS, Message
from sinks.codec import encode
from sinks.kafka_search import find_signal, values_of
from tests.sinks.kafka_harness import build, wait_until
from tests.sinks.messages import OUTCOME, SIGNAL


def signals(count):
    """Revisions of `wanted` among those of another signal, of two roots."""
    made = []
    for seq in range(1, count + 1):
        for root, name in (("ES", "wanted" if seq % 2 else "another"), ("NQ", "another")):
            value = replace(SIGNAL, id=name, revision=(seq + 1) // 2, root=root)
            made.append(Message(SIGNALS, root, seq, value))
    return made


def test_every_revision_is_found_with_its_bytes(kafka):
    messages = signals(10)
    part = build(kafka, 1)
    part.write_batch(messages)
    wait_until(lambda: part.writer.counters.outbox_count == 0, "all is delivered")
    part.close()
    told = []
    found = find_signal(kafka, "wanted", lambda read, of: told.append((read, of)))
    assert [each.seq for each in found] == [1, 3, 5, 7, 9]
    wanted = [encode(one) for one in messages if one.value.id == "wanted"]
    assert [each.value for each in found] == wanted
    assert {each.generation for each in found} == {kafka.generation}
    assert told[-1][0] >= 20
    assert find_signal(kafka, "nowhere") == []


def test_a_topic_that_is_not_there_is_one_line(kafka):
    with pytest.raises(DeliveryError, match=r"has no topic none\.ifd\.signals\.v1") as told:
        find_signal(replace(kafka, topic_prefix="none."), "wanted")
    assert "\n" not in str(told.value)


def test_all_messages_of_a_stream_are_given(kafka):
    messages = [Message(OUTCOMES, "ES", seq, OUTCOME) for seq in range(1, 8)]
    part = build(kafka, 1)
    part.write_batch([*messages, *signals(2)])
    wait_until(lambda: part.writer.counters.outbox_count == 0, "all is delivered")
    part.close()
    assert list(values_of(kafka, OUTCOMES)) == [encode(one) for one in messages]

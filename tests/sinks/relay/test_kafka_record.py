from dataclasses import replace

import pytest

from operators.model.streams import PRESSURE, SIGNALS, Message, topic
from sinks.kafka_config import KafkaConfig
from sinks.kafka_headers import headers
from sinks.outbox import entry, entry_of
from sinks.published import published
from sinks.relay.kafka_record import published_of
from tests.sinks.messages import SIGNAL

CONFIG = KafkaConfig(bootstrap_servers="localhost:1", generation="g1", generation_ts_ms=5)
MESSAGE = Message(SIGNALS, "ES", 7, SIGNAL)


def record(now_ns=9):
    wanted = published(MESSAGE, "g1", 5, now_ns)
    item = entry(SIGNALS, "ES", 7, wanted.ts_event, wanted.value)
    return wanted, item, dict(headers(item, CONFIG, now_ns))


def test_a_record_is_the_message_that_the_sink_wrote():
    wanted, item, head = record()
    assert published_of(topic(SIGNALS), b"ES", item.value, head, 1) == wanted


def test_an_older_record_is_dated_by_its_own_timestamp():
    _, item, head = record()
    del head["ifd-published-ns"], head["ifd-generation-ts"]
    found = published_of(topic(SIGNALS), b"ES", item.value, head, 3)
    assert (found.ts_published_ns, found.generation_ts_ms) == (3_000_000, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "somebody-elses"},
        {"key": None},
        {"value": b""},
        {"name": topic(PRESSURE)},  # a state has no seq
        {"drop": "ifd-seq"},
        {"drop": "ifd-generation"},
        {"head": ("ifd-seq", b"x")},
        {"head": ("ifd-seq", b"0")},
        {"head": ("ce_time", b"yesterday")},
        {"head": ("ce_time", b"2024-03-13T14:00:00.12Z")},
    ],
)
def test_what_is_no_message_of_ours_is_refused(change):
    _, item, head = record()
    head.pop(change.get("drop"), None)
    head.update([change["head"]] if "head" in change else [])
    name, key = change.get("name", topic(SIGNALS)), change.get("key", b"ES")
    with pytest.raises(ValueError, match=r"was|expected|invalid|Invalid"):
        published_of(name, key, change.get("value", item.value), head, 1)


def test_what_was_delivered_late_says_so_and_nothing_else_does():
    late = replace(MESSAGE, late=True)
    head = dict(headers(entry_of(late), CONFIG, 9))
    assert head["ifd-late"] == b"true"
    found = published_of(topic(SIGNALS), b"ES", entry_of(late).value, head, 1)
    assert found == published(late, "g1", 5, 9)
    assert found.late
    assert "ifd-late" not in record()[2]
    assert entry_of(late).digest == entry_of(MESSAGE).digest

import json

from operators.model.streams import SIGNALS, Message
from sinks.published import published
from tests.sinks.messages import SIGNAL


def test_a_message_keeps_its_place_and_its_bytes():
    message = Message(SIGNALS, "ES", 7, SIGNAL)
    one = published(message, "g1", 5, 9)
    assert one.key == ("signals", "ES")
    assert (one.generation, one.generation_ts_ms, one.seq, one.ts_published_ns) == ("g1", 5, 7, 9)
    assert one.ts_event == message.value.ts_event
    assert json.loads(one.value)["seq"] == 7

from dataclasses import replace

import orjson
import pytest
from jsonschema import Draft202012Validator
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode

from sinks.codec import encode
from sinks.published import published
from sinks.relay import messages
from sinks.relay.api.asyncapi import asyncapi
from tests.sinks.messages import EXAMPLES

DOCUMENT = asyncapi("1", "", "localhost:8765")
FRAMES = {
    "hello": messages.hello(
        "s", 1, None, heartbeat_ms=5000, auth_required=True, limits={"bytes": 1}
    ),
    "ack": messages.ack(1, [{"channel": "signals", "root": "ES", "ok": True}], {}),
    "snapshot": messages.snapshot(("signals", "ES"), "g1", 0, []),
    "gap": messages.gap(("signals", "ES"), 3, 5),
    "epoch": messages.epoch_changed("g1"),
    "pong": messages.pong("a", 5),
    "heartbeat": messages.heartbeat(1, "g1", {"signals/ES": 4}),
    "rate_limited": messages.rate_limited(20),
    "error": messages.error("bad_request", "said why"),
    "bye": messages.bye(4008, "slow", 100),
}


def valid(text: bytes, op: str) -> None:
    schema = {
        **DOCUMENT["components"]["schemas"][f"Frame_server_{op}"],
        "components": DOCUMENT["components"],
    }
    Draft202012Validator(schema).validate(orjson.loads(text))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_the_wire_is_what_the_library_writes(size):
    text = b"x" * size
    frame = messages.frame(text)
    assert frame.wire == WireFrame(Opcode.TEXT, text).serialize(mask=False)
    assert frame.text == text


@pytest.mark.parametrize("op", FRAMES)
def test_every_frame_is_as_the_document_says(op):
    assert orjson.loads(FRAMES[op].text)["op"] == op
    valid(FRAMES[op].text, op)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: m.stream)
def test_values_of_every_stream_pass_unchanged(message):
    one = published(message, "g1", 5, 6)
    frame = messages.update(one, 7, is_state=message.seq == 0)
    assert encode(message) in frame.text
    valid(frame.text, "update")
    shown = messages.snapshot(one.key, "g1", one.seq, [one.value, one.value])
    assert orjson.loads(shown.text)["data"] == [orjson.loads(one.value)] * 2
    valid(shown.text, "snapshot")


def test_names_of_keys_are_read_back():
    for key in (("signals", "ES"), ("status", "a/b")):
        assert messages.key_of(messages.name_of(key)) == key


def test_what_was_delivered_late_says_so_beside_its_value():
    message = replace(EXAMPLES[0], late=True)
    one = published(message, "g1", 5, 6)
    frame = orjson.loads(messages.update(one, 7, is_state=message.seq == 0).text)
    assert frame.pop("late") is True
    in_time = messages.update(replace(one, late=False), 7, is_state=message.seq == 0)
    assert frame == orjson.loads(in_time.text)
    valid(messages.update(one, 7, is_state=False).text, "update")

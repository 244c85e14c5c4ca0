import orjson
import pytest
from jsonschema import Draft202012Validator

from operators.model.streams import SIGNALS
from sinks.published import published
from sinks.relay.api.components import stream_schemas
from sinks.relay.api.frames import client_frames, server_frames
from tests.sinks.messages import EXAMPLES

SCHEMAS = {"components": {"schemas": stream_schemas()}}


def accepts(form, frame):
    return Draft202012Validator(SCHEMAS | form).is_valid(frame)


def test_a_subscription_with_and_without_resume_is_one():
    form = client_frames()["subscribe"]
    plain = {"op": "subscribe", "id": 1, "channels": ["signals"], "roots": ["*"]}
    assert accepts(form, plain)
    assert accepts(form, plain | {"resume": {"epoch": "g1", "seq": {"signals/ES": 7}}})
    assert not accepts(form, plain | {"channels": ["quotes"]})
    assert not accepts(form, plain | {"op": "unsubscribe"})


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.stream)
def test_an_update_carries_any_value_as_on_its_topic(message):
    value = orjson.loads(published(message, "g1", 1, 2).value)
    frame = {
        "op": "update",
        "channel": message.stream,
        "root": message.root,
        "epoch": "g1",
        "seq": message.seq,
        "prev_seq": 0,
        "ts_published_ns": "1",
        "ts_relayed_ns": "2",
        "data": value,
    }
    form = server_frames()["update"]
    assert accepts(form, frame)
    assert not accepts(form, frame | {"ts_relayed_ns": 2})
    assert not accepts(form, frame | {"data": value | {"more": 1}})
    assert frame["channel"] != SIGNALS or not accepts(form, frame | {"data": {}})

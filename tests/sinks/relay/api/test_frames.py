import orjson
import pytest
from jsonschema import Draft202012Validator

from operators.model.streams import SIGNALS, STATUS
from sinks.published import published
from sinks.relay import messages
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
    # What a later version may add is no fault to a reader of this one.
    assert accepts(form, frame | {"data": value | {"more": 1}})
    assert accepts(form, frame | {"late": True})
    assert not accepts(form, frame | {"late": False})
    assert frame["channel"] != SIGNALS or not accepts(form, frame | {"data": {}})


def sent_frames():
    """One of each frame as the relay makes them."""
    one = published(EXAMPLES[3], "g1", 1, 2)
    recovered = {"signals/ES": {"recovered": True, "seq": 3, "oldest_seq": 1}}
    result = [{"channel": "signals", "root": "*", "ok": False, "reason": "too many"}]
    yield messages.hello("s1", 5, None, heartbeat_ms=5_000, auth_required=True, limits={"a": 1})
    yield messages.ack(1, result, recovered)
    yield messages.ack("x", [], None)
    yield messages.pong(None, 5)
    yield messages.update(one, 9, is_state=False)
    yield messages.snapshot(one.key, "g1", 1, [one.value])
    yield messages.snapshot(("pressure", "ES"), "g1", 0, [])
    yield messages.heartbeat(5, "g1", {"signals/ES": 3})
    yield messages.gap(one.key, 3, 4)
    yield messages.epoch_changed("g2")
    yield messages.rate_limited(100)
    yield messages.error("bad", "what it was")
    yield messages.bye(4_000, "restart", 500)
    yield messages.bye(4_501, "auth", None)


def test_what_the_relay_sends_is_what_the_document_says():
    forms = server_frames()
    seen = set()
    for frame in sent_frames():
        value = orjson.loads(frame.text)
        Draft202012Validator(SCHEMAS | forms[value["op"]]).validate(value)
        seen.add(value["op"])
    assert seen == set(forms)


def test_a_state_of_a_later_version_passes_and_a_number_for_one_does_not():
    (message,) = (one for one in EXAMPLES if one.stream == STATUS)
    value = orjson.loads(published(message, "g1", 1, 2).value)
    form = {"$ref": "#/components/schemas/FeedStatus"}
    assert accepts(form, value | {"state": "of_next_year"})
    assert not accepts(form, value | {"state": 7})


def test_no_schema_for_readers_is_closed():
    assert '"additionalProperties":false' not in orjson.dumps(SCHEMAS).decode()

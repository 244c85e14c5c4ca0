import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.relay.hub import Resume
from sinks.relay.requests import (
    Auth,
    BadFrame,
    BadRequest,
    Ping,
    Subscribe,
    Unsubscribe,
    fault,
    parse,
    shown,
)

ASK = {"op": "subscribe", "id": 1, "channels": ["signals"], "roots": ["ES"]}


def text(**fields) -> str:
    return orjson.dumps(fields).decode()


def test_every_operation_is_read():
    assert parse(text(op="auth", token="t", id="a")) == Auth("a", "t")
    assert parse(text(op="ping")) == Ping(None)
    assert parse(text(**ASK)) == Subscribe(1, ("signals",), ("ES",), None)
    assert parse(text(**{**ASK, "op": "unsubscribe"})) == Unsubscribe(1, ("signals",), ("ES",))
    resume = {"epoch": "g1", "seq": {"signals/ES": 4}}
    asked = parse(text(**ASK, resume=resume))
    assert isinstance(asked, Subscribe)
    assert asked.resume == Resume("g1", {"signals/ES": 4})


def test_a_name_twice_is_asked_for_once():
    asked = parse(text(op="subscribe", channels=["a", "b", "a"], roots=["*", "*"]))
    assert asked == Subscribe(None, ("a", "b"), ("*",), None)


@pytest.mark.parametrize(
    "data", [b'{"op":"ping"}', "", "{", "null", "[]", '"ping"', "1e999", "\ud800", "[" * 2_000]
)
def test_what_is_no_json_object_is_no_frame(data):
    with pytest.raises(BadFrame, match=r"^expected (JSON|a JSON object|a text frame)"):
        parse(data)


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({}, "unknown_op", "op was None, expected auth, subscribe, unsubscribe or ping"),
        ({"op": "sub"}, "unknown_op", "op was 'sub'"),
        ({"op": ["ping"]}, "unknown_op", r"op was \['ping'\]"),
        ({"op": "x" * 900}, "unknown_op", "op was 'x{38}…, expected"),
        ({"op": "ping", "id": 1.5}, "bad_request", "id was 1.5, expected an integer"),
        ({"op": "ping", "id": True}, "bad_request", "id was True"),
        ({"op": "ping", "id": "x" * 65}, "bad_request", "at most 64 characters"),
        ({"op": "ping", "id": 2**53}, "bad_request", "id was 9007199254740992"),
        ({"op": "auth"}, "bad_request", "token was missing or no text"),
        ({**ASK, "channels": "signals"}, "bad_request", "channels was 'signals', expected a list"),
        ({**ASK, "channels": []}, "bad_request", r"channels was \[\]"),
        ({**ASK, "roots": ["ES", 1]}, "bad_request", r"roots was \['ES', 1\]"),
        ({**ASK, "roots": None}, "bad_request", "roots was None"),
        ({**ASK, "resume": []}, "bad_request", r"resume was \[\], expected an object"),
        ({**ASK, "resume": {"epoch": "g"}}, "bad_request", "with epoch and seq"),
        ({**ASK, "resume": {"epoch": 1, "seq": {}}}, "bad_request", "with epoch and seq"),
        ({**ASK, "resume": {"epoch": "g", "seq": {"a/b": -1}}}, "bad_request", "'a/b' was -1"),
        ({**ASK, "resume": {"epoch": "g", "seq": {"a/b": True}}}, "bad_request", "was True"),
        ({**ASK, "resume": {"epoch": "g", "seq": {"a/b": 2**53}}}, "bad_request", "from 0"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(fields, code, said):
    with pytest.raises(BadRequest, match=said) as caught:
        parse(text(**fields))
    assert caught.value.code == code


def test_an_error_says_which_request_it_is_about():
    with pytest.raises(BadRequest) as caught:
        parse(text(op="nonsense", id="q7"))
    assert caught.value.request_id == "q7"


def test_a_token_is_in_no_error():
    with pytest.raises(BadRequest) as caught:
        parse(text(op="auth", token=["secret-secret-secret"]))
    assert "secret" not in str(caught.value)


def test_channels_and_roots_that_can_be_none_are_told():
    assert fault("signals", "*") is None
    assert fault("signals", "ES") is None
    assert "channel was 'feed', expected one of executions" in str(fault("feed", "ES"))
    for root in ("", "x" * 65, "a\nb"):
        assert "expected 1 to 64 visible characters" in str(fault("signals", root))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from(["auth", "subscribe", "unsubscribe", "ping"]) | JSON,
        "id": JSON,
        "token": JSON,
        "channels": st.lists(st.text(), max_size=2) | JSON,
        "roots": st.lists(st.text(), max_size=2) | JSON,
        "resume": st.fixed_dictionaries(
            {}, optional={"epoch": st.text(), "seq": st.dictionaries(st.text(), st.integers())}
        )
        | JSON,
    },
)


def _sound(value) -> bool:
    try:
        orjson.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


@given(st.text() | st.binary() | NEARLY.filter(_sound).map(lambda one: orjson.dumps(one).decode()))
def test_anything_is_read_or_refused(data):
    try:
        request: object = parse(data)
    except (BadFrame, BadRequest) as error:
        request = error
    assert isinstance(request, Auth | Subscribe | Unsubscribe | Ping | BadFrame | BadRequest)
    assert not isinstance(request, Exception) or len(str(request)) < 300


def test_what_is_shown_is_short():
    assert shown("a") == "'a'"
    assert len(shown("a" * 500)) == 40

"""What has been released is not taken back."""

from copy import deepcopy

import orjson
import pytest
from jsonschema import Draft202012Validator, ValidationError

from operators.model.streams import VALUE_TYPES, topic
from sinks.codec import encode
from sinks.schema import FOLDER, schema
from sinks.schema_compat import (
    OPEN_ENUMS,
    RELEASED,
    accept,
    breaks,
    main,
    read_schemas,
    reader_schema,
)
from tests.sinks.messages import EXAMPLES

OLD = {
    "t.v1": {
        "description": "A thing.",
        "type": "object",
        "properties": {
            "stream": {"const": "t"},
            "seq": {"type": "integer", "minimum": 1},
            "price": {"type": "string", "pattern": "^[0-9]+$"},
            "side": {"enum": ["buy", "sell"]},
            "z": {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "A score."},
            "part": {"$ref": "#/$defs/Part"},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
            "maybe": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]},
            "sums": {"type": "object", "additionalProperties": {"type": "integer"}},
            "hint": {"type": "string"},
        },
        "required": ["stream", "seq", "price", "side", "z", "part", "parts", "maybe", "sums"],
        "additionalProperties": False,
        "$defs": {
            "Part": {
                "type": "object",
                "properties": {"size": {"type": "integer"}, "kind": {"type": "string"}},
                "required": ["size", "kind"],
                "additionalProperties": False,
            }
        },
    }
}


def changed(act):
    new = deepcopy(OLD)
    act(new["t.v1"])
    return breaks(OLD, new)


def field(name, form):
    return lambda s: s["properties"].update({name: form})


def part(name, form):
    return lambda s: s["$defs"]["Part"]["properties"].update({name: form})


def test_the_current_schemas_are_compatible_with_the_released_ones():
    assert breaks(read_schemas(RELEASED), read_schemas(FOLDER)) == []


def test_every_topic_has_a_released_schema():
    assert read_schemas(RELEASED).keys() == {topic(stream) for stream in VALUE_TYPES}


@pytest.mark.parametrize(
    "act",
    [
        lambda s: None,
        field("venue", {"type": "string"}),
        lambda s: (field("venue", {"type": "string"})(s), s["required"].append("venue")),
        part("hidden", {"type": "integer"}),
        lambda s: s["required"].append("hint"),
        field("z", {"type": "number"}),
        field("hint", {"type": "string", "description": "Now it says what it is."}),
        lambda s: s.update(description="Another text."),
        lambda s: s.pop("additionalProperties"),
    ],
    ids=["nothing", "added", "added and required", "added below", "required", "never null",
         "described", "text", "open"],
)  # fmt: skip
def test_what_may_change(act):
    assert changed(act) == []


@pytest.mark.parametrize(
    ("act", "line"),
    [
        (lambda s: s["properties"].pop("hint"), "t.v1: /hint is gone"),
        (lambda s: s["required"].remove("seq"), "t.v1: /seq is no longer required"),
        (field("hint", {"type": "integer"}), "t.v1: /hint type was string, is integer"),
        (field("seq", {"type": "integer", "minimum": 0}), "t.v1: /seq minimum was 1, is 0"),
        (field("seq", {"type": "integer"}), "t.v1: /seq minimum was 1, is None"),
        (field("stream", {"const": "u"}), "t.v1: /stream const was t, is u"),
        (
            field("price", {"type": "string", "pattern": "^.*$"}),
            "t.v1: /price pattern was ^[0-9]+$, is ^.*$",
        ),
        (
            field("side", {"enum": ["buy", "sell", "none"]}),
            "t.v1: /side takes the new values ['none']",
        ),
        (field("side", {"enum": ["buy"]}), "t.v1: /side no longer takes the values ['sell']"),
        (
            field("hint", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "t.v1: /hint may now be null",
        ),
        (
            field("z", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "t.v1: /z type was number, is string",
        ),
        (
            field("sums", {"type": "object", "additionalProperties": {"type": "number"}}),
            "t.v1: /sums{} type was integer, is number",
        ),
        (
            field("sums", {"type": "object", "properties": {}}),
            "t.v1: /sums was a map or is one now",
        ),
    ],
)
def test_what_breaks_a_reader(act, line):
    assert changed(act) == [line]


def test_an_enumeration_that_is_opened_or_closed_breaks():
    (text, enum) = changed(field("side", {"type": "string"}))
    assert text == "t.v1: /side type was None, is string"
    assert enum == "t.v1: /side enum was ['buy', 'sell'], is None"


def test_what_breaks_below_is_named_at_every_place_where_it_stands():
    assert changed(part("size", {"type": "string"})) == [
        "t.v1: /part/size type was integer, is string",
        "t.v1: /parts[]/size type was integer, is string",
        "t.v1: /maybe/size type was integer, is string",
    ]
    assert changed(lambda s: s["$defs"]["Part"]["properties"].pop("kind"))[0] == (
        "t.v1: /part/kind is gone"
    )


def test_a_topic_may_come_but_not_go():
    assert breaks({}, OLD) == []
    assert breaks(OLD, {}) == ["t.v1: the topic is gone"]


def test_open_enumerations_may_gain_values_and_lose_none():
    ((name, place),) = OPEN_ENUMS
    old = {name: schema("status")}
    new = deepcopy(old)
    new[name]["properties"][place.removeprefix("/")]["enum"].append("sleeping")
    assert breaks(old, new) == []
    assert breaks(new, old) == [f"{name}: {place} no longer takes the values ['sleeping']"]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.stream)
def test_readers_of_the_released_schemas_read_what_is_written_now(message):
    name = topic(message.stream)
    released = reader_schema(name, read_schemas(RELEASED)[name])
    Draft202012Validator.check_schema(released)
    Draft202012Validator(released).validate(orjson.loads(encode(message)))


def test_a_readers_schema_takes_unknown_fields_and_open_values_and_nothing_else():
    name = "ifd.status.v1"
    found = reader_schema(name, schema("status"))
    (status,) = (message for message in EXAMPLES if message.stream == "status")
    value = orjson.loads(encode(status))
    validator = Draft202012Validator(found)
    validator.validate(value | {"unknown": 1, "state": "sleeping"})
    with pytest.raises(ValidationError):
        validator.validate(value | {"records": "many"})
    # The strict one, which the dataflow itself is held to, is another object.
    assert schema("status")["additionalProperties"] is False
    nested = reader_schema("ifd.signals.v1", schema("signals"))
    assert "additionalProperties" not in nested["$defs"]["Evidence"]


def test_accepting_takes_over_what_is_compatible_and_refuses_the_rest(tmp_path):
    current, released = tmp_path / "current", tmp_path / "released"
    current.mkdir()
    path = current / "t.v1.json"
    path.write_bytes(orjson.dumps(OLD["t.v1"]))
    assert accept(folder=released, current=current) == []
    assert read_schemas(released) == OLD
    path.write_bytes(orjson.dumps(OLD["t.v1"] | {"properties": {}}))
    assert "t.v1: /seq is gone" in accept(folder=released, current=current)
    assert read_schemas(released) == OLD
    assert accept(anew=True, folder=released, current=current) == []
    assert read_schemas(released) == read_schemas(current)


def test_the_command_compares_what_is_checked_in(capsys):
    assert main([]) == 0
    assert capsys.readouterr().err == ""

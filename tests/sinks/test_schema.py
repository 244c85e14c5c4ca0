import orjson
import pytest
from jsonschema import Draft202012Validator, ValidationError

from operators.model.streams import VALUE_TYPES, topic
from sinks.codec import encode
from sinks.schema import FOLDER, schema, schema_bytes
from tests.sinks.messages import EXAMPLES


def test_the_checked_in_files_are_the_generated_ones():
    expected = {f"{topic(stream)}.json": schema_bytes(stream) for stream in VALUE_TYPES}
    found = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert found == expected, "run `python -m sinks.schema` and review what changed"


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.stream)
def test_what_is_encoded_validates(message):
    Draft202012Validator.check_schema(schema(message.stream))
    Draft202012Validator(schema(message.stream)).validate(orjson.loads(encode(message)))


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.stream)
def test_a_missing_or_an_unknown_property_does_not_validate(message):
    validator = Draft202012Validator(schema(message.stream))
    value = orjson.loads(encode(message))
    for name in value:
        with pytest.raises(ValidationError):
            validator.validate({key: item for key, item in value.items() if key != name})
    with pytest.raises(ValidationError):
        validator.validate(value | {"unknown": 1})


def test_fields_are_described_by_the_string_below_them():
    properties = schema("signals")["properties"]
    assert properties["revision"]["description"] == "1 for the opening, then one more each."

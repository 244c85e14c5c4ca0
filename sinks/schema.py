"""JSON Schema 2020-12 of every stream, made from the types that `sinks/codec.py` writes.

`python -m sinks.schema` writes one file per topic into `sinks/schemas/`; a test compares them.
"""

import ast
import inspect
from pathlib import Path
from textwrap import dedent
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import orjson

from operators.model.streams import EVENT_STREAMS, VALUE_TYPES, topic
from sinks.codec import hints_of, is_optional, is_record, json_name, required, unit

FOLDER: Final = Path(__file__).parent / "schemas"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

NUMBERS: Final = {
    "ts_ns": {
        "type": "string",
        "pattern": "^-?[0-9]+$",
        "description": "Nanoseconds since the epoch, decimal.",
    },
    "order_id": {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "The exchange's order id, unsigned 64-bit, decimal.",
    },
    "price_e9": {
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]*[1-9])?$",
        "description": "Price in points, decimal, at most nine places, no trailing zeros.",
    },
}
PLAIN: Final[dict[Any, str]] = {
    bool: "boolean",
    float: "number",
    int: "integer",
    str: "string",
}


def schema(stream: str) -> dict[str, Any]:
    """Schema of the values on a stream's topic: all properties required, no others allowed."""
    definitions: dict[str, Any] = {}
    value = _object(VALUE_TYPES[stream], definitions)
    seq = {
        "type": "integer",
        "minimum": 1 if stream in EVENT_STREAMS else 0,
        "description": "Contiguous per root from 1 on event streams, 0 on state streams.",
    }
    envelope = {
        "stream": {"const": stream},
        "root": {"type": "string", "description": "What is judged together; the record's key."},
        "seq": seq,
    }
    own = {name: form for name, form in value["properties"].items() if name not in envelope}
    value["properties"] = envelope | own
    value["required"] = list(value["properties"])
    head = {"$schema": DIALECT, "$id": f"urn:ifd:{topic(stream)}", "title": topic(stream)}
    return head | value | ({"$defs": definitions} if definitions else {})


def schema_bytes(stream: str) -> bytes:
    """The schema as the checked-in file holds it."""
    return orjson.dumps(schema(stream), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_schemas(folder: Path = FOLDER) -> None:
    """Write `<topic>.json` for every stream."""
    folder.mkdir(parents=True, exist_ok=True)
    for stream in VALUE_TYPES:
        (folder / f"{topic(stream)}.json").write_bytes(schema_bytes(stream))


def _object(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    texts = _field_texts(kind)
    properties = {
        json_name(name, hint): _field(hint, texts.get(name), definitions)
        for name, hint in hints_of(kind).items()
    }
    return {
        "description": inspect.getdoc(kind),
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _field(hint: Any, text: str | None, definitions: dict[str, Any]) -> dict[str, Any]:
    form = _form(hint, definitions)
    return form if text is None else {**form, "description": text}


def _form(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if is_optional(hint):
        return {"anyOf": [_form(required(hint), definitions), {"type": "null"}]}
    if (name := unit(hint)) is not None:
        return dict(NUMBERS[name])
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if is_record(hint):
        definitions.setdefault(hint.__name__, _object(hint, definitions))
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return _form_with_parts(hint, definitions)


def _form_with_parts(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    kind, parts = get_origin(hint), get_args(hint)
    assert kind not in (Union, UnionType), f"no JSON form for {hint}"
    if kind is Literal:
        return {"enum": list(parts)}
    if kind is tuple:
        return {"type": "array", "items": _form(parts[0], definitions)}
    assert kind is dict, f"no JSON form for {hint}"
    return {"type": "object", "additionalProperties": _form(parts[1], definitions)}


def _field_texts(kind: type) -> dict[str, str]:
    """The string below each field of a dataclass, whitespace collapsed."""
    (node,) = ast.parse(dedent(inspect.getsource(kind))).body
    assert isinstance(node, ast.ClassDef)
    texts = {}
    for above, below in zip(node.body, node.body[1:], strict=False):
        match above, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                texts[name] = " ".join(text.split())
    return texts


if __name__ == "__main__":
    write_schemas()

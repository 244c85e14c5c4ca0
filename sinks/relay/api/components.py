"""The streams' JSON Schemas as one set of components, for OpenAPI and AsyncAPI alike.

The form that `sinks/schemas/` holds for the topics, as readers should use it: what a later minor
version may add passes. The place of the parts differs.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from operators.model.streams import VALUE_TYPES, topic
from sinks.schema import schema
from sinks.schema_compat import reader_schema

PREFIX: Final = "#/components/schemas/"


def ref(name: str) -> dict[str, str]:
    """Reference to a component."""
    return {"$ref": PREFIX + name}


def name_of(stream: str) -> str:
    """Component of a stream's values, such as `Signal`."""
    return VALUE_TYPES[stream].__name__


@cache
def stream_schemas() -> Mapping[str, Any]:
    """Component → schema of every stream's values and of the parts they share; to be read only."""
    found: dict[str, Any] = {}
    for stream in VALUE_TYPES:
        read = reader_schema(topic(stream), schema(stream))
        whole = {k: v for k, v in read.items() if k not in ("$schema", "$id")}
        for name, part in whole.pop("$defs", {}).items():
            assert found.setdefault(name, moved(part)) == moved(part), f"two forms of {name}"
        found[name_of(stream)] = moved(whole)
    return found


def moved(form: Any) -> Any:
    """A schema with references to its own `$defs` turned into references to components."""
    if isinstance(form, Mapping):
        return {key: _moved_item(key, item) for key, item in form.items()}
    return [moved(item) for item in form] if isinstance(form, list) else form


def _moved_item(key: str, item: Any) -> Any:
    if key == "$ref" and isinstance(item, str):
        return item.replace("#/$defs/", PREFIX)
    return moved(item)

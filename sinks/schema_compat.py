"""Compatibility of the topics' schemas with those last released.

Within one major version, which is part of the topic's name, every reader of the released schema
that ignores fields it does not know must be able to read what is written now:

- a field may be added, anywhere;
- a field may never be removed, change its type, constant, pattern or bounds, become nullable, or
  stop being required where it was;
- an enumeration may gain values only where OPEN_ENUMS says so, and never loses one: somebody waits
  for it. A nullable field may stop being null, and a field may become required;
- descriptions may change.

`python -m sinks.schema_compat` compares; with `--accept` what is checked in becomes what was
released.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import orjson

from sinks.schema import FOLDER

RELEASED: Final = Path(__file__).parent / "released_schemas"

OPEN_ENUMS: Final = frozenset({("ifd.status.v1", "/state")})
"""(topic, place) of enumerations that may gain values: readers take a new one for unknown."""
_TEXTS: Final = frozenset({"$schema", "$id", "title", "description"})
_NULL: Final = {"type": "null"}

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]
"""Topic → its schema."""


def read_schemas(folder: Path) -> dict[str, Schema]:
    """Schemas of a folder by topic."""
    return {path.stem: orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def breaks(released: Schemas, current: Schemas) -> list[str]:
    """What a reader of the released schemas would stumble over, a line each; empty: nothing."""
    found = []
    for topic, old in released.items():
        if topic not in current:
            found.append(f"{topic}: the topic is gone")
        else:
            found += _Comparison(topic, old, current[topic]).breaks()
    return found


def reader_schema(topic: str, schema: Schema) -> dict[str, Any]:
    """The schema as readers should use it: unknown fields and values of open enumerations pass."""
    found = deepcopy(dict(schema))
    for place, part in _objects(found, ""):
        if part.get("additionalProperties") is False:
            del part["additionalProperties"]
        for name, field in part.get("properties", {}).items():
            if (topic, f"{place}/{name}") in OPEN_ENUMS:
                part["properties"][name] = {"type": "string", "examples": field["enum"]}
    return found


def accept(*, anew: bool = False, folder: Path = RELEASED, current: Path = FOLDER) -> list[str]:
    """Make the current schemas the released ones; returns why not, or nothing.

    Args:
        anew: Whatever was released before: only before the first release.
        folder: Where the released ones are.
        current: Where the current ones are.
    """
    found = breaks(read_schemas(folder), read_schemas(current))
    if found and not anew:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        path.unlink()
    for path in current.glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())
    return []


class _Comparison:
    """One topic's schemas, part by part."""

    def __init__(self, topic: str, old: Schema, new: Schema) -> None:
        self._topic = topic
        self._old, self._new = old, new

    def breaks(self) -> list[str]:
        """Lines, each with topic and place."""
        return list(self._compare(self._old, self._new, ""))

    def _compare(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        was_nullable, old = _nullable(old, self._old)
        is_nullable, new = _nullable(new, self._new)
        if is_nullable and not was_nullable:
            yield self._line(place, "may now be null")
        yield from self._words(old, new, place)
        yield from self._fields(old, new, place)
        for word, below in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(old.get(word), dict) and isinstance(new.get(word), dict):
                yield from self._compare(old[word], new[word], place + below)

    def _words(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        """Everything that is said of a value itself."""
        inner = {"properties", "required", "items", "additionalProperties", "$defs", "enum"}
        for word in sorted((old.keys() | new.keys()) - inner - _TEXTS):
            if old.get(word) != new.get(word):
                yield self._line(place, f"{word} was {old.get(word)}, is {new.get(word)}")
        was, now = old.get("enum"), new.get("enum")
        if (was is None) != (now is None):
            yield self._line(place, f"enum was {was}, is {now}")
        elif was is not None and now is not None:
            if gone := [value for value in was if value not in now]:
                yield self._line(place, f"no longer takes the values {gone}")
            added = [value for value in now if value not in was]
            if added and (self._topic, place) not in OPEN_ENUMS:
                yield self._line(place, f"takes the new values {added}")
        # A map that becomes an object of fixed fields, or the other way.
        if isinstance(old.get("additionalProperties"), dict) != isinstance(
            new.get("additionalProperties"), dict
        ):
            yield self._line(place, "was a map or is one now")

    def _fields(self, old: Schema, new: Schema, place: str) -> Iterator[str]:
        fields = new.get("properties", {})
        for name, field in old.get("properties", {}).items():
            if name not in fields:
                yield self._line(f"{place}/{name}", "is gone")
                continue
            if name in old.get("required", ()) and name not in new.get("required", ()):
                yield self._line(f"{place}/{name}", "is no longer required")
            yield from self._compare(field, fields[name], f"{place}/{name}")

    def _line(self, place: str, text: str) -> str:
        return f"{self._topic}: {place or '/'} {text}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    """What a `$ref` leads to, beside it what stands there itself."""
    if "$ref" not in schema:
        return schema
    part = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return {**part, **{word: value for word, value in schema.items() if word != "$ref"}}


def _nullable(schema: Schema, root: Schema) -> tuple[bool, Schema]:
    """Whether null is allowed, and the schema of what is not null."""
    if "anyOf" not in schema:
        return False, schema
    kept = [part for part in schema["anyOf"] if part != _NULL]
    assert len(kept) == 1, f"one form or null was expected, found {schema}"
    own = {word: value for word, value in schema.items() if word != "anyOf"}
    return len(schema["anyOf"]) > 1, {**own, **_resolved(kept[0], root)}


def _objects(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a schema; the place of one below `$defs` starts with its name."""
    yield place, schema
    for name, part in schema.get("$defs", {}).items():
        yield from _objects(part, f"{name}:")


def main(argv: list[str] | None = None) -> int:
    """Compare or accept; returns the exit code: 0 compatible, 1 not."""
    parser = argparse.ArgumentParser(prog="python -m sinks.schema_compat", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--accept", action="store_true", help="at a release, after a comparison")
    parser.add_argument("--anew", action="store_true", help="with --accept: without a comparison")
    arguments = parser.parse_args(argv)
    if arguments.accept:
        found = accept(anew=arguments.anew)
    else:
        found = breaks(read_schemas(RELEASED), read_schemas(FOLDER))
    for line in found:
        sys.stderr.write(f"{line}\n")
    if found:
        sys.stderr.write("a reader of the released version breaks: start a topic of the next one\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

"""TOML tables as config dataclasses, strictly: a misspelt key or a wrong type is named.

A field's key is its name without a trailing underscore, so that `from` and `continue` can be keys.
"""

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, time
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

_NAMES: Final = {str: "text", int: "a whole number", float: "a number", bool: "true or false",
                 datetime: "an instant such as 2026-01-05T14:30:00-06:00",
                 time: "a time such as 22:00:00"}  # fmt: skip


class Refused(Exception):
    """What is wrong, with the place: one line."""


def read_table(kind: Any, table: object, place: str) -> Any:
    """The table as `kind`. Raises Refused."""
    if not isinstance(table, dict):
        raise Refused(f"{place or 'file'}: expected a table, found {_shown(table)}")
    known = {item.name.rstrip("_"): item for item in fields(kind)}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise Refused(f"{_join(place, key)}: no such key; {_nearest(key, list(known))}")
        name = known[key].name
        values[name] = _value(hints[name], value, _join(place, key))
    for key, item in known.items():
        if item.name not in values and _is_required(item):
            raise Refused(f"{_join(place, key)}: expected a value, found none")
    try:
        return kind(**values)
    except ValueError as error:
        said = str(error).replace("from_ ", "from ")
        # A refusal begins with the field it is about, or is about the whole.
        joint = "." if re.split(r"[ .]", said, maxsplit=1)[0] in known else ": "
        raise Refused(f"{place}{joint}{said}" if place else said) from None


def _value(hint: Any, value: object, place: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _one_of(get_args(hint), value, place)
    if origin is Literal:
        if value not in (options := get_args(hint)):
            raise Refused(f"{place}: expected {_options(options)}, found {_shown(value)}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise Refused(f"{place}: expected a list, found {_shown(value)}")
        inner = get_args(hint)[0]
        return tuple([_value(inner, entry, f"{place}[{n}]") for n, entry in enumerate(value)])
    if origin is dict:
        if not isinstance(value, dict):
            raise Refused(f"{place}: expected a table, found {_shown(value)}")
        inner = get_args(hint)[1]
        return {key: _value(inner, entry, _join(place, key)) for key, entry in value.items()}
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return read_table(hint, value, place)
    return _scalar(hint, value, place)


def _one_of(options: tuple[Any, ...], value: object, place: str) -> Any:
    """TOML has no null: None is what is left out. Literals are joined into one."""
    kinds = [option for option in options if option is not NoneType]
    if len(kinds) == 1:
        return _value(kinds[0], value, place)
    allowed = tuple(word for kind in kinds for word in get_args(kind))
    if value not in allowed:
        raise Refused(f"{place}: expected {_options(allowed)}, found {_shown(value)}")
    return value


def _scalar(hint: Any, value: object, place: str) -> Any:
    # A bool is an int to Python; NaN equals nothing.
    fits = type(value) is hint or (hint is float and type(value) is int)
    if not fits or value != value:
        raise Refused(f"{place}: expected {_NAMES[hint]}, found {_shown(value)}")
    if isinstance(value, str) and not value.isprintable():
        raise Refused(f"{place}: expected printable text, found {value!r}")
    return float(value) if hint is float else value  # type: ignore[arg-type]


def _is_required(item: "Field[Any]") -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _nearest(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"the keys are {', '.join(sorted(known))}"


def _options(options: tuple[Any, ...]) -> str:
    return f"one of {', '.join(map(str, options))}" if len(options) > 1 else str(options[0])


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""The only serialiser: a message as deterministic JSON bytes.

A value is an envelope (`stream`, `root`, `seq`) followed by the fields of the message in the order
of their declaration. What JSON numbers would lose becomes text: instants and order ids are decimal
strings, prices are decimal strings of points without trailing zeros, and their names lose the
`_e9`. Floats are finite and rounded to six decimals. Nothing here reads a clock: equal messages
give equal bytes in every process.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    TypeGuard,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import orjson

from operators.model.prices import price_text
from operators.model.streams import VALUE_TYPES, Message

FLOAT_DECIMALS: Final = 6
"""Decimals kept of a float."""

_SORTED: Final = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY

Write = Callable[[Any], dict[str, Any]]
"""Turns an object of one record type into what orjson writes."""


def encode(message: Message) -> bytes:
    """The bytes that leave the process. Asserts that floats are finite and roots agree."""
    written = WRITES[message.stream](message.value)
    assert written.get("root", message.root) == message.root, f"{message.root}: another root inside"
    envelope = {"stream": message.stream, "root": message.root, "seq": message.seq}
    return orjson.dumps(envelope | written, option=orjson.OPT_SERIALIZE_NUMPY)


def json_name(name: str, annotation: Any) -> str:
    """Name of a field in JSON: a price is written in points, so `_e9` goes."""
    return name.removesuffix("_e9") if unit(annotation) == "price_e9" else name


def unit(annotation: Any) -> str | None:
    """What an `Annotated` number says of itself: `ts_ns`, `price_e9`, `order_id`; None else."""
    annotation = required(annotation)
    return get_args(annotation)[1] if get_origin(annotation) is Annotated else None


def required(annotation: Any) -> Any:
    """`X` of `X | None`, anything else as it is."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    (kept,) = (part for part in get_args(annotation) if part is not NoneType)
    return kept


def is_optional(annotation: Any) -> bool:
    """Whether None is allowed."""
    return required(annotation) is not annotation


def hints_of(kind: type) -> dict[str, Any]:
    """Annotation of each field of a record, in the order of declaration."""
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(hints)
    return {name: hints[name] for name in names}


def is_record(hint: Any) -> TypeGuard[type]:
    """Whether it is a dataclass or a named tuple: an object in JSON."""
    return isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields"))


def _compile(kind: type) -> Write:
    """A function that writes records of one type: straight code, a third of a loop's time."""
    names: dict[str, Any] = {"price_text": price_text, "in_order": _in_order}
    source = f"def write(value):\n    return {_object_expression(kind, 'value', names)}\n"
    if floats := _floats(kind):
        # One sum sees every NaN and infinity of the object.
        total = " + ".join(f"(value.{name} or 0.0)" for name in floats)
        source = source.replace(
            "\n",
            f"\n    total = {total}\n    assert total - total == 0.0, f'not finite: {{value}}'\n",
            1,
        )
    # Made of the annotations in operators/model/signals.py, never of data.
    exec(source, names)  # noqa: S102
    write: Write = names["write"]
    return write


def _floats(kind: type) -> list[str]:
    """Fields that hold a float."""
    return [name for name, hint in hints_of(kind).items() if required(hint) is float]


def _object_expression(kind: type, text: str, names: dict[str, Any]) -> str:
    items = (
        f"{json_name(name, hint)!r}: {_expression(hint, f'{text}.{name}', names)}"
        for name, hint in hints_of(kind).items()
    )
    return f"{{{', '.join(items)}}}"


def _expression(hint: Any, text: str, names: dict[str, Any]) -> str:
    """Python expression that writes the value of expression `text`; fills in `names` it uses."""
    written = _required_expression(required(hint), text, names)
    if written == text or not is_optional(hint):
        return written
    return f"None if {text} is None else {written}"


def _required_expression(hint: Any, text: str, names: dict[str, Any]) -> str:
    match unit(hint):
        case "ts_ns" | "order_id":
            return f"str({text})"
        case "price_e9":
            return f"price_text({text})"
    if hint is float:
        # float(): numpy rounds differently. Adding zero turns -0.0 into 0.0.
        return f"round(float({text}), {FLOAT_DECIMALS}) + 0.0"
    if hint in (int, str, bool) or get_origin(hint) is Literal:
        return text
    if is_record(hint):
        if not _floats(hint):
            return _object_expression(hint, text, names)
        names[f"write_{hint.__name__}"] = _compile(hint)
        return f"write_{hint.__name__}({text})"
    return _container_expression(hint, text, names)


def _container_expression(hint: Any, text: str, names: dict[str, Any]) -> str:
    kind, parts = get_origin(hint), get_args(hint)
    if kind is tuple and parts[1:] == (...,):
        written = _expression(parts[0], "item", names)
        return text if written == "item" else f"[{written} for item in {text}]"
    assert kind is dict, f"no JSON form for {hint}"
    assert parts[0] is str, f"no JSON form for the keys of {hint}"
    # Keys in order: equal mappings give equal bytes.
    if _is_plain(hint):
        return f"in_order({text})"
    written = _expression(parts[1], "item", names)
    return f"{{key: {written} for key, item in sorted({text}.items())}}"


def _is_plain(hint: Any) -> bool:
    """Whether orjson writes it as it is to be written, but for the order of keys."""
    if get_origin(hint) is dict:
        return get_args(hint)[0] is str and _is_plain(get_args(hint)[1])
    return hint in (int, str, bool)


def _in_order(mapping: dict[str, Any]) -> orjson.Fragment:
    """The mapping with its keys in order: orjson sorts them in a fifth of Python's time."""
    return orjson.Fragment(orjson.dumps(mapping, option=_SORTED))


WRITES: Final[Mapping[str, Write]] = {
    stream: _compile(kind) for stream, kind in VALUE_TYPES.items()
}

"""A record of a topic as a message, or why it is none. Pure.

Fields that are not named here are ignored: within `v1` a message may gain fields (docs/topics.md).
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from examples.errors import Malformed

SCHEMAS: Final = {f"ifd.{stream}.v1": stream for stream in ("signals", "executions")}
"""Schemas that these programs know → stream. Topics carry the same names."""
SIDES: Final = {"buy": 1, "sell": -1, "none": 0}
ACTION_SIDES: Final = {"LONG": "buy", "SHORT": "sell"}
_PRICE: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?")
_NANOSECONDS: Final = re.compile(r"[0-9]{1,19}")
VALUE_BYTES_MAX: Final = 4_194_304
"""A longer value is refused unread; the topics hold at most a megabyte."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a message stands: `(generation, stream, root, seq)` names it for good."""

    generation: str
    """Life of the store that numbered it."""
    generation_ts_ms: int
    """When that began, ms since the epoch; 0 unknown. Of two generations the later is current."""
    stream: str
    root: str
    seq: int
    """Contiguous from 1 per (generation, stream, root)."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an event stream, and what its position says of those before it."""

    at: Position
    ts_published_ns: int = 0
    """Wall clock when it was handed to Kafka, ns since the epoch; 0 unknown."""
    value: dict[str, Any] | None = None
    """None: what stands at this position cannot be read and is a dead letter."""
    is_outdated: bool = False
    """Of a generation that a newer one of this root has replaced."""
    replaced: str | None = None
    """The generation that this message, the first of a newer one, puts an end to."""
    missing: tuple[int, int] | None = None
    """First and last seq of the messages that never came before this one."""
    is_late: bool = False
    """Its feed lagged beyond the limit when it was published: the market has moved on since."""

    @property
    def is_whole(self) -> bool:
        """Whether all up to here was seen and read: else a retraction may have been missed."""
        return self.missing is None and self.value is not None


def position(headers: Mapping[str, bytes], key: bytes | None) -> Position:
    """Position of a record, from its headers and key alone.

    Raises:
        Malformed: A header is missing, or a number is none.
    """
    schema = text_of(headers, "ifd-schema")
    if schema not in SCHEMAS:
        raise Malformed(f"header ifd-schema: expected {' or '.join(SCHEMAS)}, found {schema}")
    if not key:
        raise Malformed("key: expected a root, found none")
    seq = number_of(headers, "ifd-seq")
    if seq < 1:
        raise Malformed(f"header ifd-seq: expected at least 1, found {seq}")
    since_ms = number_of(headers, "ifd-generation-ts") if "ifd-generation-ts" in headers else 0
    generation = text_of(headers, "ifd-generation")
    return Position(generation, since_ms, SCHEMAS[schema], _decoded(key, "key"), seq)


def message(at: Position, headers: Mapping[str, bytes], value: bytes | None) -> Message:
    """The message at a position.

    Raises:
        Malformed: Its value is no JSON object, says another position, or lacks what is read here.
    """
    if value is None or len(value) > VALUE_BYTES_MAX:
        size = "none" if value is None else f"{len(value)} bytes"
        raise Malformed(f"value: expected at most {VALUE_BYTES_MAX} bytes, found {size}")
    try:
        found = json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"value: expected JSON, found {error}") from None
    if not isinstance(found, dict):
        raise Malformed(f"value: expected an object, found {type(found).__name__}")
    for name, expected in (("stream", at.stream), ("root", at.root), ("seq", at.seq)):
        if found.get(name) != expected:
            given = repr(found.get(name))[:40]
            raise Malformed(f"{name}: expected {expected} as in key and headers, found {given}")
    CHECKS[at.stream](found)
    published = headers.get("ifd-published-ns", b"0")
    late = headers.get("ifd-late") == b"true"
    return Message(at, int(published) if published.isdigit() else 0, found, is_late=late)


def text_of(headers: Mapping[str, bytes], name: str) -> str:
    """Text of a header.

    Raises:
        Malformed: It is missing, empty or no UTF-8.
    """
    if not headers.get(name):
        raise Malformed(f"header {name}: expected one, found none")
    return _decoded(headers[name], f"header {name}")


def number_of(headers: Mapping[str, bytes], name: str) -> int:
    """Number of a header, at least 0.

    Raises:
        Malformed: It is missing or no number.
    """
    text = text_of(headers, name)
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise Malformed(f"header {name}: expected a number, found {text[:40]}")
    return int(text)


def price(value: Mapping[str, Any], name: str) -> Decimal | None:
    """A price in points, which JSON carries as decimal text; None for null.

    Raises:
        Malformed: It is something else.
    """
    found = value.get(name)
    if found is None:
        return None
    if not (isinstance(found, str) and _PRICE.fullmatch(found)):
        raise Malformed(f"{name}: expected decimal text, found {found!r}"[:200])
    return Decimal(found)


def point_value(contract: Mapping[str, Any]) -> Decimal | None:
    """Currency units per point and contract: the multiplier; None where the feed has not said."""
    tick, value = price(contract, "tick"), contract.get("tick_value")
    if not tick or value is None:
        return None
    # By way of text: 12.5 is meant, not the binary number nearest to it.
    return Decimal(repr(value)) / tick


def _check_signal(value: dict[str, Any]) -> None:
    for name in ("id", "kind", "side", "action", "change", "strength", "params"):
        _require(value, name, str)
    for name in ("revision", "size"):
        _require(value, name, int)
    for name in ("probability", "quality"):
        _require(value, name, float)
    _require(value, "evidence", list)
    _check_time(value, "ts_event")
    _one_of(value, "side", SIDES)
    _one_of(value, "action", ("LONG", "SHORT", "MONITOR", "IGNORE"))
    _one_of(value, "change", ("opened", "updated", "closed", "retracted"))
    if value["action"] in ACTION_SIDES and value["side"] != ACTION_SIDES[value["action"]]:
        raise Malformed(f"action: {value['action']} on side {value['side']}")
    if price(value, "price") is None:
        raise Malformed("price: expected decimal text, found null")
    contract = value.get("contract")
    if not isinstance(contract, dict):
        raise Malformed("contract: expected an object")
    _require(contract, "symbol", str)
    _require(contract, "instrument_id", int)
    _require(contract, "currency", str)
    price(contract, "tick")
    for name in ("tick_value", "notional"):
        if contract.get(name) is not None:
            _require(contract, name, float)
    for item in value["evidence"]:
        if not isinstance(item, dict):
            raise Malformed(f"evidence: expected objects, found {type(item).__name__}")
        _check_place(item)
        _check_time(item, "ts_last")
        _require(item, "order_ids", list)


def _check_execution(value: dict[str, Any]) -> None:
    _check_place(value)
    for name in ("symbol", "side", "order_id"):
        _require(value, name, str)
    for name in ("tags", "fills"):
        _require(value, name, list)
    _check_time(value, "ts_event")


def _check_place(value: dict[str, Any]) -> None:
    for name in ("instrument_id", "sequence_first", "sequence_last"):
        _require(value, name, int)


def _check_time(value: dict[str, Any], name: str) -> None:
    found = value.get(name)
    if not (isinstance(found, str) and _NANOSECONDS.fullmatch(found)):
        raise Malformed(f"{name}: expected ns since the epoch as text, found {found!r}"[:200])


def _require(value: Mapping[str, Any], name: str, kind: type) -> None:
    found = value.get(name)
    accepted = (int, float) if kind is float else kind
    # In Python a bool is an int; in JSON it is not. And 1e999 is JSON, read as infinite.
    is_one = isinstance(found, accepted) and not isinstance(found, bool)
    if not is_one or (isinstance(found, float) and not math.isfinite(found)):
        raise Malformed(f"{name}: expected {kind.__name__}, found {found!r}"[:200])


def _one_of(value: Mapping[str, Any], name: str, allowed: Any) -> None:
    if value[name] not in allowed:
        raise Malformed(f"{name}: expected one of {', '.join(allowed)}, found {value[name]}")


def _decoded(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed(f"{what}: expected UTF-8") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name}, which is no JSON")


CHECKS: Final = {"signals": _check_signal, "executions": _check_execution}

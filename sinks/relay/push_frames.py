"""What a worker and a relay say to each other on `ifd.push.v1`. Pure.

The relay speaks once, a text: `{"op":"have","positions":{generation:{"stream/root":seq}}}`. Then
the worker sends binary frames. Each holds messages one after another: the length of a head (4
bytes, big-endian), the head as JSON, the length of the value, the value as it stands on Kafka. What
the worker cannot give any more it says in a text: `{"op":"gone","ranges":[[stream,root,first,last],
…]}`, with which nothing is to be done but to know it: the hub sees holes by itself.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson

from operators.model.streams import EVENT_STREAMS, VALUE_TYPES
from sinks.published import Published
from sinks.relay.messages import key_of
from sinks.relay.push_ring import Gone, Key
from sinks.relay.requests import ROOT_LENGTH_MAX, SEQ_MAX

PROTOCOL: Final = "ifd.push.v1"
PATH: Final = "/push"
FRAME_BYTES: Final = 262_144
"""A frame is closed when it has reached so many; a larger message ends it, too."""
VALUE_BYTES_MAX: Final = 4 * 1_048_576
"""Of one message; a larger one is not pushed, counted."""
FRAME_BYTES_MAX: Final = 8 * 1_048_576
"""A relay refuses larger ones."""
GONE_MAX: Final = 1_000
"""Ranges in one text."""
GENERATION_LENGTH_MAX: Final = 64
OUTDATED: Final = 4510
"""Close code of the relay: it serves a newer generation than the worker's."""

_LENGTH: Final = struct.Struct(">I")
_KINDS: Final = [str, int, str, str, int, int, int]
_KINDS_LATE: Final = [*_KINDS, bool]
"""A worker of an earlier version does not say whether its feed is late."""

Positions = dict[str, dict[str, int]]
"""Generation → `stream/root` → last seq that is known."""


def have(positions: Positions) -> bytes:
    """What the relay holds."""
    return orjson.dumps({"op": "have", "positions": positions})


def positions_of(text: str | bytes, generation: str) -> dict[Key, int]:
    """What the relay said that it has of a generation.

    Raises:
        ValueError: It said something else.
    """
    said = orjson.loads(text)
    if not isinstance(said, dict) or said.get("op") != "have":
        raise ValueError("expected what the relay has")
    found = said.get("positions")
    if not isinstance(found, dict) or not isinstance(ours := found.get(generation, {}), dict):
        raise ValueError("expected positions")  # noqa: TRY004 - one kind of fault
    return {key_of(name): int(seq) for name, seq in ours.items()}


def gone(ranges: Sequence[Gone]) -> Iterator[bytes]:
    """Texts that say what a worker cannot give any more."""
    for at in range(0, len(ranges), GONE_MAX):
        some = ranges[at : at + GONE_MAX]
        listed = [[one.stream, one.root, one.first, one.last] for one in some]
        yield orjson.dumps({"op": "gone", "ranges": listed})


def gone_of(text: str) -> list[Gone]:
    """What the worker said that it cannot give any more.

    Raises:
        ValueError: It said something else.
    """
    said = orjson.loads(text)
    ranges = said.get("ranges") if isinstance(said, dict) and said.get("op") == "gone" else None
    if not isinstance(ranges, list):
        raise ValueError("expected what is gone")  # noqa: TRY004 - one kind of fault
    for one in ranges:
        if not isinstance(one, list) or [type(part) for part in one] != [str, str, int, int]:
            raise ValueError("expected ranges of stream, root, first and last seq")
        if not 1 <= one[2] <= one[3] <= SEQ_MAX:
            raise ValueError(f"range was {one[2]} to {one[3]}, expected seqs in order")
    return [Gone(*one) for one in ranges]


def frames(messages: Iterable[Published]) -> Iterator[bytes]:
    """Messages as frames of bounded size, in order."""
    parts: list[bytes] = []
    size = 0
    for message in messages:
        for piece in (_head(message), message.value):
            parts += (_LENGTH.pack(len(piece)), piece)
            size += _LENGTH.size + len(piece)
        if size >= FRAME_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def messages_of(frame: bytes) -> list[Published]:
    """The messages of a frame, in order.

    Raises:
        ValueError: It is not what `frames` makes; the text says what was expected.
    """
    found = []
    at = 0
    while at < len(frame):
        head, at = _piece(frame, at)
        value, at = _piece(frame, at)
        found.append(_message(orjson.loads(head), value))
    return found


def _head(message: Published) -> bytes:
    return orjson.dumps(
        [
            message.generation,
            message.generation_ts_ms,
            message.stream,
            message.root,
            message.seq,
            message.ts_event,
            message.ts_published_ns,
            message.late,
        ]
    )


def _piece(frame: bytes, at: int) -> tuple[bytes, int]:
    if at + _LENGTH.size > len(frame):
        raise ValueError(f"frame ends after {len(frame)} bytes, expected a length")
    (size,) = _LENGTH.unpack_from(frame, at)
    start = at + _LENGTH.size
    if start + size > len(frame):
        raise ValueError(f"frame ends after {len(frame)} bytes, expected {start + size}")
    return frame[start : start + size], start + size


def _message(head: Any, value: bytes) -> Published:
    if not isinstance(head, list) or [type(one) for one in head] not in (_KINDS, _KINDS_LATE):
        raise ValueError("expected a head of generation, its time, stream, root, seq and two times")
    generation, generation_ts_ms, stream, root, seq, ts_event, ts_published_ns, *late = head
    message = Published(
        *(generation, generation_ts_ms, stream, root, seq, ts_event, ts_published_ns, value),
        late=late == [True],
    )
    if message.stream not in VALUE_TYPES:
        raise ValueError("expected one of our streams")
    for name, most in (("generation", GENERATION_LENGTH_MAX), ("root", ROOT_LENGTH_MAX)):
        if not 1 <= (length := len(getattr(message, name))) <= most:
            raise ValueError(f"{name} had {length} characters, expected 1 to {most}")
    least = 1 if message.stream in EVENT_STREAMS else 0
    if not least <= message.seq <= (SEQ_MAX if least else 0):
        raise ValueError(f"seq was {message.seq} on {message.stream}")
    _check_value(message)
    return message


def _check_value(message: Published) -> None:
    """What is spliced into frames for clients must be JSON, and be what the head says."""
    found = orjson.loads(message.value)
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object as value")  # noqa: TRY004 - one kind of fault
    for name in ("stream", "root", "seq"):
        if found.get(name) != getattr(message, name):
            raise ValueError(f"the value has another {name} than its head")

"""What a worker and a relay say to each other on `ifd.push.v1`. Pure.

The relay speaks once, a text: `{"op":"have","positions":{generation:{"stream/root":seq}}}`. Then
the worker sends binary frames. Each holds messages one after another: the length of a head (4
bytes, big-endian), the head as JSON, the length of the value, the value as it stands on Kafka.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from operators.model.streams import EVENT_STREAMS, VALUE_TYPES
from sinks.published import Published

PROTOCOL: Final = "ifd.push.v1"
PATH: Final = "/push"
FRAME_BYTES: Final = 262_144
"""A frame is closed when it has reached so many; a larger message is a frame of its own."""
FRAME_BYTES_MAX: Final = 8 * 1_048_576
"""A relay refuses larger ones."""

_LENGTH: Final = struct.Struct(">I")

Positions = dict[str, dict[str, int]]
"""Generation → `stream/root` → last seq that is known."""


def have(positions: Positions) -> bytes:
    """What the relay holds."""
    return orjson.dumps({"op": "have", "positions": positions})


def positions_of(text: str | bytes) -> Positions:
    """What the relay said.

    Raises:
        ValueError: It said something else.
    """
    said = orjson.loads(text)
    if not isinstance(said, dict) or said.get("op") != "have":
        raise ValueError("expected what the relay has")
    found = said.get("positions")
    if not isinstance(found, dict):
        raise ValueError("expected positions")  # noqa: TRY004 - one kind of fault
    return {
        str(generation): {str(key): int(seq) for key, seq in keys.items()}
        for generation, keys in found.items()
    }


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
    kinds = (str, int, str, str, int, int, int)
    if not isinstance(head, list) or [type(one) for one in head] != list(kinds):
        raise ValueError("expected a head of generation, its time, stream, root, seq and two times")
    generation, generation_ts_ms, stream, root, seq, ts_event, ts_published_ns = head
    message = Published(
        generation, generation_ts_ms, stream, root, seq, ts_event, ts_published_ns, value
    )
    if message.stream not in VALUE_TYPES or not message.root or not message.generation:
        raise ValueError(f"stream was {message.stream!r}, expected one of ours")
    if (message.seq >= 1) != (message.stream in EVENT_STREAMS):
        raise ValueError(f"seq was {message.seq} on {message.stream}")
    if not value.startswith(b"{"):
        raise ValueError("expected a JSON object as value")
    return message

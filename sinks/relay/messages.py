"""Frames that the relay sends: encoded once, whoever gets them. JSON text, protocol `ifd.v1`.

The bytes of a value are spliced into its frame as they are: nothing decodes or encodes them again.
Instants are decimal strings of ns since the epoch, as in values.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from operators.model.streams import EVENT_STREAMS, STATE_STREAMS
from sinks.published import Published

PROTOCOL: Final = "ifd.v1"
CHANNELS: Final = (*EVENT_STREAMS, *STATE_STREAMS)
ALL: Final = "*"
"""Stands for every root of a channel."""

Key = tuple[str, str]
"""(channel, root)"""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame, ready for the socket of every client."""

    wire: bytes
    """As RFC 6455 section 5.2 has it: one unmasked, final text frame."""
    conflated: Key | None = None
    """Set on a state channel: a newer frame of the same key makes this one needless."""

    @property
    def text(self) -> bytes:
        """The JSON alone."""
        size = self.wire[1]
        return self.wire[2 if size < TWO_BYTES else 4 if size == TWO_BYTES else 10 :]


TWO_BYTES: Final = 126
EIGHT_BYTES: Final = 127


def frame(text: bytes, conflated: Key | None = None) -> Frame:
    """A frame of ready JSON. RFC 6455 section 5.2: FIN and opcode 1, then the shortest length."""
    size = len(text)
    if size < TWO_BYTES:
        head = bytes((0x81, size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x81, TWO_BYTES, size)
    else:
        head = struct.pack("!BBQ", 0x81, EIGHT_BYTES, size)
    return Frame(head + text, conflated)


def name_of(key: Key) -> str:
    """`channel/root`, as positions are named in frames."""
    return "/".join(key)


def key_of(name: str) -> Key:
    """The key that `channel/root` names."""
    channel, _, root = name.partition("/")
    return channel, root


def update(message: Published, ts_relayed_ns: int, *, is_state: bool) -> Frame:
    """One message, its value as on its topic."""
    head = orjson.dumps(
        {
            "op": "update",
            "channel": message.stream,
            "root": message.root,
            "epoch": message.generation,
            "seq": message.seq,
            "prev_seq": max(message.seq - 1, 0),
            "ts_published_ns": str(message.ts_published_ns),
            "ts_relayed_ns": str(ts_relayed_ns),
        }
        | ({"late": True} if message.late else {})
    )
    text = b'%b,"data":%b}' % (head[:-1], message.value)
    return frame(text, message.key if is_state else None)


def snapshot(key: Key, epoch: str | None, seq: int, values: Iterable[bytes]) -> Frame:
    """The newest messages of an event channel, the current value of a state channel."""
    channel, root = key
    head = orjson.dumps(
        {"op": "snapshot", "channel": channel, "root": root, "epoch": epoch, "seq": seq}
    )
    return frame(b'%b,"data":[%b]}' % (head[:-1], b",".join(values)))


def gap(key: Key, from_seq: int, to_seq: int) -> Frame:
    """The relay itself misses these, both included."""
    channel, root = key
    return _frame("gap", channel=channel, root=root, from_seq=from_seq, to_seq=to_seq)


def epoch_changed(epoch: str) -> Frame:
    """A generation begins."""
    return _frame("epoch", epoch=epoch)


def hello(
    session: str,
    now_ns: int,
    epoch: str | None,
    *,
    heartbeat_ms: int,
    auth_required: bool,
    limits: Mapping[str, int | float],
) -> Frame:
    """The first frame."""
    return _frame(
        "hello",
        session=session,
        protocol=PROTOCOL,
        server_time_ns=str(now_ns),
        heartbeat_ms=heartbeat_ms,
        epoch=epoch,
        auth_required=auth_required,
        limits=limits,
        channels=CHANNELS,
    )


def ack(
    request_id: Any, result: Sequence[Mapping[str, Any]], recovered: Mapping[str, Any] | None
) -> Frame:
    """Answer to subscribe, unsubscribe and auth."""
    more = {} if recovered is None else {"recovered": recovered}
    return _frame("ack", id=request_id, result=result, **more)


def pong(request_id: Any, now_ns: int) -> Frame:
    """Answer to ping."""
    return _frame("pong", id=request_id, server_time_ns=str(now_ns))


def heartbeat(now_ns: int, epoch: str | None, seq: Mapping[str, int]) -> Frame:
    """Nothing else came: the last seq of what is subscribed."""
    return _frame("heartbeat", server_time_ns=str(now_ns), epoch=epoch, seq=seq)


def rate_limited(retry_after_ms: int) -> Frame:
    """A frame of the client's was passed over, because there were too many."""
    return _frame("rate_limited", retry_after_ms=retry_after_ms)


def error(code: str, message: str, request_id: Any = None) -> Frame:
    """A frame of the client's was refused."""
    return _frame("error", id=request_id, code=code, message=message)


def bye(code: int, reason: str, reconnect_after_ms: int | None) -> Frame:
    """The connection is about to be closed; without `reconnect_after_ms` for good."""
    more = {} if reconnect_after_ms is None else {"reconnect_after_ms": reconnect_after_ms}
    return _frame("bye", code=code, reason=reason, **more)


def _frame(op: str, **fields: Any) -> Frame:
    return frame(orjson.dumps({"op": op, **fields}))

"""JSON Schemas of the frames of `ifd.v1`, the protocol of the relay's WebSocket."""

from typing import Any, Final

from sinks.relay.api.components import name_of, ref
from sinks.relay.messages import CHANNELS, PROTOCOL
from sinks.schema import NUMBERS

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
ROOT: Final[Schema] = {"type": "string", "description": "Root, on `status` the feed; `*`: every."}
CHANNEL: Final[Schema] = {"enum": list(CHANNELS)}
EPOCH: Final[Schema] = {
    "type": ["string", "null"],
    "description": "Generation that the relay serves; null before the first message of one.",
}
SEQ: Final[Schema] = {
    "type": "integer",
    "minimum": 0,
    "description": "Contiguous per channel and root from 1 on event channels, 0 on state channels.",
}
ID: Final[Schema] = {
    "type": ["integer", "string", "null"],
    "description": "Chosen by the client and repeated in the answer.",
}
MS: Final[Schema] = {"type": "integer", "minimum": 0, "description": "Milliseconds."}
NS: Final[Schema] = NUMBERS["ts_ns"]
POSITIONS: Final[Schema] = {
    "type": "object",
    "description": "`channel/root` → last seq.",
    "additionalProperties": SEQ,
}
CHANNEL_LIST: Final[Schema] = {"type": "array", "minItems": 1, "items": CHANNEL}
ROOT_LIST: Final[Schema] = {"type": "array", "minItems": 1, "items": ROOT}


def value_form() -> Schema:
    """Any value, as on its topic."""
    return {"oneOf": [ref(name_of(stream)) for stream in CHANNELS]}


def frame(op: str, text: str, properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    """Schema of the frame `op`; properties not named in `optional` are required."""
    return {
        "title": op,
        "description": text,
        "type": "object",
        "properties": {"op": {"const": op}} | properties,
        "required": ["op", *(name for name in properties if name not in optional)],
    }


def client_frames() -> dict[str, Schema]:
    """Op → schema of what a client sends."""
    resume = {
        "type": "object",
        "description": "Go on after these: all after them comes, or `recovered: false`.",
        "properties": {"epoch": TEXT, "seq": POSITIONS},
        "required": ["epoch", "seq"],
    }
    wanted = {"id": ID, "channels": CHANNEL_LIST, "roots": ROOT_LIST}
    forms = (
        frame("auth", "First frame of a client that could send no header.", {"token": TEXT}),
        frame("subscribe", "Ask for channels of roots.", wanted | {"resume": resume}, ("resume",)),
        frame("unsubscribe", "Ask for no more of them.", wanted),
        frame("ping", "Ask for a pong.", {"id": ID}, ("id",)),
    )
    return {form["title"]: form for form in forms}


def server_frames() -> dict[str, Schema]:
    """Op → schema of what the relay sends."""
    forms = (*_session_frames(), *_data_frames(), *_notice_frames())
    return {form["title"]: form for form in forms}


def _session_frames() -> tuple[Schema, ...]:
    result = {
        "type": "object",
        "properties": {"channel": TEXT, "root": ROOT, "ok": {"type": "boolean"}, "reason": TEXT},
        "required": ["channel", "root", "ok"],
    }
    recovered = {
        "type": "object",
        "description": "`channel/root` → whether all after the client's seq follows.",
        "additionalProperties": {
            "type": "object",
            "properties": {"recovered": {"type": "boolean"}, "seq": SEQ, "oldest_seq": SEQ},
            "required": ["recovered", "seq", "oldest_seq"],
        },
    }
    hello = {
        "session": TEXT,
        "protocol": {"const": PROTOCOL},
        "server_time_ns": NS,
        "heartbeat_ms": MS,
        "epoch": EPOCH,
        "auth_required": {"type": "boolean"},
        "limits": {"type": "object"},
        "channels": {"type": "array", "items": CHANNEL},
    }
    answer = {"id": ID, "result": {"type": "array", "items": result}, "recovered": recovered}
    return (
        frame("hello", "First frame of the relay.", hello),
        frame("ack", "Answer to auth, subscribe and unsubscribe.", answer, ("id", "recovered")),
        frame("pong", "Answer to ping.", {"id": ID, "server_time_ns": NS}, ("id",)),
    )


def _data_frames() -> tuple[Schema, ...]:
    place = {"channel": CHANNEL, "root": ROOT, "epoch": EPOCH, "seq": SEQ}
    update = place | {
        "prev_seq": SEQ,
        "ts_published_ns": NS,
        "ts_relayed_ns": NS,
        "late": {"const": True, "description": "Its feed was late; left out where it was not."},
        "data": value_form(),
    }
    values = {"type": "array", "items": value_form()}
    return (
        frame(
            "snapshot",
            "The newest messages of an event channel, the current value of a state channel.",
            place | {"data": values},
        ),
        frame("update", "One message, as on its topic.", update, ("late",)),
        frame(
            "heartbeat",
            "Nothing else came: the last seq of what is subscribed.",
            {"server_time_ns": NS, "epoch": EPOCH, "seq": POSITIONS},
        ),
    )


def _notice_frames() -> tuple[Schema, ...]:
    hole = {"channel": CHANNEL, "root": ROOT, "from_seq": SEQ, "to_seq": SEQ}
    error = {"id": ID, "code": {"type": ["string", "integer"]}, "message": TEXT}
    bye = {"code": {"type": "integer"}, "reason": TEXT, "reconnect_after_ms": MS}
    return (
        frame("gap", "The relay itself misses these, both included.", hole),
        frame("epoch", "A new generation: subscribe again, without resume.", {"epoch": EPOCH}),
        frame("rate_limited", "Too many frames from this client.", {"retry_after_ms": MS}),
        frame("error", "A frame of the client's was refused.", error, ("id",)),
        frame("bye", "The connection is about to be closed.", bye, ("reconnect_after_ms",)),
    )

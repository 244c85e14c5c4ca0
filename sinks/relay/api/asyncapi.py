"""AsyncAPI 3.0 document of the Kafka topics and of the WebSocket, from the types on them."""

from typing import Any, Final

from operators.model.streams import EVENT_STREAMS, VALUE_TYPES, topic
from sinks.relay.api.components import name_of, ref, stream_schemas
from sinks.relay.api.frames import client_frames, server_frames
from sinks.relay.messages import PROTOCOL

HEADERS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "CloudEvents 1.0, binary mode; what a clock or one run adds to a value.",
    "properties": {
        "ce_id": {"type": "string"},
        "ce_time": {"type": "string"},
        "ifd-late": {"const": "true", "description": "Its feed was late; left out if it was not."},
    },
}
SOCKET_TEXT: Final = f"""JSON text frames, subprotocol `{PROTOCOL}`. After `hello` a client that
sent no bearer token in the header sends `auth`, then `subscribe`. Close codes 4000-4499: come back,
with `resume`; 4500 and above: do not."""


def asyncapi(version: str, bootstrap_servers: str, ws_host: str) -> dict[str, Any]:
    """The document. `bootstrap_servers`: of Kafka, empty if there is none; `ws_host`: host:port."""
    frames = {"client": client_frames(), "server": server_frames()}
    return {
        "asyncapi": "3.0.0",
        "id": "urn:ifd",
        "info": {
            "title": "IFD streams",
            "version": version,
            "description": "Signals of institutional order flow with their reasons, live.",
        },
        "defaultContentType": "application/json",
        "servers": _servers(bootstrap_servers, ws_host),
        "channels": _channels(frames, has_kafka=bool(bootstrap_servers)),
        "operations": _operations(),
        "components": {
            "messages": _messages(frames),
            "schemas": {**stream_schemas(), **_frame_schemas(frames)},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _servers(bootstrap_servers: str, ws_host: str) -> dict[str, Any]:
    socket = {
        "host": ws_host,
        "protocol": "ws",
        "description": SOCKET_TEXT,
        "security": [{"$ref": "#/components/securitySchemes/bearer"}],
    }
    servers: dict[str, Any] = {"relay": socket}
    if bootstrap_servers:
        servers["kafka"] = {"host": bootstrap_servers, "protocol": "kafka"}
    return servers


def _channels(frames: dict[str, dict[str, Any]], *, has_kafka: bool) -> dict[str, Any]:
    channels: dict[str, Any] = {
        stream: {
            "address": topic(stream),
            "description": _text(stream),
            "messages": {stream: {"$ref": f"#/components/messages/{stream}"}},
        }
        for stream in VALUE_TYPES
    }
    if has_kafka:
        for channel in channels.values():
            channel["servers"] = [{"$ref": "#/servers/kafka"}]
    names = [f"{who}_{op}" for who, forms in frames.items() for op in forms]
    channels["socket"] = {
        "address": "/",
        "description": SOCKET_TEXT,
        "servers": [{"$ref": "#/servers/relay"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }
    return channels


def _operations() -> dict[str, Any]:
    """What this application does: it sends on every topic and both ways on the socket."""
    operations: dict[str, Any] = {
        f"send_{stream}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/{stream}"},
            "summary": VALUE_TYPES[stream].__doc__,
            "messages": [{"$ref": f"#/channels/{stream}/messages/{stream}"}],
        }
        for stream in VALUE_TYPES
    }
    for action, who, ops in (
        ("receive", "client", client_frames()),
        ("send", "server", server_frames()),
    ):
        for op, form in ops.items():
            operations[f"{who}_{op}"] = {
                "action": action,
                "channel": {"$ref": "#/channels/socket"},
                "summary": form["description"],
                "messages": [{"$ref": f"#/channels/socket/messages/{who}_{op}"}],
            }
    return operations


def _messages(frames: dict[str, dict[str, Any]]) -> dict[str, Any]:
    messages: dict[str, Any] = {
        stream: {
            "name": topic(stream),
            "summary": VALUE_TYPES[stream].__doc__,
            "contentType": "application/json",
            "headers": HEADERS,
            "payload": ref(name_of(stream)),
            "bindings": {
                "kafka": {
                    "key": {"type": "string", "description": "Root; the feed on `status`."},
                    "bindingVersion": "0.5.0",
                }
            },
        }
        for stream in VALUE_TYPES
    }
    for who, forms in frames.items():
        for op, form in forms.items():
            messages[f"{who}_{op}"] = {
                "name": op,
                "summary": form["description"],
                "payload": ref(_frame_name(who, op)),
            }
    return messages


def _frame_schemas(frames: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        _frame_name(who, op): form for who, forms in frames.items() for op, form in forms.items()
    }


def _frame_name(who: str, op: str) -> str:
    return f"Frame_{who}_{op}"


def _text(stream: str) -> str:
    if stream in EVENT_STREAMS:
        return "Event stream: `seq` is contiguous per root from 1; each message once, in order."
    return "State stream: only the newest message of a key counts."

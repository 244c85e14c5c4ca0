"""Frames that clients send, read from bytes that may be anything. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sinks.relay.hub import Resume
from sinks.relay.messages import CHANNELS

RequestId = int | str | None
ID_LENGTH_MAX: Final = 64
ROOT_LENGTH_MAX: Final = 64
SHOWN_MAX: Final = 40
"""Characters of a client's text that an answer repeats."""
SEQ_MAX: Final = 2**53 - 1
"""Largest integer that JavaScript holds exactly."""


class BadFrame(Exception):
    """Not a frame at all: the connection is closed."""


class BadRequest(Exception):
    """A frame that asks for nothing there is; it is answered with an error."""

    def __init__(self, code: str, message: str, request_id: RequestId) -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Auth:
    """`auth`: the token."""

    id: RequestId
    token: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`subscribe`: every channel with every root; some may be refused."""

    id: RequestId
    channels: tuple[str, ...]
    roots: tuple[str, ...]
    resume: Resume | None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """`unsubscribe`: every channel with every root."""

    id: RequestId
    channels: tuple[str, ...]
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """`ping`."""

    id: RequestId


Request = Auth | Subscribe | Unsubscribe | Ping


def parse(data: str | bytes) -> Request:
    """What a client asks for.

    Raises:
        BadFrame: No text, no JSON, or no object.
        BadRequest: An unknown operation or a field that is wrong.
    """
    if not isinstance(data, str):
        raise BadFrame("expected a text frame, found a binary one")
    try:
        found = orjson.loads(data)
    # Lone surrogates have no bytes; the library lets none through, but this is no place to trust.
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise BadFrame("expected JSON, found something else") from error
    if not isinstance(found, dict):
        raise BadFrame("expected a JSON object, found something else")
    request_id = _id(found)
    match found.get("op"):
        case "auth":
            return Auth(request_id, _token(found, request_id))
        case "subscribe":
            channels, roots = _pairs(found, request_id)
            return Subscribe(request_id, channels, roots, _resume(found, request_id))
        case "unsubscribe":
            return Unsubscribe(request_id, *_pairs(found, request_id))
        case "ping":
            return Ping(request_id)
    raise BadRequest(
        "unknown_op",
        f"op was {shown(found.get('op'))}, expected auth, subscribe, unsubscribe or ping",
        request_id,
    )


def shown(value: object) -> str:
    """A client's value as an answer repeats it: short."""
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def fault(channel: str, root: str) -> str | None:
    """Why there can be no such subscription; None if there can."""
    if channel not in CHANNELS:
        return f"channel was {shown(channel)}, expected one of {', '.join(CHANNELS)}"
    if not 1 <= len(root) <= ROOT_LENGTH_MAX or not root.isprintable():
        return f"root was {shown(root)}, expected 1 to {ROOT_LENGTH_MAX} visible characters or *"
    return None


def _id(found: Mapping[str, Any]) -> RequestId:
    value = found.get("id")
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= SEQ_MAX
    is_text = isinstance(value, str) and len(value) <= ID_LENGTH_MAX
    if value is None or is_number or is_text:
        return value
    raise BadRequest(
        "bad_request",
        f"id was {shown(value)}, expected an integer or at most {ID_LENGTH_MAX} characters",
        None,
    )


def _token(found: Mapping[str, Any], request_id: RequestId) -> str:
    token = found.get("token")
    if not isinstance(token, str):
        raise BadRequest("bad_request", "token was missing or no text", request_id)
    return token


def _pairs(
    found: Mapping[str, Any], request_id: RequestId
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _names(found, "channels", request_id), _names(found, "roots", request_id)


def _names(found: Mapping[str, Any], name: str, request_id: RequestId) -> tuple[str, ...]:
    """A list of texts, each once, in the order given."""
    values = found.get(name)
    if isinstance(values, list) and values and all(isinstance(one, str) for one in values):
        return tuple(dict.fromkeys(values))
    raise BadRequest(
        "bad_request", f"{name} was {shown(values)}, expected a list of names", request_id
    )


def _resume(found: Mapping[str, Any], request_id: RequestId) -> Resume | None:
    resume = found.get("resume")
    if resume is None:
        return None
    epoch = resume.get("epoch") if isinstance(resume, dict) else None
    seq = resume.get("seq") if isinstance(resume, dict) else None
    if not isinstance(epoch, str) or not isinstance(seq, dict):
        raise BadRequest(
            "bad_request",
            f"resume was {shown(resume)}, expected an object with epoch and seq",
            request_id,
        )
    for name, value in seq.items():
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= SEQ_MAX:
            raise BadRequest(
                "bad_request",
                f"resume.seq of {shown(name)} was {shown(value)}, expected an integer from 0",
                request_id,
            )
    return Resume(epoch, seq)

"""The text part of a live session: greeting, challenge, authentication, subscriptions, start.

One message is one line of `key=value` joined by `|`. Both sides are here, so that neither can drift
from the other. The clients in Python, Rust and C++ write the fields in different orders, and
`start_session` with or without a value: lines are read as dicts.

References:
    Databento, "Live Subscription Gateway" (raw API).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from operators.model.errors import DecodeError
from operators.model.records import NS_PER_S

LINE_BYTES_MAX: Final = 64 * 1024
"""A line of 500 symbols, as the clients send at most, has about half of it."""
FIELDS_MAX: Final = 32
BUCKET_CHARACTERS: Final = 5
"""Last characters of the key, by which the gateway finds it."""
ALL_SYMBOLS: Final = "ALL_SYMBOLS"
STYPES: Final = ("raw_symbol", "instrument_id", "parent", "continuous")
START_SESSION: Final = "start_session"

Fields = Mapping[str, str]


class Lines:
    """Cuts bytes into lines. State: at most one unfinished line of LINE_BYTES_MAX."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that `data` completes, without their ends.

        Raises:
            DecodeError: a line is longer than LINE_BYTES_MAX.
        """
        *whole, self._held = (self._held + data).split(b"\n")
        longest = max(map(len, (*whole, self._held)))
        if longest > LINE_BYTES_MAX:
            raise DecodeError(f"a line was {longest} bytes long, expected {LINE_BYTES_MAX} at most")
        return [line.removesuffix(b"\r") for line in whole]


def parse_line(line: bytes) -> dict[str, str]:
    """Key → value of one line; the value of a key without `=` is empty.

    Raises:
        DecodeError: it is no text, or a key is missing or stands twice.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise DecodeError(f"expected a line of text, found {line[:40]!r}") from None
    tokens = text.strip().removesuffix("|").split("|")
    if len(tokens) > FIELDS_MAX:
        raise DecodeError(f"a line had {len(tokens)} fields, expected {FIELDS_MAX} at most")
    fields: dict[str, str] = {}
    for token in tokens:
        key, _, value = token.partition("=")
        if not key or key in fields:
            raise DecodeError(f"expected key=value, each key once, found {token[:40]!r}")
        fields[key] = value
    return fields


def format_line(fields: Fields) -> bytes:
    """The line that says `fields`, in their order, with its end."""
    assert not any(c in text for text in (*fields, *fields.values()) for c in "|\n"), fields
    return ("|".join(f"{key}={value}" for key, value in fields.items()) + "\n").encode()


def answer(challenge: str, key: str) -> str:
    """What proves to know `key`, which itself never crosses the wire."""
    digest = hashlib.sha256(f"{challenge}|{key}".encode()).hexdigest()
    return f"{digest}-{key[-BUCKET_CHARACTERS:]}"


def is_answer(given: str, challenge: str, key: str) -> bool:
    """Whether `given` proves to know `key`; takes the same time whatever is wrong."""
    return hmac.compare_digest(given.encode(), answer(challenge, key).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """What a client says of itself and of the session it wants."""

    auth: str
    """See `answer`."""
    dataset: str
    encoding: str = "dbn"
    ts_out: bool = False
    compression: str = "none"
    heartbeat_interval_s: int | None = None
    client: str = ""

    @classmethod
    def parse(cls, fields: Fields) -> "Authentication":
        """From a line's fields; unknown ones are passed over.

        Raises:
            DecodeError: a field is missing or no number.
        """
        interval = fields.get("heartbeat_interval_s")
        return cls(
            auth=_needed(fields, "auth"),
            dataset=_needed(fields, "dataset"),
            encoding=fields.get("encoding", "dbn"),
            ts_out=_flag(fields, "ts_out", default=False),
            compression=fields.get("compression", "none"),
            heartbeat_interval_s=None if interval is None else _number(fields, interval),
            client=fields.get("client", ""),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One line of a subscription; long lists of symbols come in several with the same id."""

    schema: str
    stype_in: str
    symbols: tuple[str, ...]
    """In capitals, as sent; or ALL_SYMBOLS alone."""
    start_ns: int | None = None
    """Replay from here, inclusive, of ts_event; 0 all there is, None nothing."""
    snapshot: bool = False
    id: int | None = None
    is_last: bool = True

    @classmethod
    def parse(cls, fields: Fields) -> "Subscription":
        """From a line's fields; unknown ones are passed over.

        Raises:
            DecodeError: a field is missing or has no meaning.
        """
        stype_in = fields.get("stype_in", "raw_symbol")
        if stype_in not in STYPES:
            raise DecodeError(f"stype_in was {stype_in!r}, expected one of {', '.join(STYPES)}")
        symbols = tuple(filter(None, map(str.strip, _needed(fields, "symbols").split(","))))
        if not symbols:
            raise DecodeError("symbols were empty, expected at least one")
        number = fields.get("id")
        return cls(
            schema=_needed(fields, "schema"),
            stype_in=stype_in,
            symbols=symbols,
            start_ns=_instant(fields["start"]) if "start" in fields else None,
            snapshot=_flag(fields, "snapshot", default=False),
            id=None if number is None else _number(fields, number),
            is_last=_flag(fields, "is_last", default=True),
        )


def _needed(fields: Fields, key: str) -> str:
    if not fields.get(key):
        raise DecodeError(f"expected the field {key}, found {', '.join(fields)}"[:200])
    return fields[key]


def _flag(fields: Fields, key: str, *, default: bool) -> bool:
    value = fields.get(key, str(int(default)))
    if value not in ("0", "1"):
        raise DecodeError(f"{key} was {value[:20]!r}, expected 0 or 1")
    return value == "1"


def _number(fields: Fields, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 20):
        key = next(key for key, each in fields.items() if each == value)
        raise DecodeError(f"{key} was {value[:20]!r}, expected a number")
    return int(value)


def _instant(text: str) -> int:
    """Nanoseconds since the epoch; clients in C++ may also write ISO 8601, taken as UTC."""
    if text.isascii() and text.isdecimal() and len(text) < 20:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = f"start was {text[:40]!r}"
        raise DecodeError(f"{found}, expected ns since the epoch or ISO 8601") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000) * (NS_PER_S // 1_000_000)

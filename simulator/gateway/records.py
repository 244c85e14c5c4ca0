"""Records that the gateway itself speaks: header, mappings, acknowledgements, errors, heartbeats.

Built as a gateway of DBN version 3 builds them: symbol types and times of mappings are undefined,
`schema` and symbols of the header are empty, since a session may mix them.

References:
    DBN encoding (Databento), version 3: Metadata, SymbolMappingMsg, SystemMsg, ErrorMsg.
"""

import struct
from enum import IntEnum
from typing import Final

from databento_dbn import Metadata, SType

from connectors.databento.messages import SYMBOL_CHARS_MAX, mapping_record, system_record
from operators.model.records import RTYPE_ERROR

_ERROR_BYTES: Final = 302
TEXT_BYTES_MAX: Final = 300


class SystemCode(IntEnum):
    """DBN's codes of system messages."""

    HEARTBEAT = 0
    SUBSCRIPTION_ACK = 1
    SLOW_READER_WARNING = 2
    REPLAY_COMPLETED = 3
    END_OF_INTERVAL = 4


class ErrorCode(IntEnum):
    """DBN's codes of errors."""

    AUTH_FAILED = 1
    API_KEY_DEACTIVATED = 2
    CONNECTION_LIMIT_EXCEEDED = 3
    SYMBOL_RESOLUTION_FAILED = 4
    INVALID_SUBSCRIPTION = 5
    INTERNAL_ERROR = 6
    SKIPPED_RECORDS_AFTER_SLOW_READING = 7
    REPLAY_DATA_AGED_OUT = 8


GOES_ON: Final = (
    ErrorCode.SYMBOL_RESOLUTION_FAILED,
    ErrorCode.SKIPPED_RECORDS_AFTER_SLOW_READING,
)
"""Errors after which the session goes on; after the others the gateway closes it."""


def header(dataset: str, start_ns: int, *, ts_out: bool, version: int = 3) -> bytes:
    """Header of a live session."""
    return Metadata(
        dataset=dataset,
        start=start_ns,
        stype_in=None,
        stype_out=SType("instrument_id"),
        schema=None,
        ts_out=ts_out,
        version=version,
    ).encode()


def mapping(ts: int, instrument_id: int, subscription: str, symbol: str) -> bytes:
    """From here on `instrument_id` means `symbol`, which `subscription` brought: 176 bytes."""
    names = subscription[:SYMBOL_CHARS_MAX], symbol[:SYMBOL_CHARS_MAX]
    return mapping_record(instrument_id, ts, *names)


def mapped(raw: bytes) -> tuple[int, str]:
    """Instrument and raw symbol of a mapping of 176 bytes."""
    (instrument_id,) = struct.unpack_from("<I", raw, 4)
    return instrument_id, raw[89:160].split(b"\0", 1)[0].decode("utf-8", "replace")


def system(ts: int, code: SystemCode, text: str) -> bytes:
    """A system message: 320 bytes."""
    return system_record(ts, text[:TEXT_BYTES_MAX], code)


def error(ts: int, code: ErrorCode, text: str, *, is_last: bool = True) -> bytes:
    """An error message: 320 bytes."""
    head = struct.pack("<BBHIQ", 80, RTYPE_ERROR, 0, 0, ts)
    return head + _text(text, _ERROR_BYTES) + bytes([code, is_last])


def heartbeat(ts: int) -> bytes:
    """The market's clock, where nothing else was to be said."""
    return system(ts, SystemCode.HEARTBEAT, "Heartbeat")


def acknowledgement(ts: int, number: int, schema: str) -> bytes:
    """A subscription was taken."""
    text = f"Subscription request {number} for {schema} data succeeded"
    return system(ts, SystemCode.SUBSCRIPTION_ACK, text)


def replay_completed(ts: int, schema: str) -> bytes:
    """What follows of a schema is live."""
    return system(ts, SystemCode.REPLAY_COMPLETED, f"Finished {schema} replay")


def slow_reader(ts: int, schema: str) -> bytes:
    """The client does not keep up; nothing is lost by it."""
    text = f"Warning: slow reading, not keeping pace with {schema} data"
    return system(ts, SystemCode.SLOW_READER_WARNING, text)


def _text(text: str, size: int) -> bytes:
    return text.encode()[: size - 1].ljust(size, b"\0")

"""DBN metadata: the header in front of the records of a file or a session.

Parsed here and not by `databento_dbn`, because bytes of unknown origin must never do more than
raise: every count is checked against the bytes that are there before anything is allocated.

References:
    DBN encoding, "Metadata" (Databento); version 1 to 3.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zlib import crc32

from operators.model.errors import DecodeError

MAGIC: Final = b"DBN"
VERSIONS: Final = (1, 2, 3)
PREFIX_BYTES: Final = 8
"""Magic, version (u1) and length of the rest (u4)."""
BODY_BYTES_MAX: Final = 256 * 1024 * 1024
"""About a million mapped symbols; a longer header is refused before it is read."""

_FIXED_BYTES: Final = 100
_SYMBOL_BYTES_V1: Final = 22
_SCHEMA_NONE: Final = 0xFFFF
SCHEMAS: Final = (
    *("mbo", "mbp-1", "mbp-10", "tbbo", "trades", "ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d"),
    *("definition", "statistics", "status", "imbalance", "ohlcv-eod", "cmbp-1", "cbbo-1s"),
    *("cbbo-1m", "tcbbo", "bbo-1s", "bbo-1m"),
)
"""Schema names by their number in the header."""
_STYPE_INSTRUMENT_ID: Final = 0


@dataclass(frozen=True, slots=True)
class SymbolInterval:
    """What an instrument is called over some days."""

    symbol: str
    """As it was asked for: raw symbol, `ES.c.0`, …"""
    instrument_id: int
    start_ns: int
    """00:00 UTC of the first day, of the time the records are indexed by (ts_recv)."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the records that follow are."""

    version: int
    dataset: str
    schema: str | None
    """`mbo`; None in live sessions, which may mix schemas."""
    ts_out: bool
    """Each record is followed by the gateway's send time, 8 bytes."""
    size_bytes: int
    """Of the whole header: the first record begins here."""
    crc: int
    """CRC-32 of the whole header: tells one file from another."""
    intervals: tuple[SymbolInterval, ...]

    @property
    def mbo_bytes(self) -> int:
        """Size of one market-by-order record: 56, or 64 with ts_out."""
        return 64 if self.ts_out else 56


def refusal(offset: int, expected: str, found: str) -> DecodeError:
    """The error for bytes at `offset` that are not what was promised."""
    return DecodeError(f"byte {offset}: expected {expected}, found {found}")


def header_bytes(data: bytes | bytearray) -> int:
    """Size of the header whose first bytes are `data`, as far as they tell: at least 8.

    Raises:
        DecodeError: the bytes do not begin a DBN header of a known version.
    """
    magic = bytes(data[:3])
    if not MAGIC.startswith(magic):
        raise refusal(0, "the letters DBN", repr(magic))
    if len(data) > 3 and data[3] not in VERSIONS:
        raise refusal(3, "DBN version 1, 2 or 3", f"version {data[3]}")
    if len(data) < PREFIX_BYTES:
        return PREFIX_BYTES
    body_bytes = int.from_bytes(data[4:8], "little")
    if not _FIXED_BYTES + 20 <= body_bytes <= BODY_BYTES_MAX:
        bounds = f"{_FIXED_BYTES + 20} to {BODY_BYTES_MAX} bytes of metadata"
        raise refusal(4, bounds, str(body_bytes))
    return PREFIX_BYTES + body_bytes


def parse_header(data: bytes, schemas: Collection[str] = ("mbo",)) -> Header:
    """The header in `data`, which holds all of it and nothing else.

    Args:
        data: of the size that `header_bytes` gives.
        schemas: those that are welcome, beside several in one session.

    Raises:
        DecodeError: it is damaged, or its schema is another.
    """
    version = data[3]
    schema = _schema(data, schemas)
    symbol_bytes = _SYMBOL_BYTES_V1
    if version == 1:
        stype_in, stype_out, ts_out = data[58], data[59], data[60]
    else:
        stype_in, stype_out, ts_out = data[50], data[51], data[52]
        (symbol_bytes,) = struct.unpack_from("<H", data, 53)
    cursor = _Cursor(data, PREFIX_BYTES + _FIXED_BYTES, symbol_bytes)
    cursor.skip(cursor.count("schema definition", 1))
    for what in ("symbols", "partial symbols", "symbols not found"):
        cursor.skip(cursor.count(what, symbol_bytes) * symbol_bytes)
    return Header(
        version=version,
        dataset=_text(data[8:24]),
        schema=schema,
        ts_out=ts_out != 0,
        size_bytes=len(data),
        crc=crc32(data),
        intervals=tuple(_intervals(cursor, stype_in, stype_out)),
    )


class _Cursor:
    """Reads the variable part of a header, never past its end."""

    def __init__(self, data: bytes, offset: int, symbol_bytes: int) -> None:
        self._data = data
        self._offset = offset
        self._symbol_bytes = symbol_bytes

    def u4(self, what: str) -> int:
        self._need(4, what)
        value = int.from_bytes(self._data[self._offset : self._offset + 4], "little")
        self._offset += 4
        return value

    def count(self, what: str, bytes_each: int) -> int:
        count = self.u4(f"number of {what}")
        self._need(count * bytes_each, f"{count} {what}")
        return count

    def symbol(self) -> str:
        self._need(self._symbol_bytes, "a symbol")
        start = self._offset
        self._offset += self._symbol_bytes
        return _text(self._data[start : self._offset])

    def date_ns(self) -> int:
        value = self.u4("a date")
        try:
            date = datetime(value // 10_000, value // 100 % 100, value % 100, tzinfo=UTC)
        except ValueError:
            raise refusal(self._offset - 4, "a date as YYYYMMDD", str(value)) from None
        return int(date.timestamp()) * 1_000_000_000

    def skip(self, size_bytes: int) -> None:
        self._offset += size_bytes

    def _need(self, size_bytes: int, what: str) -> None:
        left = len(self._data) - self._offset
        if size_bytes > left:
            raise refusal(self._offset, f"{what} ({size_bytes} bytes)", f"{left} bytes of header")


def _schema(data: bytes, schemas: Collection[str]) -> str | None:
    (code,) = struct.unpack_from("<H", data, 24)
    if code == _SCHEMA_NONE:
        return None
    name = SCHEMAS[code] if code < len(SCHEMAS) else f"number {code}"
    if name not in schemas:
        raise refusal(24, f"schema {' or '.join(schemas)}", f"schema {name}")
    return name


def _intervals(cursor: _Cursor, stype_in: int, stype_out: int) -> list[SymbolInterval]:
    """Mappings that name an instrument id on either side; others say nothing about records."""
    intervals = []
    for _ in range(cursor.count("mappings", 4)):
        name = cursor.symbol()
        for _ in range(cursor.count("intervals", 8)):
            start_ns = cursor.date_ns()
            cursor.date_ns()
            value = cursor.symbol()
            symbol, text = (value, name) if stype_in == _STYPE_INSTRUMENT_ID else (name, value)
            ids = _STYPE_INSTRUMENT_ID in (stype_in, stype_out)
            if ids and text.isascii() and text.isdigit() and int(text) < 2**32:
                intervals.append(SymbolInterval(symbol, int(text), start_ns))
    return intervals


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")

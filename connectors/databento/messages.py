"""The rarer DBN records: what an instrument is, does and is called; what the gateway says.

Layouts of DBN v1 to v3 are told apart by the record's own size, which differs wherever the
layout does. Numbers the exchange leaves undefined become None here, before any arithmetic.

References:
    DBN schemas `definition`, `statistics`, `status`; symbol mapping, system and error messages.
"""

import struct
from dataclasses import dataclass
from typing import Final

from operators.model.items import Control, Definition, MarketStatus, Statistic, Tick
from operators.model.records import (
    PRICE_UNDEF,
    RTYPE_DEFINITION,
    RTYPE_ERROR,
    RTYPE_MBO,
    RTYPE_STATISTICS,
    RTYPE_STATUS,
    RTYPE_SYMBOL_MAPPING,
    RTYPE_SYSTEM,
    TS_UNDEF,
)

RTYPES: Final[dict[int, tuple[str, tuple[int, ...]]]] = {
    0: ("trades", (48,)),
    1: ("mbp-1", (80,)),
    10: ("mbp-10", (368,)),
    17: ("ohlcv", (56,)),
    RTYPE_STATUS: ("status", (40,)),
    RTYPE_DEFINITION: ("definition", (360, 400, 520)),
    20: ("imbalance", (112,)),
    RTYPE_ERROR: ("error", (80, 320)),
    RTYPE_SYMBOL_MAPPING: ("symbol-mapping", (80, 176)),
    RTYPE_SYSTEM: ("system", (80, 320)),
    RTYPE_STATISTICS: ("statistics", (64, 80)),
    32: ("ohlcv-1s", (56,)),
    33: ("ohlcv-1m", (56,)),
    34: ("ohlcv-1h", (56,)),
    35: ("ohlcv-1d", (56,)),
    36: ("ohlcv-eod", (56,)),
    RTYPE_MBO: ("mbo", (56,)),
    177: ("cmbp-1", (80,)),
    192: ("cbbo-1s", (80,)),
    193: ("cbbo-1m", (80,)),
    194: ("tcbbo", (80,)),
    195: ("bbo-1s", (80,)),
    196: ("bbo-1m", (80,)),
}
"""Every record type of DBN: its name, and its sizes in bytes without ts_out, in any version."""

TICK_TEXT: Final = "ifd tick"
"""Text of the system record that is a tick."""
CONTROL_PREFIX: Final = "ifd control "
"""Text of the system record that is a control record: this, a name, a space, JSON."""

SYMBOL_CHARS_MAX: Final = 70
"""Of a name in a mapping record."""

_TEXT_BYTES: Final = 303
_SYMBOL_BYTES: Final = SYMBOL_CHARS_MAX + 1
_STYPE_UNDEF: Final = 255
_CODE_UNSET: Final = 255


@dataclass(frozen=True, slots=True)
class SymbolMapping:
    """From here on an instrument id means this symbol."""

    instrument_id: int
    ts_event: int
    subscription: str
    """The symbol that was subscribed to, such as `ES.FUT`."""
    symbol: str
    """The raw symbol it brought, such as `ESH4`."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the gateway said: heartbeat, acknowledgement, warning or error."""

    name: str
    """`system` or `error`."""
    ts_event: int
    text: str
    code: int
    """DBN's SystemCode or ErrorCode; 255 where there is none, as in v1."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record of no use here, passed over by its length."""

    rtype: int
    name: str | None
    """Name of the record type; None if DBN has none such."""


Rare = SymbolMapping | Notice | Skipped | Definition | MarketStatus | Statistic | Tick | Control

NAMES: Final[dict[type, str]] = {
    SymbolMapping: "symbol-mapping",
    Definition: "definition",
    MarketStatus: "status",
    Statistic: "statistics",
    Tick: "tick",
    Control: "control",
}
"""What records of a type are counted as; the others carry their name."""


def decode_message(feed: str, raw: bytes) -> Rare:
    """The record in `raw`: whole, without ts_out, of one of the sizes in RTYPES."""
    rtype = raw[1]
    instrument_id, ts_event = struct.unpack_from("<IQ", raw, 4)
    if rtype == RTYPE_STATISTICS:
        return _statistic(feed, instrument_id, ts_event, raw)
    if rtype == RTYPE_STATUS:
        trading = {b"Y": True, b"N": False}.get(raw[30:31])
        (action,) = struct.unpack_from("<H", raw, 24)
        return MarketStatus(feed, instrument_id, ts_event, action, trading)
    if rtype == RTYPE_DEFINITION:
        return _definition(feed, instrument_id, ts_event, raw)
    if rtype == RTYPE_SYMBOL_MAPPING:
        # v1 has no stypes in front of its symbols of 22 characters.
        asked, got = (raw[16:38], raw[38:60]) if len(raw) == 80 else (raw[17:88], raw[89:160])
        return SymbolMapping(instrument_id, ts_event, _text(asked), _text(got))
    if rtype == RTYPE_SYSTEM:
        return _system(feed, ts_event, raw)
    if rtype == RTYPE_ERROR:
        code = _CODE_UNSET if len(raw) == 80 else raw[318]
        return Notice("error", ts_event, _text(raw[16:80] if len(raw) == 80 else raw[16:318]), code)
    return Skipped(rtype, RTYPES[rtype][0])


def system_record(ts_event: int, text: str, code: int = _CODE_UNSET) -> bytes:
    """Bytes of a v3 system record, 320; `text` at most 302 bytes of UTF-8."""
    raw = text.encode()
    assert len(raw) < _TEXT_BYTES, f"text must be shorter than {_TEXT_BYTES} bytes"
    head = struct.pack("<BBHIQ", 80, RTYPE_SYSTEM, 0, 0, ts_event)
    return head + raw.ljust(_TEXT_BYTES, b"\0") + bytes([code])


def tick_record(ts_event: int) -> bytes:
    """Bytes of a tick: 320."""
    return system_record(ts_event, TICK_TEXT)


def mapping_record(instrument_id: int, ts_event: int, subscription: str, symbol: str) -> bytes:
    """A live gateway's symbol mapping, DBN v3, 176 bytes; names of at most 70 characters."""
    head = struct.pack(
        "<BBHIQB", 44, RTYPE_SYMBOL_MAPPING, 0, instrument_id, ts_event, _STYPE_UNDEF
    )
    names = _name(subscription) + bytes([_STYPE_UNDEF]) + _name(symbol)
    return head + names + struct.pack("<QQ", TS_UNDEF, TS_UNDEF)


def _name(text: str) -> bytes:
    raw = text.encode()
    assert len(raw) < _SYMBOL_BYTES, f"a symbol must be shorter than {_SYMBOL_BYTES} bytes"
    return raw.ljust(_SYMBOL_BYTES, b"\0")


def _system(feed: str, ts_event: int, raw: bytes) -> Tick | Control | Notice:
    old = len(raw) == 80
    text = _text(raw[16:80] if old else raw[16:319])
    if text == TICK_TEXT:
        return Tick(feed, ts_event)
    if text.startswith(CONTROL_PREFIX):
        name, _, value = text[len(CONTROL_PREFIX) :].partition(" ")
        return Control(feed, ts_event, name, value)
    return Notice("system", ts_event, text, _CODE_UNSET if old else raw[319])


def _statistic(feed: str, instrument_id: int, ts_event: int, raw: bytes) -> Statistic:
    if len(raw) == 64:
        price, quantity = struct.unpack_from("<qi", raw, 32)
        (stat_type,) = struct.unpack_from("<H", raw, 52)
        undefined = 2**31 - 1
    else:
        price, quantity = struct.unpack_from("<qq", raw, 32)
        (stat_type,) = struct.unpack_from("<H", raw, 56)
        undefined = 2**63 - 1
    return Statistic(
        feed,
        instrument_id,
        ts_event,
        stat_type,
        None if price == PRICE_UNDEF else price,
        None if quantity == undefined else quantity,
    )


@dataclass(frozen=True, slots=True)
class _DefinitionLayout:
    """Byte offsets of the fields used; texts as (offset, size)."""

    point_value: int
    strike: int
    underlying_id: int
    currency: int
    symbol: tuple[int, int]
    asset: tuple[int, int]
    underlying: int
    instrument_class: int
    tick_rule: int


_DEFINITIONS: Final = {
    360: _DefinitionLayout(88, 328, 116, 186, (200, 22), (248, 7), 300, 325, 356),
    400: _DefinitionLayout(88, 112, 124, 186, (200, 71), (297, 7), 349, 374, 389),
    520: _DefinitionLayout(80, 104, 140, 224, (238, 71), (335, 11), 391, 487, 500),
}


def _definition(feed: str, instrument_id: int, ts_event: int, raw: bytes) -> Definition:
    at = _DEFINITIONS[len(raw)]
    (tick_e9,) = struct.unpack_from("<q", raw, 24)
    (expiration_ns,) = struct.unpack_from("<Q", raw, 40)
    (point_value_e9,) = struct.unpack_from("<q", raw, at.point_value)
    (strike_price_e9,) = struct.unpack_from("<q", raw, at.strike)
    (underlying_id,) = struct.unpack_from("<I", raw, at.underlying_id)
    return Definition(
        feed=feed,
        instrument_id=instrument_id,
        ts_event=ts_event,
        symbol=_field(raw, *at.symbol),
        instrument_class=_field(raw, at.instrument_class, 1),
        asset=_field(raw, *at.asset),
        tick_e9=_positive(tick_e9),
        tick_rule=None if raw[at.tick_rule] == 255 else raw[at.tick_rule],
        point_value_e9=_positive(point_value_e9),
        currency=_field(raw, at.currency, 4),
        expiration_ns=None if expiration_ns in (0, TS_UNDEF) else expiration_ns,
        strike_price_e9=None if strike_price_e9 == PRICE_UNDEF else strike_price_e9,
        underlying=_field(raw, at.underlying, 21),
        underlying_id=None if underlying_id == 0 else underlying_id,
    )


def _positive(value: int) -> int | None:
    """None for UNDEF, and for values that cannot be a step or a multiplier."""
    return value if 0 < value < PRICE_UNDEF else None


def _field(raw: bytes, offset: int, size: int) -> str:
    return _text(raw[offset : offset + size])


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")

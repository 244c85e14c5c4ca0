"""Records of history as a live session would have sent them: DBN v3, names in mapping records."""

import struct
from typing import Final

from databento_dbn import DBNDecoder, VersionUpgradePolicy

from operators.model.records import (
    RTYPE_DEFINITION,
    RTYPE_ERROR,
    RTYPE_STATISTICS,
    RTYPE_SYMBOL_MAPPING,
    RTYPE_SYSTEM,
    TS_UNDEF,
)

_GREW_IN_V2: Final = frozenset({RTYPE_SYMBOL_MAPPING, RTYPE_ERROR, RTYPE_SYSTEM})
_GREW_IN_V3: Final = frozenset({RTYPE_DEFINITION, RTYPE_STATISTICS})
_SYMBOL_BYTES: Final = 71
_STYPE_UNDEF: Final = 255


def upgraded(record: bytes, version: int) -> bytes:
    """One record of DBN `version`, without ts_out, as the same record of v3."""
    grew = record[1] in _GREW_IN_V3 or (version == 1 and record[1] in _GREW_IN_V2)
    if version == 3 or not grew:
        return record
    decoder = DBNDecoder(
        has_metadata=False,
        input_version=version,
        upgrade_policy=VersionUpgradePolicy.UPGRADE_TO_V3,  # type: ignore[arg-type]
    )
    decoder.write(record)
    return bytes(decoder.decode()[0])


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

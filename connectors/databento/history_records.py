"""Records of history as a live session would have sent them: DBN v3."""

from typing import Final

from databento_dbn import DBNDecoder, VersionUpgradePolicy

from operators.model.records import (
    RTYPE_DEFINITION,
    RTYPE_ERROR,
    RTYPE_STATISTICS,
    RTYPE_SYMBOL_MAPPING,
    RTYPE_SYSTEM,
)

_GREW_IN_V2: Final = frozenset({RTYPE_SYMBOL_MAPPING, RTYPE_ERROR, RTYPE_SYSTEM})
_GREW_IN_V3: Final = frozenset({RTYPE_DEFINITION, RTYPE_STATISTICS})


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

"""What was known of instruments where a segment begins: their newest mapping and definition.

Kept beside the segments and not in them, so that a whole tape replays exactly as it was recorded.
Who reads a tape whose first segments have been deleted reads this first.
"""

from pathlib import Path
from typing import Final

import numpy as np
import zstandard

from connectors.databento.header import header_bytes
from connectors.tape.files import write_whole
from connectors.tape.segments import PACKED
from connectors.tape.walk_kernel import SIZES, rare_places
from operators.model.records import RTYPE_DEFINITION, RTYPE_SYMBOL_MAPPING

_LEVEL: Final = 3
_WANTED: Final = np.zeros(256, np.bool_)
_WANTED[[RTYPE_SYMBOL_MAPPING, RTYPE_DEFINITION]] = True


def known_path(folder: Path, number: int) -> Path:
    """Where it is for a segment; a DBN file as the segments are."""
    return folder / f"known-{number:06d}{PACKED}"


class Known:
    """Newest mapping and definition of each instrument. At most 696 bytes for each.

    An instrument's mapping comes before its definition, as a feed brings them.
    """

    def __init__(self) -> None:
        self._records: dict[int, dict[int, bytes]] = {}

    def note(self, data: bytes | memoryview) -> None:
        """Take what is in whole records."""
        octets = np.frombuffer(data, np.uint8)
        for place in rare_places(octets, SIZES, _WANTED).tolist():
            rtype = data[place + 1]
            raw = bytes(data[place : place + int(SIZES[rtype])])
            instrument_id = int.from_bytes(raw[4:8], "little")
            self._records.setdefault(instrument_id, {})[rtype] = raw

    def data(self) -> bytes:
        """All records, one after the other."""
        order = (RTYPE_SYMBOL_MAPPING, RTYPE_DEFINITION)
        each = self._records.values()
        return b"".join(of[rtype] for of in each for rtype in order if rtype in of)


def load_known(folder: Path, number: int) -> Known:
    """What was known where a segment begins; nothing where there is no file, or none of use."""
    known = Known()
    try:
        stored = known_path(folder, number).read_bytes()
        data = zstandard.ZstdDecompressor().decompress(stored)
    except (OSError, zstandard.ZstdError):
        return known
    known.note(data[header_bytes(data) :])
    return known


def store_known(folder: Path, number: int, header: bytes, known: Known) -> None:
    """Write the file of a segment."""
    data = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compress(
        header + known.data()
    )
    write_whole(known_path(folder, number), data)

"""How far a tape is known to be on the disk: what stands before it no power cut can have taken."""

import os
import struct
from pathlib import Path
from typing import Final
from zlib import crc32

from connectors.tape.segments import TapePosition

FILE_NAME: Final = "synced"
_SLOT: Final = struct.Struct("<QQI")
_SLOT_AT: Final = (0, 512)
"""Two slots in sectors of their own, written in turn: one of them is always whole."""


class Checkpoint:
    """The file, open for writing.

    It has its full size from the start, so that a sync is one small write without metadata.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE_NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._turn = 0
        if os.fstat(self._fd).st_size < _SLOT_AT[1] + _SLOT.size:
            os.pwrite(self._fd, bytes(_SLOT_AT[1] + _SLOT.size), 0)

    def write(self, position: TapePosition) -> None:
        """Note that all before `position` is on the disk, and make that last, too."""
        body = _SLOT.pack(position.segment, position.offset, 0)[:-4]
        os.pwrite(self._fd, body + struct.pack("<I", crc32(body)), _SLOT_AT[self._turn])
        os.fdatasync(self._fd)
        self._turn ^= 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def read_checkpoint(folder: Path) -> TapePosition | None:
    """The newest position that was noted; None if there is none, or it is damaged."""
    try:
        data = (folder / FILE_NAME).read_bytes()
    except OSError:
        return None
    found = []
    for at in _SLOT_AT:
        slot = data[at : at + _SLOT.size]
        if len(slot) == _SLOT.size:
            segment, offset, crc = _SLOT.unpack(slot)
            if segment and crc == crc32(slot[:-4]):
                found.append(TapePosition(segment, offset))
    return max(found, default=None)

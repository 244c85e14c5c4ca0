"""Files that are there whole or not at all, also after the power failed."""

import os
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import Final

PART: Final = ".part"
"""Suffix of what is not whole yet."""
FULL: Final = frozenset({ENOSPC, EDQUOT, EFBIG})
"""Numbers of errors that mean: no room."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that its name is that of all of it. The folder is to be synced after."""
    part = path.with_name(path.name + PART)
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def sync_directory(folder: Path) -> None:
    """Make names that were made, changed or removed in a folder last."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written to the disk of a folder."""
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize

"""The segment being written: records are in the page cache at once, and whole or not there."""

import os
from contextlib import suppress
from pathlib import Path

from connectors.tape.files import FULL
from connectors.tape.segments import TapePosition, segment_path
from operators.model.errors import IfdError, StateError


class TapeFull(IfdError):
    """The disk took nothing of what was to be appended: it is still the caller's, to try again."""


class OpenSegment:
    """One raw segment, appended to by one thread and synced by another."""

    def __init__(self, number: int, path: Path, fd: int, end: int) -> None:
        self.number = number
        self.path = path
        self.fd = fd
        self.end = end
        """Where the next record goes; what stands before it is whole."""
        self.is_finished = False
        """Nothing is appended any more; set after the last change of `end`."""

    @property
    def position(self) -> TapePosition:
        """After the last record."""
        return TapePosition(self.number, self.end)

    def append(self, data: memoryview) -> None:
        """Write whole records, one dimension of bytes, or none of them.

        Raises:
            TapeFull: the disk is full.
            StateError: the disk fails.
        """
        _write(self.path, self.fd, self.end, data)
        self.end += len(data)

    def close(self) -> None:
        """Close the file, once."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def new_segment(folder: Path, number: int, header: bytes) -> OpenSegment:
    """A segment that holds its header. The folder is to be synced after.

    Raises:
        TapeFull: the disk is full; nothing was made.
        StateError: the folder cannot be written.
    """
    path = segment_path(folder, number)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refusal(path, error) from error
    segment = OpenSegment(number, path, fd, 0)
    try:
        segment.append(memoryview(header))
    except IfdError:
        segment.close()
        path.unlink()
        raise
    return segment


def reopened(path: Path, number: int, end: int) -> OpenSegment:
    """A segment that was written before, to be continued at `end`.

    Raises:
        StateError: it cannot be written.
    """
    try:
        return OpenSegment(number, path, os.open(path, os.O_RDWR | os.O_CLOEXEC), end)
    except OSError as error:
        raise refusal(path, error) from error


def refusal(path: Path, error: OSError) -> IfdError:
    """The error for a file of a tape that cannot be written."""
    said = error.strerror or str(error)
    if error.errno in FULL:
        return TapeFull(f"{path}: cannot be written: {said}; free space on this disk")
    return StateError(
        f"{path}: the tape cannot be written: {said}; make tape.directory a folder that this "
        "process may write, on a disk that works"
    )


def _write(path: Path, fd: int, offset: int, data: memoryview) -> None:
    written = 0
    try:
        while written < len(data):
            written += os.pwrite(fd, data[written:], offset + written)
    except OSError as error:
        # Half of it would be a torn record to whoever opens this next. Should even this fail, the
        # next attempt writes over it, and opening cuts it.
        with suppress(OSError):
            os.ftruncate(fd, offset)
        raise refusal(path, error) from error

"""The bytes of a segment at any place, whether it is compressed or not."""

import os
from pathlib import Path

import zstandard

from connectors.tape.index import damage, load_index
from connectors.tape.segments import PACKED, RAW, RESTORE, segment_path
from operators.model.errors import FeedError, StateError


class RawBytes:
    """A segment as it was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def size_bytes(self) -> int:
        """Bytes that are there now."""
        return os.fstat(self._fd).st_size

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """At most so many bytes from `offset` on; empty at the end."""
        try:
            return os.pread(self._fd, size_bytes, offset)
        except OSError as error:
            raise unreadable(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class PackedBytes:
    """A compressed segment. Holds one frame, decompressed.

    Raises:
        DecodeError: at construction or reading, where it is damaged.
    """

    def __init__(self, path: Path, index_of: Path | None = None) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._index = load_index(path, index_of)
        except BaseException:
            os.close(self._fd)
            raise
        self._held: tuple[int, bytes] = (0, b"")

    @property
    def size_bytes(self) -> int:
        """Bytes of its data, decompressed."""
        return self._index.size_bytes

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """At most so many bytes of its data from `offset` on; empty at the end."""
        first, data = self._held
        if not first <= offset < first + len(data):
            if offset >= self._index.size_bytes:
                return b""
            first, data = self._held = self._frame(self._index.at(offset))
        return data[offset - first : offset - first + size_bytes]

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _frame(self, number: int) -> tuple[int, bytes]:
        frame = self._index.frames[number]
        stored_bytes, size_bytes = self._index.span(number)
        try:
            stored = os.pread(self._fd, stored_bytes, frame.stored_at)
            data = zstandard.ZstdDecompressor().decompress(stored, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise damage(self.path, frame.offset, str(error)) from error
        except OSError as error:
            raise unreadable(self.path, error) from error
        if len(data) != size_bytes:
            raise damage(self.path, frame.offset, f"{len(data)} bytes instead of {size_bytes}")
        return frame.offset, data


SegmentBytes = RawBytes | PackedBytes


def opened(folder: Path, number: int) -> SegmentBytes:
    """The bytes of a segment; the compressed one if there are both.

    Raises:
        StateError: the segment is missing.
        FeedError: it cannot be read.
    """
    # It may be compressed between one look and the next.
    for suffix in (PACKED, RAW, PACKED):
        path = segment_path(folder, number, suffix)
        try:
            return PackedBytes(path) if suffix == PACKED else RawBytes(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise unreadable(path, error) from error
    raise StateError(f"{folder}: expected segment {number}, found none; {RESTORE}")


def unreadable(path: Path, error: OSError) -> FeedError:
    """The error for a segment that the system will not read."""
    return FeedError(f"{path}: expected a readable segment, found: {error.strerror or error}")

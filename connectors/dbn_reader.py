"""The bytes of one DBN file, whether plain or in zstd frames.

Memory: one chunk and zstd's window (at most 128 MiB), whatever the file claims to hold. Reading
ahead in a thread was tried and gained nothing: kernels that keep the interpreter starve it.
"""

from os import SEEK_END
from pathlib import Path
from typing import IO, Final
from weakref import finalize

import zstandard

from operators.model.errors import DecodeError, FeedError

_ZSTD_MAGIC: Final = 0xFD2FB528
_SKIPPABLE: Final = range(0x184D2A50, 0x184D2A60)
"""Magic numbers of frames that hold no data."""
_FRAME_HEADER_BYTES_MAX: Final = 18
_RLE_BLOCK: Final = 1
_SKIP_BYTES: Final = 4 * 1024 * 1024
_SALVAGE_BYTES: Final = 4
"""Step of reading up to damage; every record is a whole number of steps."""


class DbnReader:
    """One open file.

    Raises:
        FeedError: at construction, where the file is missing or cannot be read.
    """

    def __init__(self, path: str) -> None:
        self._file, self.size_bytes = open_dbn(path)
        # The engine does not promise to close what it drops.
        finalize(self, self._file.close)
        self.path = path
        self.fault: DecodeError | None = None
        """Why the compressed data cannot be read on, once what stood before it has been read."""
        self.done_bytes = 0
        """Bytes of the file, as it is stored, that have been read."""
        self._file.seek(0)
        magic = int.from_bytes(self._file.read(4), "little")
        self.compressed = magic == _ZSTD_MAGIC or magic in _SKIPPABLE
        self._source = _rewound(self._file, compressed=self.compressed)
        self._offset = 0

    def read(self, size_bytes: int) -> bytes:
        """The next bytes, decompressed, at most so many; empty at the end, or at damage."""
        if self.fault is not None:
            return b""
        try:
            data = self._source.read(size_bytes)
        except zstandard.ZstdError as error:
            data = self._salvage(size_bytes)
            found = f"damage ({error})"
            where = f"decompressed byte {self._offset + len(data)}"
            self.fault = DecodeError(f"{self.path}: {where}: expected zstd data, found {found}")
        except OSError as error:
            raise _unreadable(self.path, error) from error
        self._offset += len(data)
        self.done_bytes = self._file.tell()
        if not data and self.compressed and self.fault is None:
            # The decompressor takes a file cut inside a frame for a whole one.
            self.fault = _unfinished(self.path, self._file, self.size_bytes)
        return data

    def skip(self, size_bytes: int) -> None:
        """Pass over bytes: by seeking, or by decompressing them.

        Raises:
            FeedError: there are not so many.
        """
        if not self.compressed:
            self._file.seek(size_bytes, 1)
            self._offset += size_bytes
            if self._offset > self.size_bytes:
                raise self._too_short(self.size_bytes)
            return
        stop = self._offset + size_bytes
        while self._offset < stop:
            if not self.read(min(_SKIP_BYTES, stop - self._offset)):
                raise self._too_short(self._offset)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _salvage(self, size_bytes: int) -> bytes:
        """What of the next bytes can be read before damage, found by reading once more."""
        source = _rewound(self._file, compressed=True)
        data = bytearray()
        left = self._offset
        try:
            while left > 0 and (passed := source.read(min(_SKIP_BYTES, left))):
                left -= len(passed)
            while len(data) < size_bytes and (step := source.read(_SALVAGE_BYTES)):
                data += step
        except zstandard.ZstdError:
            return bytes(data)
        return bytes(data)

    def _too_short(self, found: int) -> FeedError:
        return FeedError(
            f"{self.path}: expected the file read before the stop, found only {found} bytes"
        )


def open_dbn(path: str) -> tuple[IO[bytes], int]:
    """The file, opened for reading, and its size in bytes.

    Raises:
        FeedError: it is missing, is no file, or may not be read.
    """
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - the reader closes it
        return file, file.seek(0, SEEK_END)
    except FileNotFoundError:
        raise FeedError(f"{path}: expected a DBN file, found nothing there") from None
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> FeedError:
    return FeedError(f"{path}: expected a readable DBN file, found: {error.strerror or error}")


def _rewound(file: IO[bytes], *, compressed: bool) -> IO[bytes]:
    file.seek(0)
    if not compressed:
        return file
    decompressor = zstandard.ZstdDecompressor()
    return decompressor.stream_reader(file, read_across_frames=True, closefd=False)


def _unfinished(path: str, file: IO[bytes], size_bytes: int) -> DecodeError | None:
    """The error if the file ends inside a zstd frame, found by walking frames and blocks.

    References:
        RFC 8878, sections 3.1.1 (frames and blocks) and 3.1.2 (skippable frames).
    """
    position = 0
    while position < size_bytes:
        file.seek(position)
        head = file.read(_FRAME_HEADER_BYTES_MAX)
        if int.from_bytes(head[:4], "little") in _SKIPPABLE and len(head) >= 8:
            position += 8 + int.from_bytes(head[4:8], "little")
            continue
        try:
            position += zstandard.frame_header_size(head)
            checksum_bytes = 4 if zstandard.get_frame_parameters(head).has_checksum else 0
        except zstandard.ZstdError:
            position = size_bytes + 1
            break
        position = _after_blocks(file, position, size_bytes) + checksum_bytes
    if position == size_bytes:
        return None
    where = f"{path}: byte {size_bytes}"
    return DecodeError(f"{where}: expected the rest of a zstd frame, found the end of the file")


def _after_blocks(file: IO[bytes], position: int, size_bytes: int) -> int:
    """Where the blocks of a frame end, the first of which begins at `position`."""
    last = False
    while not last and position <= size_bytes:
        file.seek(position)
        head = int.from_bytes(file.read(3), "little")
        last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        position += 3 + (1 if kind == _RLE_BLOCK else size)
    return position if last else size_bytes + 1

"""The bytes of one DBN file, whether plain or in zstd frames, read ahead by one chunk.

Decompressing releases the interpreter, so that a second thread does it while the first one works
on the chunk before. Memory: two chunks and zstd's window (at most 128 MiB), whatever the file
claims to hold.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

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
        self.path = path
        self.fault: DecodeError | None = None
        """Why the compressed data cannot be read on, once what stood before it has been read."""
        self.done_bytes = 0
        """Bytes of the file, as it is stored, that have been read."""
        self._file, self.size_bytes = open_dbn(path)
        magic = int.from_bytes(self._file.read(4), "little")
        self.compressed = magic == _ZSTD_MAGIC or magic in _SKIPPABLE
        self._source = _rewound(self._file, compressed=self.compressed)
        self._offset = 0
        self._pool = ThreadPoolExecutor(1, "dbn-read") if self.compressed else None
        self._ahead: Future[bytes] | None = None

    def read(self, size_bytes: int, *, ahead_bytes: int = 0) -> bytes:
        """The next bytes, decompressed; empty at the end of the file, or at damage.

        Args:
            size_bytes: how many, unless a chunk was read ahead: then that is returned.
            ahead_bytes: how many to read ahead for the next call; ignored for plain files.
        """
        data = self._read(size_bytes) if self._ahead is None else self._ahead.result()
        self._ahead = None
        if self._pool is not None and ahead_bytes > 0 and data:
            self._ahead = self._pool.submit(self._read, ahead_bytes)
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
            if not self._read(min(_SKIP_BYTES, stop - self._offset)):
                raise self._too_short(self._offset)

    def close(self) -> None:
        """Stop reading ahead and close the file."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._file.close()

    def _read(self, size_bytes: int) -> bytes:
        if self.fault is not None:
            return b""
        try:
            data = self._source.read(size_bytes)
        except zstandard.ZstdError as error:
            data = self._salvage(size_bytes)
            found = f"damage ({error})"
            where = f"decompressed byte {self._offset + len(data)}"
            self.fault = DecodeError(f"{self.path}: {where}: expected zstd data, found {found}")
        self._offset += len(data)
        self.done_bytes = self._file.tell()
        if not data and self.compressed and self.fault is None:
            # The decompressor takes a file cut inside a frame for a whole one.
            self.fault = _unfinished(self.path, self._file, self.size_bytes)
        return data

    def _salvage(self, size_bytes: int) -> bytes:
        """What of the next bytes can be read before damage, found by reading once more."""
        source = _rewound(self._file, compressed=True)
        left = self._offset
        while left > 0:
            left -= len(source.read(min(_SKIP_BYTES, left)))
        data = bytearray()
        try:
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
    except FileNotFoundError:
        raise FeedError(f"{path}: expected a DBN file, found nothing there") from None
    except OSError as error:
        raise FeedError(f"{path}: expected a readable DBN file, found: {error.strerror}") from error
    return file, Path(path).stat().st_size


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

"""Where the frames of a compressed segment begin: in the file, in its data, and in time.

The index is a small file beside the segment. It says nothing that the segment does not: where it is
missing or does not fit, it is made anew from the frames' own headers.
"""

import json
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from connectors.tape.segments import HEADER_BYTES, PACKED, RESTORE
from connectors.tape.walk_kernel import ts_event_of
from operators.model.errors import DecodeError

VERSION: Final = 1
_MAGIC: Final = (0xFD2FB528).to_bytes(4, "little")
_HEADER_BYTES_MAX: Final = 18
_RLE_BLOCK: Final = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: independent of the others, whole records; the first begins with the header."""

    stored_at: int
    """Byte of the file."""
    offset: int
    """Byte of the decompressed data."""
    ts_first: int
    """ts_event of its first record, ns; 0 if it holds the header only."""


@dataclass(frozen=True, slots=True)
class Index:
    """All frames of a segment, in order."""

    frames: tuple[Frame, ...]
    stored_bytes: int
    """Size of the file."""
    size_bytes: int
    """Size of its decompressed data."""

    def at(self, offset: int) -> int:
        """Number of the frame that holds a byte of the decompressed data."""
        return bisect_right(self.frames, offset, key=lambda frame: frame.offset) - 1

    def span(self, number: int) -> tuple[int, int]:
        """Bytes of a frame, stored and decompressed."""
        frame = self.frames[number]
        if number + 1 < len(self.frames):
            after = self.frames[number + 1]
            return after.stored_at - frame.stored_at, after.offset - frame.offset
        return self.stored_bytes - frame.stored_at, self.size_bytes - frame.offset


def index_path(segment: Path) -> Path:
    """Where the index of a compressed segment is."""
    return segment.with_name(segment.name.removesuffix(PACKED) + ".index.json")


def index_text(index: Index) -> str:
    """The index as its file has it."""
    return json.dumps(
        {
            "version": VERSION,
            "stored_bytes": index.stored_bytes,
            "size_bytes": index.size_bytes,
            "frames": [[f.stored_at, f.offset, f.ts_first] for f in index.frames],
        }
    )


def load_index(segment: Path, index_of: Path | None = None) -> Index:
    """The index of a compressed segment, from its file if that fits.

    Args:
        segment: the compressed file.
        index_of: whose index it is, where the file does not have its name yet.

    Raises:
        DecodeError: the segment is damaged.
        OSError: it cannot be read.
    """
    stored_bytes = segment.stat().st_size
    try:
        found = json.loads(index_path(index_of or segment).read_text())
        frames = tuple(Frame(*map(int, frame)) for frame in found["frames"])
        index = Index(frames, int(found["stored_bytes"]), int(found["size_bytes"]))
        if found["version"] == VERSION and index.stored_bytes == stored_bytes and frames:
            return index
    except (OSError, ValueError, TypeError, KeyError):
        pass
    return built_index(segment)


def built_index(segment: Path) -> Index:
    """The index from the segment itself: reads the frames' headers and each first record.

    Raises:
        DecodeError: the segment is damaged.
        OSError: it cannot be read.

    References:
        RFC 8878, section 3.1.1: frames and blocks.
    """
    stored_bytes = segment.stat().st_size
    frames: list[Frame] = []
    offset = position = 0
    with segment.open("rb") as file:
        while position < stored_bytes:
            file.seek(position)
            head = file.read(_HEADER_BYTES_MAX)
            try:
                told = zstandard.get_frame_parameters(head)
                first = position + zstandard.frame_header_size(head)
            except zstandard.ZstdError as error:
                raise damage(segment, offset, str(error)) from error
            if head[:4] != _MAGIC or told.content_size in (
                zstandard.CONTENTSIZE_UNKNOWN,
                zstandard.CONTENTSIZE_ERROR,
            ):
                raise damage(segment, offset, "a frame that does not tell its size")
            end = _after_blocks(file, first, stored_bytes) + (4 if told.has_checksum else 0)
            if end > stored_bytes:
                raise damage(segment, offset, "the end of the file inside a frame")
            file.seek(position)
            ts_first = _ts_first(file, HEADER_BYTES if not frames else 0)
            frames.append(Frame(position, offset, ts_first))
            offset += told.content_size
            position = end
    if not frames:
        raise damage(segment, 0, "an empty file")
    return Index(tuple(frames), stored_bytes, offset)


def damage(segment: Path, offset: int, found: str) -> DecodeError:
    """The error for a compressed segment that cannot be read at a byte of its data."""
    return DecodeError(
        f"{segment}: decompressed byte {offset}: expected zstd data, found damage ({found}); "
        f"{RESTORE}"
    )


def _after_blocks(file: BinaryIO, position: int, stored_bytes: int) -> int:
    """Where the blocks of a frame end, the first of which begins at `position`."""
    is_last = False
    while not is_last and position <= stored_bytes:
        file.seek(position)
        head = int.from_bytes(file.read(3), "little")
        is_last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        position += 3 + (1 if kind == _RLE_BLOCK else size)
    return position if is_last else stored_bytes + 1


def _ts_first(file: BinaryIO, skipped: int) -> int:
    stream = zstandard.ZstdDecompressor().stream_reader(file, closefd=False)
    try:
        data = stream.read(skipped + 16)[skipped:]
    except zstandard.ZstdError:
        return 0
    return ts_event_of(data) if len(data) == 16 else 0

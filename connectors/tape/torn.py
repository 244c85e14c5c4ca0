"""Cuts what a kill or a power cut left half written at the end of a tape.

A kill leaves at most the beginning of a write. A power cut may leave, of what had not been synced,
any pages: those missing read as zeros, also between others that were written. What was synced is
whole, and no stored position points past it, so everything from the first doubtful record on goes.
It is put aside, unless it is the rest of one record or nothing but zeros.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from connectors.databento.header import PREFIX_BYTES, header_bytes, parse_header
from connectors.tape.checkpoint import read_checkpoint
from connectors.tape.files import sync_directory
from connectors.tape.segments import HEADER_BYTES, RESTORE, Segment, TapePosition
from connectors.tape.walk_kernel import SIZES, walk
from operators.model.errors import DecodeError, StateError

_RECORD_BYTES_MAX: Final = 520


@dataclass(slots=True)
class Cut:
    """Where a tape ends, and what was taken off to make it so."""

    end: TapePosition
    """Offset 0: the segment is to be begun."""
    cut_bytes: int = 0
    aside: list[Path] = field(default_factory=list)
    """Files that hold what was cut."""


def cut_torn(folder: Path, segments: list[Segment]) -> Cut:
    """Make the tape end with a whole record.

    Args:
        folder: of the tape.
        segments: all of its segments, by number.

    Raises:
        StateError: what was synced is no longer there, or the folder cannot be written.
    """
    synced = read_checkpoint(folder) or TapePosition(0, 0)
    if not segments:
        # Never a number that was in use: a position of then must not mean a place of now.
        return Cut(TapePosition(synced.segment + 1, 0))
    if segments[-1].number < synced.segment:
        raise StateError(
            f"{folder}: expected segment {synced.segment}, which was synced, found none after "
            f"{segments[-1].path.name}; {RESTORE}"
        )
    try:
        cut = _cut_at_first_doubt(segments, synced)
        if cut.cut_bytes:
            sync_directory(folder)
    except OSError as error:
        raise StateError(
            f"{folder}: the tape cannot be read and mended: {error.strerror}; make tape.directory "
            "a folder that this process may write, on a disk that works"
        ) from error
    return cut


def _cut_at_first_doubt(segments: list[Segment], synced: TapePosition) -> Cut:
    cut = Cut(TapePosition(segments[-1].number + 1, 0))
    for index, segment in enumerate(segments):
        if segment.is_packed or segment.number < synced.segment:
            continue
        size_bytes = segment.path.stat().st_size
        known_bytes = synced.offset if segment.number == synced.segment else 0
        whole = _whole_until(segment.path, size_bytes, known_bytes)
        cut.end = TapePosition(segment.number, whole)
        later = segments[index + 1 :]
        is_torn = whole < size_bytes or whole == 0
        if is_torn or not later or later[0].number > segment.number + 1:
            if is_torn:
                _cut_off(segment.path, whole, size_bytes, cut)
            for each in later:
                _put_aside(each.path, cut)
            break
    return cut


def _whole_until(path: Path, size_bytes: int, known_bytes: int) -> int:
    """Where the last record ends that is beyond doubt; 0 if not even the header is whole."""
    if size_bytes < known_bytes:
        raise StateError(
            f"{path}: expected at least the {known_bytes} bytes that were synced, found "
            f"{size_bytes}; {RESTORE}"
        )
    with _mapped(path, size_bytes) as octets:
        begin = known_bytes or _header_bytes_in(octets)
        if begin == 0:
            return 0
        walked, _, last = walk(octets[begin:], SIZES)
        end = begin + int(walked)
        if end == size_bytes:
            return end
        # Zeros are pages that are missing: the record before them may itself reach into one.
        return begin + int(last) if walked and octets[end] == 0 else end


def _header_bytes_in(octets: NDArray[np.uint8]) -> int:
    """Size of the header; 0 if it is not whole."""
    try:
        size = header_bytes(octets[:PREFIX_BYTES].tobytes())
        if len(octets) < size:
            return 0
        return parse_header(octets[:size].tobytes()).size_bytes
    except DecodeError:
        return 0


def _cut_off(path: Path, whole: int, size_bytes: int, cut: Cut) -> None:
    if whole == 0:
        # Not even the header: rare, so nothing is lost by keeping all of it.
        _put_aside(path, cut)
        return
    with _mapped(path, size_bytes) as octets:
        rest = octets[whole:]
        if rest.size > _RECORD_BYTES_MAX and rest.any():
            aside = path.with_name(f"cut-{path.stem}-{whole}.bin")
            rest.tofile(aside)
            cut.aside.append(aside)
    os.truncate(path, whole)
    cut.cut_bytes += size_bytes - whole


def _put_aside(path: Path, cut: Cut) -> None:
    """A whole segment, torn in its header or behind a torn one: it was never synced either."""
    size_bytes = path.stat().st_size
    cut.cut_bytes += size_bytes
    if size_bytes <= HEADER_BYTES:
        path.unlink()
        return
    aside = path.with_name(f"cut-{path.stem}-0.bin")
    path.rename(aside)
    cut.aside.append(aside)


@contextmanager
def _mapped(path: Path, size_bytes: int) -> Iterator[NDArray[np.uint8]]:
    """The file's bytes, (size_bytes,) uint8, without reading those that nobody looks at."""
    if size_bytes == 0:
        yield np.empty(0, np.uint8)
        return
    with path.open("rb") as file:
        # Unmapped with the array: whoever still holds a part of it keeps it valid.
        yield np.frombuffer(mmap.mmap(file.fileno(), size_bytes, prot=mmap.PROT_READ), np.uint8)

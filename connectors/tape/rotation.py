"""Compresses a finished segment: independent frames, compared with the original, then renamed.

A position in a segment means the same before and after: bytes of its decompressed data.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import zstandard

from connectors.tape.files import PART, sync_directory, write_whole
from connectors.tape.index import Frame, Index, index_path, index_text
from connectors.tape.known import Known, load_known, store_known
from connectors.tape.segments import HEADER_BYTES, PACKED, RAW, segment_path
from connectors.tape.stored import PackedBytes
from connectors.tape.walk_kernel import ts_event_of, whole_bytes
from operators.model.errors import DecodeError

_NS_PER_S: Final = 1_000_000_000


class Interrupted(Exception):
    """Compressing was given up, to be begun again later."""


def next_roll_ns(ts_ns: int, minute: int, zone: str) -> int:
    """The first instant after `ts_ns` at which it is that minute of the day in that zone."""
    local = datetime.fromtimestamp(ts_ns // _NS_PER_S, UTC).astimezone(ZoneInfo(zone))
    for days in range(3):
        day = (local + timedelta(days=days)).date()
        at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=local.tzinfo)
        roll_ns = int(at.timestamp()) * _NS_PER_S
        if roll_ns > ts_ns:
            return roll_ns
    raise AssertionError("a day has no such minute")


def pack(
    folder: Path,
    number: int,
    *,
    level: int,
    frame_bytes: int,
    may_go_on: Callable[[], bool] = lambda: True,
) -> tuple[int, int]:
    """Compress a finished, synced segment and remove the original; its bytes before and after.

    Raises:
        Interrupted: `may_go_on` said no; the original is as it was.
        DecodeError: the segment holds something else than whole records, or what was written reads
            otherwise; the original is as it was.
        OSError: the disk is full, or fails; the original is as it was.
    """
    raw = segment_path(folder, number, RAW)
    packed = segment_path(folder, number, PACKED)
    part = packed.with_name(packed.name + PART)
    try:
        known = load_known(folder, number)
        index = _compress(raw, part, known, level, frame_bytes, may_go_on)
        with raw.open("rb") as file:
            header = file.read(HEADER_BYTES)
        store_known(folder, number + 1, header, known)
        write_whole(index_path(packed), index_text(index).encode())
        _compare(raw, part, packed, may_go_on)
        told = raw.stat()
        os.utime(part, ns=(told.st_atime_ns, told.st_mtime_ns))
        part.replace(packed)
        sync_directory(folder)
        raw.unlink()
        sync_directory(folder)
    finally:
        part.unlink(missing_ok=True)
    return index.size_bytes, index.stored_bytes


def _compress(
    raw: Path,
    part: Path,
    known: Known,
    level: int,
    frame_bytes: int,
    may_go_on: Callable[[], bool],
) -> Index:
    compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
    frames = []
    offset = stored_at = 0
    with part.open("wb") as out:
        for data in _pieces(raw, frame_bytes):
            if not may_go_on():
                raise Interrupted
            begin = HEADER_BYTES if offset == 0 else 0
            records = memoryview(data)[begin:]
            known.note(records)
            frames.append(Frame(stored_at, offset, ts_event_of(records) if records else 0))
            stored_at += out.write(compressor.compress(data))
            offset += len(data)
        out.flush()
        os.fsync(out.fileno())
    return Index(tuple(frames), stored_at, offset)


def _pieces(raw: Path, frame_bytes: int) -> Iterator[bytes]:
    """The segment in pieces of whole records, the header before those of the first.

    Raises:
        DecodeError: there is something else in it.
    """
    begin = HEADER_BYTES
    rest = b""
    offset = 0
    with raw.open("rb") as file:
        while data := file.read(frame_bytes):
            data = rest + data
            records = memoryview(data)[begin:]
            end = begin + whole_bytes(records)[0] if len(records) else len(data)
            if end == 0:
                break
            yield data[:end]
            rest = data[end:]
            offset += end
            begin = 0
    if rest:
        raise DecodeError(f"{raw}: byte {offset}: expected whole records, found something else")


def _compare(raw: Path, part: Path, packed: Path, may_go_on: Callable[[], bool]) -> None:
    """What was written, as a reader will read it, is the original.

    Raises:
        DecodeError: it is not.
    """
    source = PackedBytes(part, index_of=packed)
    offset = 0
    try:
        with raw.open("rb") as file:
            while data := source.read_at(offset, source.size_bytes):
                if not may_go_on():
                    raise Interrupted
                if file.read(len(data)) != data:
                    raise DecodeError(
                        f"{packed}: byte {offset}: expected what {raw} holds, found something else"
                    )
                offset += len(data)
            if file.read(1):
                raise DecodeError(f"{packed}: byte {offset}: expected more, found the end")
    finally:
        source.close()

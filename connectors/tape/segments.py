"""What a tape is on the disk: a folder of numbered segments, and a file that says whose it is.

    state/tape/glbx/tape.json                   feed, host, id
                    segment-000001.dbn.zst      finished: zstd frames, see `index`
                    segment-000001.index.json
                    known-000002.dbn.zst        what was known where segment 2 begins, see `known`
                    segment-000002.dbn          being written

Segments are DBN files of version 3 that any reader of such files takes. They follow each other
without hole or repetition.
"""

import json
import re
import socket
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time_ns
from typing import Final
from uuid import uuid4

from connectors.tape.config import TapeConfig
from connectors.tape.files import sync_directory, write_whole
from operators.model.errors import FeedError, StateError

MARKER: Final = "tape.json"
MARKER_VERSION: Final = 1
RESTORE: Final = (
    "put the segment back from a copy, or begin anew: move the tape away and start with an empty "
    "recovery directory"
)
"""What to do about a segment that is missing, damaged or too short."""
RAW: Final = ".dbn"
PACKED: Final = ".dbn.zst"
CUT_ASIDE: Final = "cut-*.bin"
"""What was taken off the end of a tape, kept as long as segments are."""
_SEGMENT: Final = re.compile(r"segment-(\d{6,9})(\.dbn|\.dbn\.zst)")
_FEED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER: Final = struct.Struct("<3sBI16sHQQQBBBH53sIIIII")
_START_AT: Final = 26
_SYMBOL_BYTES: Final = 71
_UNDEF_U1: Final = 255
_UNDEF_U2: Final = 2**16 - 1
_UNDEF_U8: Final = 2**64 - 1
HEADER_BYTES: Final = _HEADER.size
"""Of a segment's header: it names no symbols, the records do."""
assert HEADER_BYTES == 128


@dataclass(frozen=True, slots=True, order=True)
class TapePosition:
    """A place between two records, or before the header of a segment."""

    segment: int
    """From 1 up."""
    offset: int
    """Bytes of the segment before it, decompressed, header included."""

    def __str__(self) -> str:
        return f"segment {self.segment}, byte {self.offset}"


@dataclass(frozen=True, slots=True)
class Marker:
    """What `tape.json` says."""

    feed: str
    host: str
    id: str
    """Tells a tape from one that was begun anew in the same folder."""
    created_ns: int
    version: int = MARKER_VERSION


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of a tape."""

    number: int
    path: Path

    @property
    def is_packed(self) -> bool:
        """Whether it is compressed."""
        return self.path.name.endswith(PACKED)


def folder_of(config: TapeConfig, feed: str) -> Path:
    """Folder of a feed's tape.

    Raises:
        FeedError: the feed's name cannot be that of a folder.
    """
    if not _FEED.fullmatch(feed):
        expected = "at most 64 letters, digits, dots, hyphens and underscores"
        raise FeedError(f"feed {feed!r}: expected a name of {expected}, to name its tape's folder")
    return Path(config.directory) / feed


def segment_path(folder: Path, number: int, suffix: str = RAW) -> Path:
    """Where a segment is, or would be."""
    return folder / f"segment-{number:06d}{suffix}"


def segments_of(folder: Path) -> list[Segment]:
    """The segments in a folder by number; of one that is there in both forms, the compressed.

    A compressed segment has its name only once it has been compared with the other.

    Raises:
        StateError: the folder cannot be read.
    """
    found: dict[int, Segment] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise StateError(
            f"{folder}: expected the folder of a tape, found: {error.strerror}"
        ) from error
    for path in paths:
        # Sorted, so that the compressed one comes after the other.
        if match := _SEGMENT.fullmatch(path.name):
            found[int(match[1])] = Segment(int(match[1]), path)
    return [found[number] for number in sorted(found)]


def check_gapless(folder: Path, segments: list[Segment]) -> None:
    """Every number is there from the first to the last.

    Raises:
        StateError: one is missing.
    """
    for before, after in zip(segments, segments[1:], strict=False):
        if after.number != before.number + 1:
            raise StateError(
                f"{folder}: expected segment {before.number + 1} after {before.path.name}, found "
                f"{after.path.name}; put the missing segments back"
            )


def header_bytes_of(dataset: str, start_ns: int) -> bytes:
    """Header of a segment: as a live session's, with the feed's time at its beginning.

    References:
        DBN encoding, "Metadata", version 3.
    """
    body_bytes = HEADER_BYTES - 8
    no_schema, no_limit, no_stype = _UNDEF_U2, 0, _UNDEF_U1
    stype_instrument_id, no_ts_out, counts = 0, 0, (0, 0, 0, 0, 0)
    return _HEADER.pack(
        *(b"DBN", 3, body_bytes, dataset.encode(), no_schema, start_ns, _UNDEF_U8, no_limit),
        *(no_stype, stype_instrument_id, no_ts_out, _SYMBOL_BYTES, b"", *counts),
    )


def start_of(header: bytes) -> int:
    """The feed's time at the beginning of a segment, ns; 0 unknown."""
    return int.from_bytes(header[_START_AT : _START_AT + 8], "little")


def host_of(config: TapeConfig) -> str:
    """Name of this machine."""
    return config.host or socket.gethostname()


def elsewhere(config: TapeConfig, feed: str) -> str:
    """Why a feed's tape is not on this machine, in a sentence; empty if it is or may be begun."""
    if not config.enabled:
        return ""
    here = host_of(config)
    placed = config.hosts.get(feed)
    if placed is not None and placed != here:
        return f"tape.hosts: the tape of feed {feed} is on {placed}, this is {here}"
    marker = read_marker(folder_of(config, feed))
    if marker is not None and marker.host != here:
        return (
            f"{folder_of(config, feed)}: the tape was begun on {marker.host}, this is {here}; set "
            f"tape.host to {marker.host} if the disk has moved or is shared"
        )
    return ""


def is_here(config: TapeConfig, feed: str) -> bool:
    """Whether this machine may read a feed: its tape is here, or nowhere that is known.

    Raises:
        StateError: what is in the folder is no tape.
    """
    return not elsewhere(config, feed)


def read_marker(folder: Path) -> Marker | None:
    """Whose tape a folder holds; None where none has been begun.

    Raises:
        StateError: its file says something else.
    """
    file = folder / MARKER
    try:
        marker = Marker(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise StateError(
            f"{file}: expected the description of a tape, found: {error}; put it back from a copy, "
            "or begin a tape in another folder (tape.directory)"
        ) from error
    if marker.version != MARKER_VERSION:
        raise StateError(
            f"{file}: expected version {MARKER_VERSION}, found {marker.version}; use the program "
            "that wrote it, or begin a tape in another folder (tape.directory)"
        )
    return marker


def claim(config: TapeConfig, feed: str) -> Marker:
    """The marker of a feed's tape, made if there is none.

    Raises:
        StateError: the folder holds another feed's tape, another machine's, or cannot be written.
    """
    folder = folder_of(config, feed)
    marker = read_marker(folder)
    if marker is None:
        if segments_of(folder):
            raise StateError(
                f"{folder}: expected {MARKER} beside the segments, found none; put it back from a "
                "copy, or move the segments away"
            )
        marker = Marker(feed, host_of(config), uuid4().hex[:16], time_ns())
        write_whole(folder / MARKER, json.dumps(asdict(marker)).encode() + b"\n")
        sync_directory(folder)
    if marker.feed != feed:
        raise StateError(
            f"{folder}: expected the tape of feed {feed}, found that of {marker.feed}; give the "
            "feed a folder of its own, or its old name back"
        )
    if reason := elsewhere(config, feed):
        raise StateError(reason)
    return marker

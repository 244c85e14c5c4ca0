"""DBN files read for an archive: columns, and every other record as its bytes in DBN v3."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import zstandard

from connectors.databento.header import SCHEMAS, Header, header_bytes, parse_header
from connectors.databento.history_records import upgraded
from connectors.databento.wire import Decoder
from operators.model.errors import FeedError
from operators.model.records import MboBatch

CHUNK_BYTES: Final = 1 << 20
_ZSTD: Final = bytes.fromhex("28b52ffd")


def read_records(path: Path) -> Iterator[Header | MboBatch | bytes]:
    """What the file holds, in order.

    Raises:
        FeedError: it is missing or damaged.
    """
    try:
        with path.open("rb") as file:
            compressed = file.read(4) == _ZSTD
            file.seek(0)
            source = file
            if compressed:
                reader = zstandard.ZstdDecompressor()
                source = reader.stream_reader(file, read_across_frames=True, closefd=False)  # type: ignore[assignment]
            yield from split(iter(lambda: source.read(CHUNK_BYTES), b""))
    except (OSError, zstandard.ZstdError) as error:
        raise FeedError(f"{path}: expected a readable DBN file, found: {error}") from error


def split(chunks: Iterator[bytes]) -> Iterator[Header | MboBatch | bytes]:
    """The same of a stream in pieces of any size."""
    header, rest = _header(chunks)
    yield header
    decoder = Decoder("", header=header, offset=header.size_bytes, skip_unknown=True)
    held, begin = b"", header.size_bytes
    for chunk in chain([rest], chunks):
        held += chunk
        at = begin
        for stop, piece in decoder.decode(chunk):
            if isinstance(piece, np.ndarray):
                yield piece
            else:
                yield _raw(held[at - begin : stop - begin], header)
            at = stop
        held, begin = held[at - begin :], at
    decoder.finish()


def _header(chunks: Iterator[bytes]) -> tuple[Header, bytes]:
    """The header, and what of the chunks read stands behind it."""
    head = b""
    while len(head) < (wanted := header_bytes(head)):
        chunk = next(chunks, b"")
        if not chunk:
            raise FeedError(f"expected {wanted} bytes of DBN metadata, found {len(head)}")
        head += chunk
    return parse_header(head[:wanted], SCHEMAS), head[wanted:]


def _raw(record: bytes, header: Header) -> bytes:
    """A record in DBN v3 and without the gateway's send time."""
    if header.ts_out:
        record = bytes([record[0] - 2]) + record[1:-8]
    return record if header.version == 3 else upgraded(record, header.version)

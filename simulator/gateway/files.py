"""DBN files as a market: all of them read once, one after the other, into the log.

Any version, with or without ts_out, compressed or not. Records of old versions become those of
version 3. System messages and errors that a capture holds are left out: the gateway speaks for
itself.
"""

from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import zstandard
from databento_dbn import DBNDecoder, DBNError, InstrumentDefMsg, Metadata, VersionUpgradePolicy
from numpy.typing import NDArray

from connectors.databento.header import PREFIX_BYTES, header_bytes
from operators.model.errors import DecodeError, FeedError
from operators.model.records import (
    MBO_BYTES,
    MBO_DTYPE,
    MBO_DTYPE_TS_OUT,
    RTYPE_DEFINITION,
    RTYPE_STATISTICS,
    RTYPE_STATUS,
    RTYPE_SYMBOL_MAPPING,
    TS_UNDEF,
    MboBatch,
)
from simulator.gateway.directory import FOREVER, Directory, Instrument, instrument_of
from simulator.gateway.log import Log, Words
from simulator.gateway.records import mapped
from simulator.gateway.select_kernel import mbo_run

_CHUNK_BYTES: Final = 1024 * 1024
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_KEPT: Final = (RTYPE_DEFINITION, RTYPE_STATISTICS, RTYPE_STATUS, RTYPE_SYMBOL_MAPPING)


def load(paths: Sequence[Path], log: Log, directory: Directory) -> None:
    """Read `paths` into `log`, and what they say of instruments into `directory`.

    Raises:
        FeedError: a file is missing, unreadable, damaged, or no DBN.
    """
    for path in paths:
        try:
            with path.open("rb") as file:
                for words in _records(_plain(file), directory):
                    log.append(words)
        except OSError as error:
            raise FeedError(f"{path}: expected a readable DBN file, found: {error}") from None
        except (zstandard.ZstdError, DBNError, DecodeError) as error:
            raise FeedError(f"{path}: expected DBN records, found: {error}") from None


def _plain(file: BufferedReader) -> IO[bytes]:
    if file.peek(4)[:4] != _ZSTD_MAGIC:
        return file
    return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)


def _records(source: IO[bytes], directory: Directory) -> Iterator[Words]:
    """Records of one file in chunks."""
    head = _exactly(source, PREFIX_BYTES)
    metadata = Metadata.decode(head + _exactly(source, header_bytes(head) - len(head)))
    _names(metadata, directory)
    ts_out = bool(metadata.ts_out)
    upgrade = DBNDecoder(
        has_metadata=False,
        # The library's own answer is the version it would upgrade to.
        input_version=head[3],
        ts_out=ts_out,
        upgrade_policy=VersionUpgradePolicy(3),
    )
    left = b""
    while data := source.read(_CHUNK_BYTES):
        data = left + data
        parts, used = _parts(data, ts_out, upgrade, directory)
        left = data[used:]
        if parts:
            yield np.frombuffer(b"".join(parts), np.uint32)
    if left:
        raise DecodeError(f"the end inside a record, {len(left)} bytes of it")


def _exactly(source: IO[bytes], size: int) -> bytes:
    """So many bytes: a decompressor gives fewer at the end of a frame."""
    data = b""
    while len(data) < size:
        more = source.read(size - len(data))
        if not more:
            raise DecodeError(f"the end inside the header, after {len(data)} bytes")
        data += more
    return data


def _parts(
    data: bytes, ts_out: bool, upgrade: DBNDecoder, directory: Directory
) -> tuple[list[bytes], int]:
    """Records of `data` as they are served, and how many bytes they took."""
    octets = np.frombuffer(data, np.uint8)
    mbo_bytes = MBO_BYTES + 8 * ts_out
    parts: list[bytes] = []
    at = 0
    while at + 2 <= len(data):
        if rows := mbo_run(octets, at, mbo_bytes):
            parts.append(_rows(data, at, rows, ts_out, directory))
            at += rows * mbo_bytes
            continue
        size = data[at] * 4
        if size < 16:
            raise DecodeError(f"a record of {size} bytes")
        if at + size > len(data):
            break
        if data[at + 1] in _KEPT:
            parts.append(_rare(data[at : at + size], ts_out, upgrade, directory))
        at += size
    return parts, at


def _rows(data: bytes, at: int, rows: int, ts_out: bool, directory: Directory) -> bytes:
    dtype = MBO_DTYPE_TS_OUT if ts_out else MBO_DTYPE
    batch: MboBatch = np.frombuffer(data, dtype, rows, at)
    for instrument_id in _distinct(batch["instrument_id"]):
        directory.add(Instrument(instrument_id, ""))
    if not ts_out:
        return data[at : at + rows * MBO_BYTES]
    words = np.frombuffer(data, np.uint64, rows * 8, at).reshape(rows, 8)[:, :7]
    plain = np.ascontiguousarray(words).reshape(-1).view(MBO_DTYPE)
    plain["length"] = MBO_BYTES // 4
    return plain.tobytes()


def _distinct(ids: NDArray[Any]) -> list[int]:
    return [int(each) for each in np.unique(ids)]


def _rare(raw: bytes, ts_out: bool, upgrade: DBNDecoder, directory: Directory) -> bytes:
    """A record of version 3 without its ts_out."""
    (record,) = upgrade.write_and_decode(raw)
    new = bytes(record)
    if ts_out:
        new = bytes([new[0] - 2]) + new[1:-8]
    if new[1] == RTYPE_SYMBOL_MAPPING:
        directory.add(instrument_of(*mapped(new)))
    elif isinstance(record, InstrumentDefMsg):
        directory.add(defined(record))
    return new


def defined(record: InstrumentDefMsg) -> Instrument:
    """What a definition says of its instrument."""
    expiration = int(record.expiration)
    return Instrument(
        record.instrument_id,
        record.raw_symbol,
        record.asset,
        str(record.instrument_class),
        FOREVER if expiration in (0, TS_UNDEF) else expiration,
    )


def _names(metadata: Metadata, directory: Directory) -> None:
    """Instruments that the header names: from a symbol to ids, or the other way."""
    for symbol, intervals in metadata.mappings.items():
        for interval in intervals:
            other = interval["symbol"]
            for name, number in ((symbol, other), (other, symbol)):
                if number.isascii() and number.isdecimal() and not name.isdecimal():
                    directory.add(instrument_of(int(number), name))

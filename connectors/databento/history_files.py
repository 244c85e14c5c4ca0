"""What was downloaded, read back a chunk at a time: records with the times they were received.

Memory: one chunk of CHUNK_BYTES and zstd's window for each open file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from connectors.databento.header import SCHEMAS, Header, header_bytes, parse_header, refusal
from connectors.databento.history_records import upgraded
from connectors.databento.wire import Decoder
from connectors.dbn_reader import DbnReader
from operators.model.errors import DecodeError, FeedError
from operators.model.records import RTYPE_MBO, MboBatch

CHUNK_BYTES: Final = 56 * 16_384
_TS_RECV: Final = slice(16, 24)
"""Where it stands in definitions, statistics and status."""
_BODY_BYTES_MIN: Final = 24


@dataclass(frozen=True, slots=True)
class Records:
    """Consecutive records of one schema."""

    ts_recv: NDArray[np.uint64]
    """Shape (n,), never decreasing: a later record's is raised to that of one before it."""
    rows: MboBatch | None
    """Shape (n,); None for other records."""
    raw: list[bytes]
    """The other records, DBN v3; empty for market-by-order records."""

    def part(self, first: int, stop: int) -> "Records":
        """Records first…stop − 1."""
        rows = None if self.rows is None else self.rows[first:stop]
        return Records(self.ts_recv[first:stop], rows, self.raw[first:stop])


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a download."""

    path: str
    below_ns: int | None = None
    """Only what was received before it counts: the rest comes with the next part. None: all."""


class HistoryFile:
    """One downloaded file, whole or torn: gives what can be read, then says what was wrong."""

    def __init__(self, path: str) -> None:
        """Open it and read its header.

        Raises:
            FeedError: it cannot be read up to there.
        """
        self.fault: DecodeError | None = None
        """Why it ends where it ends; known at the end."""
        self._reader = DbnReader(path)
        try:
            self.header, self._rest = self._read_header()
        except FeedError:
            self._reader.close()
            raise
        self._decoder = Decoder("", header=self.header, offset=self.header.size_bytes)
        self._newest_ns = 0

    def __iter__(self) -> Iterator[Records]:
        """Chunks of at least one record; afterwards the file is closed."""
        while data := self._next_bytes():
            if self.header.schema == "mbo":
                yield from self._mbo(data)
            else:
                raw, self._rest = self._split(data)
                if raw:
                    ts = [int.from_bytes(each[_TS_RECV], "little") for each in raw]
                    yield Records(self._rising(np.array(ts, np.uint64)), None, raw)
            if self.fault is not None:
                break
        self._finish()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _read_header(self) -> tuple[Header, bytes]:
        head = b""
        while len(head) < (wanted := header_bytes(head)):
            data = self._reader.read(min(wanted - len(head), CHUNK_BYTES))
            if not data:
                raise refusal(0, f"{wanted} bytes of DBN metadata", f"the end after {len(head)}")
            head += data
        return parse_header(head, SCHEMAS), b""

    def _next_bytes(self) -> bytes:
        data = self._reader.read(CHUNK_BYTES)
        return self._rest + data if data and self._rest else data

    def _mbo(self, data: bytes) -> Iterator[Records]:
        for _, piece in self._decoder.decode(data):
            if isinstance(piece, np.ndarray):
                yield Records(self._rising(piece["ts_recv"]), piece, [])
        self.fault = self._decoder.fault

    def _split(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Whole records, and what is left of one."""
        raw, at = [], 0
        while at < len(data) and (size := data[at] * 4) <= len(data) - at:
            if size < _BODY_BYTES_MIN or data[at + 1] == RTYPE_MBO:
                expected = f"a record of schema {self.header.schema}"
                self.fault = refusal(at, expected, f"one of {size} bytes")
                break
            raw.append(upgraded(data[at : at + size], self.header.version))
            at += size
        return raw, data[at:]

    def _rising(self, ts: NDArray[np.uint64]) -> NDArray[np.uint64]:
        rising = np.maximum(np.maximum.accumulate(ts), np.uint64(self._newest_ns))
        self._newest_ns = int(rising[-1])
        return rising

    def _finish(self) -> None:
        self._reader.close()
        if self.fault is None and self._reader.fault is not None:
            self.fault = self._reader.fault
        if self.fault is None and self.header.schema == "mbo":
            try:
                self._decoder.finish()
            except DecodeError as error:
                self.fault = error
        elif self.fault is None and self._rest:
            self.fault = refusal(0, "whole records", f"{len(self._rest)} bytes of one at the end")


def records_of(parts: tuple[Part, ...]) -> Iterator[Records]:
    """The records of a download, over its files, which are closed at the end.

    Raises:
        FeedError: a file cannot be read, or ends before what was found in it when it came.
    """
    for part in parts:
        file = HistoryFile(part.path)
        try:
            for records in file:
                if part.below_ns is None:
                    yield records
                    continue
                stop = int(np.searchsorted(records.ts_recv, np.uint64(part.below_ns)))
                if stop > 0:
                    yield records.part(0, stop)
                if stop < records.ts_recv.size:
                    break
            else:
                if file.fault is not None:
                    raise file.fault
        finally:
            file.close()


@dataclass(frozen=True, slots=True)
class Found:
    """What a download that has ended holds."""

    records: int = 0
    record_bytes: int = 0
    newest_ns: int | None = None
    """ts_recv of the last record; None without any."""
    fault: str = "nothing was received"
    """Why it is not whole; empty if it is."""


def examine(path: str) -> Found:
    """Read a file through: how far it goes, and whether it is whole."""
    records = size = 0
    newest_ns: int | None = None
    try:
        file = HistoryFile(path)
        for each in file:
            records += each.ts_recv.size
            size += sum(map(len, each.raw)) if each.rows is None else each.rows.nbytes
            newest_ns = int(each.ts_recv[-1])
    except FeedError as error:
        return Found(records, size, newest_ns, str(error))
    return Found(records, size, newest_ns, "" if file.fault is None else str(file.fault))

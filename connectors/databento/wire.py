"""DBN bytes in, columns and typed records out: the same for files and live sessions.

Fed with any fragments of a stream, header included, `Decoder` gives what they hold in order.
Market-by-order records come as views of the bytes, as many as stand in a row; every other record
as one small object in its place. Nothing is read, opened or waited for here.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from connectors.databento.header import Header, header_bytes, parse_header, refusal
from connectors.databento.messages import RTYPES, Rare, Skipped, decode_message
from operators.model.errors import DecodeError
from operators.model.records import MBO_BYTES, MBO_DTYPE, RTYPE_MBO, MboBatch

RECORD_BYTES_MIN: Final = 16
"""Every record begins with a header of 16 bytes."""
_WORD_BYTES: Final = 4
_TS_OUT_BYTES: Final = 8


class WithRaw(NamedTuple):
    """A rarer record and the bytes it was read from."""

    item: Rare
    raw: bytes
    """Without send time; of the size that the header's version gives it."""


Piece = Header | MboBatch | Rare | WithRaw
"""One thing a stream holds: its header, some market-by-order records, or one other record."""


class Decoder:
    """Splits one DBN stream. State: at most one unfinished record, or an unfinished header.

    After a fault the stream cannot be followed any further, since only lengths lead from record
    to record. What stood before the fault is given first, the fault is raised at the next call.
    """

    def __init__(
        self,
        feed: str,
        *,
        header: Header | None = None,
        offset: int = 0,
        skip_unknown: bool = False,
        with_raw: bool = False,
    ) -> None:
        """With `header`, go on at byte `offset`, where a record begins.

        Args:
            feed: name of the feed, which the items carry.
            header: None if the stream begins with one.
            offset: of the first byte to come, counted from the start of the stream.
            skip_unknown: pass over record types that DBN does not have, instead of refusing them.
            with_raw: give the rarer records as `WithRaw`, for whoever keeps their bytes.
        """
        self.header = header
        self.offset = offset
        """Of the first byte not yet given as part of a piece."""
        self.fault: DecodeError | None = None
        """What will be raised at the next call."""
        self.ts_out_last = 0
        """Send time of the newest record, ns since the epoch; 0 without ts_out."""
        self._feed = feed
        self._skip_unknown = skip_unknown
        self._with_raw = with_raw
        self._head = bytearray()
        self._tail = b""

    @property
    def wanted_bytes(self) -> int:
        """Bytes that complete the header, as far as known; 0 once it is complete."""
        if self.header is not None:
            return 0
        return header_bytes(self._head) - len(self._head)

    def decode(self, data: bytes) -> list[tuple[int, Piece]]:
        """Pieces in `data` and what was left of earlier calls, each with the offset of its end.

        Arrays have shape (rows,), MBO_DTYPE, are read-only and 8-byte aligned.

        Raises:
            DecodeError: found at an earlier call.
        """
        if self.fault is not None:
            raise self.fault
        pieces: list[tuple[int, Piece]] = []
        try:
            if self.header is None:
                data = self._decode_header(data, pieces)
            if self.header is not None:
                self._decode_records(self._tail + data if self._tail else data, pieces)
        except DecodeError as error:
            self.fault = error
        return pieces

    def finish(self) -> None:
        """Say that the input has ended.

        Raises:
            DecodeError: found at an earlier call, or the input ends inside header or record.
        """
        if self.fault is not None:
            raise self.fault
        if self.header is None:
            if not self._head:
                raise refusal(0, "DBN metadata", "an empty input")
            size = header_bytes(self._head)
            raise refusal(0, f"{size} bytes of DBN metadata", f"the end after {len(self._head)}")
        if self._tail:
            size = self._tail[0] * _WORD_BYTES
            found = f"the end of the input after {len(self._tail)}"
            raise refusal(self.offset, f"{size} bytes of a record", found)

    def _decode_header(self, data: bytes, pieces: list[tuple[int, Piece]]) -> bytes:
        """Take the header's bytes; what follows them."""
        while missing := self.wanted_bytes:
            if not data:
                return b""
            self._head += data[:missing]
            data = data[missing:]
            if len(self._head) == header_bytes(self._head):
                self.header = parse_header(bytes(self._head))
                self._head = bytearray()
                self.offset = self.header.size_bytes
                pieces.append((self.offset, self.header))
        return data

    def _decode_records(self, data: bytes, pieces: list[tuple[int, Piece]]) -> None:
        assert self.header is not None
        self._tail = b""
        start = self.offset
        octets = np.frombuffer(data, np.uint8)
        address = octets.ctypes.data
        mbo_bytes = self.header.mbo_bytes
        position = 0
        while position < len(data):
            rows = _mbo_run(octets, position, mbo_bytes)
            if rows > 0:
                batch = self._rows(data, position, rows, address)
                position += rows * mbo_bytes
                self.offset = start + position
                pieces.append((self.offset, batch))
                continue
            size = self._record_bytes(data, position)
            if position + size > len(data):
                break
            pieces.append((start + position + size, self._rare(data, position, size)))
            position += size
            self.offset = start + position
        self._tail = data[position:]

    def _rows(self, data: bytes, position: int, rows: int, address: int) -> MboBatch:
        """Rows of `data`: a view, or a copy where they hold send times or stand askew."""
        assert self.header is not None
        if self.header.ts_out:
            words = np.frombuffer(data, "<u8", rows * 8, position).reshape(rows, 8)
            self.ts_out_last = int(words[-1, 7])
            batch = words[:, :7].copy().reshape(-1).view(MBO_DTYPE)
            batch["length"] = MBO_BYTES // _WORD_BYTES
        else:
            batch = np.frombuffer(data, MBO_DTYPE, rows, position)
            if (address + position) % 8 == 0:
                return batch
            batch = batch.copy()
        batch.flags.writeable = False
        return batch

    def _record_bytes(self, data: bytes, position: int) -> int:
        """Size of the record that begins at `position`, checked against its type once known."""
        assert self.header is not None
        size = data[position] * _WORD_BYTES
        offset = self.offset
        if size < RECORD_BYTES_MIN:
            raise refusal(offset, "a record of at least 16 bytes", f"a length of {size} bytes")
        if position + 1 == len(data):
            return size
        rtype = data[position + 1]
        if rtype not in RTYPES:
            if not self._skip_unknown:
                raise refusal(offset, "a DBN record", f"unknown record type {rtype}")
            return size
        name, sizes = RTYPES[rtype]
        extra = _TS_OUT_BYTES if self.header.ts_out else 0
        if size - extra not in sizes:
            allowed = " or ".join(str(each + extra) for each in sizes)
            raise refusal(offset, f"{allowed} bytes for a record of type {name}", str(size))
        return size

    def _rare(self, data: bytes, position: int, size: int) -> Rare | WithRaw:
        assert self.header is not None
        rtype = data[position + 1]
        if self.header.ts_out and (rtype in RTYPES or size >= RECORD_BYTES_MIN + _TS_OUT_BYTES):
            size -= _TS_OUT_BYTES
            sent = data[position + size : position + size + _TS_OUT_BYTES]
            self.ts_out_last = int.from_bytes(sent, "little")
        raw = data[position : position + size]
        item = decode_message(self._feed, raw) if rtype in RTYPES else Skipped(rtype, None)
        if not self._with_raw:
            return item
        # The length that a record gives of itself is in words, its send time included.
        return WithRaw(item, bytes([size // _WORD_BYTES]) + raw[1:])


@njit(cache=True)
def _mbo_run(octets: NDArray[np.uint8], position: int, mbo_bytes: int) -> int:
    """How many whole market-by-order records stand in a row from `position` on.

    Length and type are both compared: bars are 56 bytes long, too.
    """
    stop = octets.size - mbo_bytes
    words = mbo_bytes // 4
    rows = 0
    while position <= stop and octets[position] == words and octets[position + 1] == RTYPE_MBO:
        rows += 1
        position += mbo_bytes
    return rows

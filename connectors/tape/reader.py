"""Reads a tape from one position to another, over segments that may be compressed or not."""

from pathlib import Path

import numpy as np

from connectors.databento.header import PREFIX_BYTES, Header, header_bytes, parse_header
from connectors.databento.messages import Rare
from connectors.databento.wire import Decoder
from connectors.tape.segments import RESTORE, TapePosition
from connectors.tape.stored import SegmentBytes, opened
from operators.model.errors import DecodeError, StateError
from operators.model.records import MBO_BYTES, MboBatch

Recorded = Header | MboBatch | tuple[Rare, bytes]
"""A header, market-by-order records, or one other record with its bytes as they were appended."""


class TapeReader:
    """Gives out what stands between two positions. Holds one chunk.

    Close it, or read it to its end.
    """

    def __init__(self, folder: Path, feed: str, from_: TapePosition, to: TapePosition) -> None:
        """Read from `from_` up to `to`; the segments between are opened as they are reached.

        Args:
            folder: of the tape.
            feed: its feed, which the items carry.
            from_: where the first record begins, or offset 0: with the header.
            to: where the last record ends.
        """
        self.position = from_
        """After what was given out last."""
        self._folder = folder
        self._feed = feed
        self._to = to
        self._source: SegmentBytes | None = None
        self._decoder: Decoder | None = None
        self._carry = b""

    def next(self, rows_max: int) -> list[tuple[TapePosition, Recorded]]:
        """What comes next, each with the position after it; empty at the end.

        At most `rows_max` market-by-order records, or one larger record.

        Raises:
            StateError: the tape is shorter than that, or a segment is missing.
            FeedError: it is damaged, or cannot be read.
        """
        while self.position < self._to:
            if self._source is None or self._decoder is None:
                self._source, self._decoder = self._begin()
            if found := self._read(self._source, self._decoder, rows_max):
                return found
        self.close()
        return []

    def close(self) -> None:
        """Close the segment being read."""
        if self._source is not None:
            self._source.close()
        self._source = self._decoder = None

    def _begin(self) -> tuple[SegmentBytes, Decoder]:
        """Open the segment of the position."""
        source = opened(self._folder, self.position.segment)
        self._carry = b""
        offset = self.position.offset
        if offset == 0:
            return source, Decoder(self._feed)
        try:
            size = header_bytes(source.read_at(0, PREFIX_BYTES))
            header = parse_header(source.read_at(0, size))
        except (DecodeError, IndexError) as error:
            source.close()
            raise DecodeError(f"{source.path}: {error}; {RESTORE}") from error
        return source, Decoder(self._feed, header=header, offset=offset)

    def _read(
        self, source: SegmentBytes, decoder: Decoder, rows_max: int
    ) -> list[tuple[TapePosition, Recorded]]:
        number = self.position.segment
        is_last = number == self._to.segment
        limit = self._to.offset if is_last else source.size_bytes
        begin = decoder.offset + len(self._carry)
        data = b""
        if begin < limit and decoder.fault is None:
            wanted = decoder.wanted_bytes or max(rows_max, 1) * MBO_BYTES
            data = source.read_at(begin, min(wanted, limit - begin))
        if not data:
            self._finish(source, decoder, begin, limit)
            self.close()
            self.position = TapePosition(number, limit) if is_last else TapePosition(number + 1, 0)
            return []
        held = self._carry + data if self._carry else data
        first = last = decoder.offset
        found: list[tuple[TapePosition, Recorded]] = []
        for end, piece in decoder.decode(data):
            is_rare = not isinstance(piece, np.ndarray | Header)
            item = (piece, held[last - first : end - first]) if is_rare else piece
            found.append((TapePosition(number, end), item))  # type: ignore[arg-type]
            last = end
        self._carry = held[last - first :]
        self.position = TapePosition(number, last)
        return found

    def _finish(self, source: SegmentBytes, decoder: Decoder, begin: int, limit: int) -> None:
        """At the end of a segment, or at damage."""
        try:
            decoder.finish()
        except DecodeError as error:
            source.close()
            raise DecodeError(f"{source.path}: {error}; {RESTORE}") from error
        if begin < limit:
            source.close()
            raise StateError(
                f"{source.path}: expected the tape to reach byte {limit}, found its end at byte "
                f"{begin}; {RESTORE}"
            )

"""Several DBN files as one stream of pieces, with a position that can be returned to."""

from collections import deque
from pathlib import Path
from typing import Any, Final

import numpy as np

from connectors.databento.header import Header
from connectors.databento.wire import Decoder, Piece
from connectors.dbn_reader import DbnReader
from operators.model.errors import DecodeError, StateError

_HEADER_STEP_BYTES: Final = 1024 * 1024


class DbnStream:
    """Pieces of files, in order. Holds the pieces of one chunk."""

    def __init__(
        self,
        feed: str,
        paths: tuple[str, ...],
        *,
        chunk_rows: int,
        skip_unknown: bool = False,
        may_grow: bool = False,
    ) -> None:
        """Start before the first file; see `go_to`.

        Args:
            feed: name of the feed, which the items carry.
            paths: at least one.
            chunk_rows: market-by-order records read at once.
            skip_unknown: see `Decoder`.
            may_grow: the last file may end inside a record, being written.
        """
        self._feed = feed
        self._paths = paths
        self._chunk_rows = chunk_rows
        self._skip_unknown = skip_unknown
        self._may_grow = may_grow
        self._sizes = [stored_bytes(path) for path in paths]
        self._held: deque[tuple[int, Piece]] = deque()
        self._fault: DecodeError | None = None
        self._open: tuple[DbnReader, Decoder] | None = None
        self._file = 0
        self._offset = 0
        self._header: Header | None = None

    @property
    def head(self) -> Piece | None:
        """The piece that stands next, as far as it has been read."""
        return self._held[0][1] if self._held else None

    @property
    def stored_bytes_total(self) -> int:
        """Size of all files."""
        return sum(self._sizes)

    @property
    def stored_bytes_done(self) -> int:
        """Bytes of the files that have been read."""
        done = sum(self._sizes[: self._file])
        return done if self._open is None else done + self._open[0].done_bytes

    def fill(self) -> bool:
        """Read until there is a `head`; False at the end of the last file.

        Raises:
            DecodeError: the file cannot be read on; all that stood before has been passed.
            FeedError: the next file is missing or cannot be read.
        """
        while not self._held:
            if self._fault is not None:
                raise self._fault
            if self._open is not None:
                self._read(*self._open)
            elif self._file < len(self._paths):
                self._open = self._opened()
            else:
                return False
        return True

    def advance(self, rows: int | None = None) -> None:
        """Pass the head, or the first `rows` of it."""
        stop, piece = self._held.popleft()
        self._offset = stop
        if isinstance(piece, Header):
            self._header = piece
        elif isinstance(piece, np.ndarray) and rows is not None and rows < piece.size:
            assert self._header is not None
            self._held.appendleft((stop, piece[rows:]))
            self._offset -= (piece.size - rows) * self._header.mbo_bytes

    def position(self) -> dict[str, Any]:
        """Where the head stands: file, its name, byte of its (decompressed) data, its header."""
        return {
            "file": self._file,
            "name": self._name(),
            "offset": self._offset,
            "crc": 0 if self._header is None else self._header.crc,
        }

    def go_to(self, position: dict[str, Any]) -> Header | None:
        """Return to a position; the header of the file it lies in, if it lies behind that.

        Raises:
            StateError: the files are not those that the position was taken in.
            FeedError: the file is missing, unreadable, or has become shorter.
        """
        self._file = position["file"]
        if self._name() != position["name"].removesuffix(".zst"):
            expected = f"{position['name'] or 'nothing'} as file {self._file + 1}"
            self._refuse(f"expected {expected}, found {self._name() or 'nothing'}")
        if position["offset"] == 0:
            return None
        reader, decoder = self._opened()
        while decoder.fault is None and decoder.wanted_bytes:
            data = reader.read(min(decoder.wanted_bytes, _HEADER_STEP_BYTES))
            if not data:
                break
            decoder.decode(data)
        header = decoder.header
        if header is None or header.crc != position["crc"]:
            self._refuse(f"expected the header that {reader.path} had, found another")
        assert header is not None
        reader.skip(position["offset"] - header.size_bytes)
        self._offset = position["offset"]
        self._header = header
        decoder = Decoder(
            self._feed, header=header, offset=self._offset, skip_unknown=self._skip_unknown
        )
        self._open = reader, decoder
        return header

    def close(self) -> None:
        """Close the file being read."""
        if self._open is not None:
            self._open[0].close()

    def _opened(self) -> tuple[DbnReader, Decoder]:
        path = self._paths[self._file]
        if self._may_grow and not Path(path).exists():
            path += ".zst"  # Compressed since it was listed.
        reader = DbnReader(path)
        return reader, Decoder(self._feed, skip_unknown=self._skip_unknown)

    def _read(self, reader: DbnReader, decoder: Decoder) -> None:
        """Decode one more chunk, or leave the file at its end."""
        if decoder.header is None:
            data = reader.read(min(decoder.wanted_bytes, _HEADER_STEP_BYTES))
        else:
            data = reader.read(self._chunk_rows * decoder.header.mbo_bytes)
        if data:
            self._held.extend(decoder.decode(data))
            self._fault = decoder.fault and _located(reader, decoder.fault)
            return
        self._fault = reader.fault
        if self._fault is None:
            try:
                decoder.finish()
            except DecodeError as error:
                if not self._is_growing(decoder):
                    self._fault = _located(reader, error)
        if self._fault is None:
            reader.close()
            self._open = self._header = None
            self._file += 1
            self._offset = 0

    def _is_growing(self, decoder: Decoder) -> bool:
        """Whether it ends inside a record only because the rest has yet to be written."""
        is_last = self._file == len(self._paths) - 1
        return self._may_grow and is_last and decoder.fault is None

    def _name(self) -> str:
        """Name of the current file; empty after the last.

        Without its folder, which may move, and whether or not it has been compressed since.
        """
        if self._file == len(self._paths):
            return ""
        return Path(self._paths[self._file]).name.removesuffix(".zst")

    def _refuse(self, found: str) -> None:
        raise StateError(f"feed {self._feed}: {found}; give the files of the run being resumed")


def stored_bytes(path: str) -> int:
    """Size of the file, which can be read.

    Raises:
        FeedError: it cannot.
    """
    reader = DbnReader(path)
    reader.close()
    return reader.size_bytes


def _located(reader: DbnReader, error: DecodeError) -> DecodeError:
    what = "decompressed " if reader.compressed else ""
    return DecodeError(f"{reader.path}: {what}{error}")

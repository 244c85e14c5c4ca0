"""The bytes of one connection as pieces: decompressed, decoded, and of the session asked for."""

from typing import Final

import zstandard

from connectors.databento.header import Header
from connectors.databento.wire import Decoder, Piece
from operators.model.errors import DecodeError

VERSION: Final = 3
"""Of DBN. Records of another version cannot go on the tape as they are."""
_WINDOW_BYTES_MAX: Final = 128 * 1024 * 1024
_SLICE_BYTES: Final = 4096
"""Compressed bytes taken at once. A block of zstd is 128 KiB at most, and 4 bytes at least: so
whatever is sent, 128 MiB come out."""
_RATIO_MAX: Final = 256
"""Of records it is about 4. More is no market data."""


class Incoming:
    """Decoder of one connection. State: an unfinished record, and zstd's window."""

    def __init__(self, feed: str, dataset: str, *, ts_out: bool, is_compressed: bool) -> None:
        self._dataset = dataset
        self._ts_out = ts_out
        self._decoder = Decoder(feed, skip_unknown=True, with_raw=True)
        self._zstd = (
            zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX).decompressobj(
                read_across_frames=True
            )
            if is_compressed
            else None
        )
        self._has_header = False
        self.bytes_in = 0
        """Uncompressed bytes so far: what is billed."""

    @property
    def sent_ns(self) -> int:
        """The gateway's send time of the newest record; 0 without ts_out."""
        return self._decoder.ts_out_last

    @property
    def has_header(self) -> bool:
        """Whether a header came, and was as asked for."""
        return self._has_header

    @property
    def fault(self) -> DecodeError | None:
        """Why it cannot be followed any further, once what stood before has been given."""
        return self._decoder.fault

    def pieces(self, data: bytes) -> list[Piece]:
        """What `data` completes, in order.

        Raises:
            DecodeError: it cannot be followed on, or its header is of another session.
        """
        plain = data if self._zstd is None else self._decompressed(data)
        self.bytes_in += len(plain)
        found = [piece for _, piece in self._decoder.decode(plain)]
        if found and isinstance(found[0], Header):
            self._check(found[0])
        return found

    def _decompressed(self, data: bytes) -> bytes:
        assert self._zstd is not None
        parts: list[bytes] = []
        size = 0
        try:
            for start in range(0, len(data), _SLICE_BYTES):
                parts.append(self._zstd.decompress(data[start : start + _SLICE_BYTES]))
                size += len(parts[-1])
                if size > _RATIO_MAX * (len(data) + _SLICE_BYTES):
                    raise DecodeError(
                        f"expected records, found {size} bytes in {len(data)} compressed ones"
                    )
        except zstandard.ZstdError as error:
            raise DecodeError(f"expected zstd data, found damage ({error})") from error
        return b"".join(parts)

    def _check(self, header: Header) -> None:
        for what, expected, found in (
            ("DBN version", VERSION, header.version),
            ("dataset", self._dataset, header.dataset),
            ("ts_out", self._ts_out, header.ts_out),
        ):
            if expected != found:
                raise DecodeError(f"expected {what} {expected}, found {found}")
        self._has_header = True

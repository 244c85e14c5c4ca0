"""Several downloads as one stream in the order in which a live session would have brought it.

Order: ts_recv, then the order of the downloads (what an instrument is stands before what happens
to it), then the order within each. Memory: one chunk of each download, or as many as share one
ts_recv.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from connectors.databento.history_files import Records
from operators.model.records import MBO_DTYPE, MboBatch

Raw = tuple[int, bytes]
"""ts_recv and the bytes of a record that is no market-by-order record."""
_FOREVER: Final = np.uint64(2**64 - 1)


class _Stream:
    """One download, and what of it has been read and not yet given out."""

    def __init__(self, source: Iterator[Records]) -> None:
        self._source = source
        self.held: list[Records] = []
        self.is_over = False

    @property
    def newest(self) -> np.uint64:
        """What is still to come is not older than this."""
        if self.is_over:
            return _FOREVER
        return np.uint64(self.held[-1].ts_recv[-1]) if self.held else np.uint64(0)

    def fill(self) -> None:
        """Read one more chunk."""
        records = next(self._source, None)
        if records is None:
            self.is_over = True
        else:
            self.held.append(records)

    def take(self, below: np.uint64) -> list[Records]:
        """What is older than `below`, or all at the end."""
        if self.is_over and below == _FOREVER:
            taken, self.held = self.held, []
            return taken
        taken = []
        while self.held:
            first = self.held[0]
            stop = int(np.searchsorted(first.ts_recv, below))
            if stop > 0:
                taken.append(first.part(0, stop))
            if stop < first.ts_recv.size:
                self.held[0] = first.part(stop, first.ts_recv.size)
                break
            self.held.pop(0)
        return taken


def merged(sources: Sequence[Iterator[Records]]) -> Iterator[MboBatch | Raw]:
    """The records of all sources, in order.

    Yields:
        Market-by-order records as arrays of shape (rows,), read-only, and every other record by
        itself in its place between them.
    """
    streams = [_Stream(source) for source in sources]
    while any(stream.held or not stream.is_over for stream in streams):
        for stream in streams:
            if not stream.held and not stream.is_over:
                stream.fill()
        below = min(stream.newest for stream in streams)
        taken = [stream.take(below) for stream in streams]
        if any(taken):
            yield from _joined(taken)
            continue
        # All that is held was received in one moment: its end must be seen first.
        for stream in streams:
            if not stream.is_over and stream.newest == below:
                stream.fill()


def _joined(taken: list[list[Records]]) -> Iterator[MboBatch | Raw]:
    """Records of several streams, each older than all that will come, in order."""
    rare = [
        (int(ts), rank, raw)
        for rank, parts in enumerate(taken)
        for part in parts
        for ts, raw in zip(part.ts_recv, part.raw, strict=False)
    ]
    rare.sort(key=lambda each: each[:2])
    rows, ts_recv = _rows([part for parts in taken for part in parts if part.rows is not None])
    begin = 0
    for ts, _, raw in rare:
        stop = int(np.searchsorted(ts_recv, np.uint64(ts)))
        if stop > begin:
            yield rows[begin:stop]
            begin = stop
        yield ts, raw
    if begin < rows.size:
        yield rows[begin:]


def _rows(parts: list[Records]) -> tuple[MboBatch, NDArray[np.uint64]]:
    """Market-by-order records of the parts in one array, by ts_recv."""
    if not parts:
        return np.empty(0, MBO_DTYPE), np.empty(0, np.uint64)
    batches = [part.rows for part in parts if part.rows is not None]
    if len(parts) == 1:
        return batches[0], parts[0].ts_recv
    ts_recv = np.concatenate([part.ts_recv for part in parts])
    rows = np.concatenate(batches)
    if np.any(ts_recv[1:] < ts_recv[:-1]):
        order = np.argsort(ts_recv, kind="stable")
        rows, ts_recv = rows[order], ts_recv[order]
    rows.flags.writeable = False
    return rows, ts_recv

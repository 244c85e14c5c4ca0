"""Instrument → shard, and records split by it."""

from collections.abc import Callable

import numpy as np

from connectors.split_kernel import WORDS, put, route, scatter
from operators.model.records import MBO_DTYPE, MboBatch

_SLOTS = 1024


class ShardTable:
    """Hash table from instrument id to shard. State: about 12 to 24 bytes an instrument."""

    def __init__(self, shards: int) -> None:
        self._shard_count = shards
        self._entries: dict[int, int] = {}
        self._routes = np.empty(0, np.int16)
        self._resize(_SLOTS)

    def enter(self, instrument_id: int, shard: int) -> None:
        """Send the instrument's records to `shard` from now on."""
        self._entries[instrument_id] = shard
        if len(self._entries) * 2 > self._ids.size:
            self._resize(self._ids.size * 2)
        put(instrument_id, shard, self._ids, self._shards)

    def split(
        self, rows: MboBatch, on_unknown: Callable[[int, int], None]
    ) -> list[tuple[int, MboBatch]]:
        """Rows of each shard that has any, in shard order, each in the order they came.

        Args:
            rows: shape (n,), MBO_DTYPE, read-only.
            on_unknown: called with (instrument id, ts_event) at the first row of an instrument
                that is not in the table; must `enter` it.

        Returns:
            Shards and read-only arrays that cover `rows`; `rows` itself if all are of one shard.
        """
        words = rows.view("<u8").reshape(-1, WORDS)
        if self._routes.size < rows.size:
            self._routes = np.empty(rows.size, np.int16)
        counts = np.zeros(self._shard_count, np.int64)
        row = route(words, 0, self._ids, self._shards, self._routes, counts)
        while row < rows.size:
            on_unknown(int(rows["instrument_id"][row]), int(rows["ts_event"][row]))
            row = route(words, row, self._ids, self._shards, self._routes, counts)
        filled = np.flatnonzero(counts).tolist()
        if len(filled) <= 1:
            return [(shard, rows) for shard in filled]
        stops = np.cumsum(counts)
        parted = np.empty((rows.size, WORDS), np.uint64)
        scatter(words, self._routes, stops - counts, parted)
        whole = parted.reshape(-1).view(MBO_DTYPE)
        whole.flags.writeable = False
        return [(shard, whole[stops[shard] - counts[shard] : stops[shard]]) for shard in filled]

    def _resize(self, slots: int) -> None:
        self._ids = np.zeros(slots, np.uint32)
        self._shards = np.full(slots, -1, np.int16)
        for instrument_id, shard in self._entries.items():
            put(instrument_id, shard, self._ids, self._shards)

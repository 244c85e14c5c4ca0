"""What a historical endpoint has: records by the time they were received, and their symbols.

State: every record given to it, 56 bytes each for market-by-order, in memory. Meant for simulated
days and for recorded files of that size.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from connectors.databento.messages import decode_message
from operators.model.items import Definition
from operators.model.records import (
    F_SNAPSHOT,
    MBO_DTYPE,
    NS_PER_S,
    RTYPE_DEFINITION,
    RTYPE_STATISTICS,
    RTYPE_STATUS,
    RTYPE_SYMBOL_MAPPING,
    MboBatch,
)
from simulator.historical.records import read_records
from simulator.historical.snapshot import book_snapshot

DAY_NS: Final = 86_400 * NS_PER_S
CHUNK_ROWS: Final = 16_384
RARE_SCHEMAS: Final = {
    "definition": RTYPE_DEFINITION,
    "statistics": RTYPE_STATISTICS,
    "status": RTYPE_STATUS,
}
SCHEMAS: Final = ("mbo", *RARE_SCHEMAS)


@dataclass(frozen=True, slots=True)
class Listing:
    """What an instrument is called."""

    instrument_id: int
    symbol: str
    asset: str = ""
    instrument_class: str = ""
    expiration_ns: int = 0


@dataclass(slots=True)
class _Rare:
    """Records of one schema, in the order of ts_recv."""

    ts_recv: list[int] = field(default_factory=list)
    instrument_ids: list[int] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)


class Archive:
    """Records that can be asked for by range and instrument. Used by several threads."""

    def __init__(self) -> None:
        self.listings: dict[int, Listing] = {}
        """Instrument id → its names, as definitions, mappings and file headers tell them."""
        self._lock = Lock()
        self._parts: list[MboBatch] = []
        self._rare = {schema: _Rare() for schema in RARE_SCHEMAS}
        self._snapshots: dict[int, MboBatch] = {}

    def add_file(self, path: Path) -> None:
        """Take the records of a DBN file of any version, plain or in zstd frames.

        Raises:
            FeedError: it is missing or damaged.
        """
        for piece in read_records(path):
            if isinstance(piece, bytes):
                self.add_record(piece)
            elif isinstance(piece, np.ndarray):
                self.add_rows(piece)
            else:
                for each in piece.intervals:
                    self._list(Listing(each.instrument_id, each.symbol))

    def add_rows(self, rows: MboBatch) -> None:
        """Take market-by-order records, shape (n,), MBO_DTYPE."""
        with self._lock:
            self._parts.append(rows)
            self._snapshots.clear()

    def add_record(self, raw: bytes) -> None:
        """Take one other record, of DBN v3 and without ts_out; what is no use here is left out."""
        if raw[1] == RTYPE_SYMBOL_MAPPING:
            symbol = raw[89:160].split(b"\0", 1)[0].decode()
            self._list(Listing(int.from_bytes(raw[4:8], "little"), symbol))
            return
        for schema, rtype in RARE_SCHEMAS.items():
            if raw[1] == rtype:
                self._add_rare(self._rare[schema], raw)
        if raw[1] == RTYPE_DEFINITION:
            item = decode_message("", raw)
            assert isinstance(item, Definition)
            facts = (item.symbol, item.asset, item.instrument_class, item.expiration_ns or 0)
            self.listings[item.instrument_id] = Listing(item.instrument_id, *facts)

    def first_ns(self) -> int | None:
        """Oldest ts_recv of all, None while there is nothing."""
        rows = self._rows()
        first = [each.ts_recv[0] for each in self._rare.values() if each.ts_recv]
        return min([*first, *(rows["ts_recv"][:1].tolist())], default=None)

    def rows(self, ids: frozenset[int] | None, start_ns: int, stop_ns: int) -> Iterator[MboBatch]:
        """Market-by-order records with ts_recv in [start, stop), those of the midnights included.

        At 00:00 UTC of each day stand the books as they are then, as rows of a snapshot, unless
        the records given have such rows of their own there; up to the one after the last record.
        """
        ts = self._rows()["ts_recv"]
        if ts.size == 0 or start_ns >= stop_ns:
            return
        start_ns = max(start_ns, int(ts[0]) // DAY_NS * DAY_NS)
        stop_ns = max(start_ns, min(stop_ns, (int(ts[-1]) // DAY_NS + 1) * DAY_NS + 1))
        cuts = [start_ns, *midnights(start_ns, stop_ns), stop_ns]
        for first, stop in pairwise(cuts):
            if first % DAY_NS == 0:
                yield from _chunks(_of(self._midnight(first), ids))
            rows = self._rows()
            low, high = np.searchsorted(rows["ts_recv"], np.array([first, stop], np.uint64))
            yield from (
                _of(rows[at : min(at + CHUNK_ROWS, high)], ids)
                for at in range(int(low), int(high), CHUNK_ROWS)
            )

    def records(
        self, schema: str, ids: frozenset[int] | None, start_ns: int, stop_ns: int
    ) -> Iterator[bytes]:
        """Other records of `schema` with ts_recv in [start, stop), of DBN v3."""
        rare = self._rare[schema]
        with self._lock:
            low, high = bisect_left(rare.ts_recv, start_ns), bisect_left(rare.ts_recv, stop_ns)
            chosen = list(zip(rare.instrument_ids[low:high], rare.raw[low:high], strict=True))
        yield from (raw for each, raw in chosen if ids is None or each in ids)

    def _list(self, listing: Listing) -> None:
        known = self.listings.get(listing.instrument_id)
        if known is None or not known.asset:
            self.listings[listing.instrument_id] = listing

    def _add_rare(self, rare: _Rare, raw: bytes) -> None:
        # All three schemas have ts_recv right behind the record's header.
        ts_recv = int.from_bytes(raw[16:24], "little")
        with self._lock:
            place = bisect_right(rare.ts_recv, ts_recv)
            rare.ts_recv.insert(place, ts_recv)
            rare.instrument_ids.insert(place, int.from_bytes(raw[4:8], "little"))
            rare.raw.insert(place, raw)

    def _rows(self) -> MboBatch:
        """All market-by-order records in the order of ts_recv; one array from here on."""
        with self._lock:
            if len(self._parts) != 1:
                rows = np.concatenate([np.empty(0, MBO_DTYPE), *self._parts])
                ts: NDArray[np.uint64] = rows["ts_recv"]
                if np.any(ts[1:] < ts[:-1]):
                    rows = rows[np.argsort(ts, kind="stable")]
                rows.flags.writeable = False
                self._parts = [rows]
            return self._parts[0]

    def _midnight(self, ts_ns: int) -> MboBatch:
        """Rows of the books at `ts_ns`; none where the records hold a snapshot of that moment."""
        if ts_ns not in self._snapshots:
            rows = self._rows()
            low, high = np.searchsorted(rows["ts_recv"], np.array([ts_ns, ts_ns + 1], np.uint64))
            has_own = np.any(rows["flags"][low:high] & F_SNAPSHOT)
            self._snapshots[ts_ns] = book_snapshot(rows[: 0 if has_own else low], ts_ns)
        return self._snapshots[ts_ns]


def midnights(start_ns: int, stop_ns: int) -> list[int]:
    """Every 00:00 UTC in (start, stop)."""
    first = (start_ns // DAY_NS + 1) * DAY_NS
    return list(range(first, stop_ns, DAY_NS))


def _of(rows: MboBatch, ids: frozenset[int] | None) -> MboBatch:
    if ids is None:
        return rows
    return rows[np.isin(rows["instrument_id"], np.array(sorted(ids), np.uint32))]


def _chunks(rows: MboBatch) -> Iterator[MboBatch]:
    return (rows[at : at + CHUNK_ROWS] for at in range(0, rows.size, CHUNK_ROWS))

"""What a query brings: a header and records as DBN, or how much it would be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from databento_dbn import Metadata, Schema, SType
from databento_dbn.metadata import MappingInterval

from operators.model.records import MBO_BYTES, NS_PER_S
from simulator.historical.archive import Archive
from simulator.historical.query import Query, Resolved, resolve

RECORD_BYTES: Final[Mapping[str, int]] = {
    "mbo": MBO_BYTES,
    "definition": 520,
    "statistics": 80,
    "status": 40,
}
_PARTIAL: Final = 206


@dataclass(slots=True)
class _Interval:
    """What an instrument is called over some days, as the header wants it."""

    start_date: date
    end_date: date
    symbol: str


@dataclass(slots=True)
class _Mapping:
    raw_symbol: str
    intervals: Sequence[MappingInterval]


def stream(archive: Archive, query: Query) -> tuple[int, Iterator[bytes]]:
    """HTTP status and uncompressed DBN in pieces.

    Raises:
        Refused: no symbol stands for anything.
    """
    resolved = resolve(archive.listings, query)
    return (_PARTIAL if resolved.not_found else 200), _pieces(archive, query, resolved)


def record_count(archive: Archive, query: Query) -> int:
    """Records that the query brings. Raises Refused as `stream`."""
    return billable_bytes(archive, query) // RECORD_BYTES[query.schema]


def billable_bytes(archive: Archive, query: Query) -> int:
    """Bytes of records, uncompressed and without the header. Raises Refused as `stream`."""
    pieces = _records(archive, query, resolve(archive.listings, query))
    return sum(map(len, pieces))


def _pieces(archive: Archive, query: Query, resolved: Resolved) -> Iterator[bytes]:
    yield _header(query, resolved)
    yield from _records(archive, query, resolved)


def _records(archive: Archive, query: Query, resolved: Resolved) -> Iterator[bytes]:
    span = (resolved.ids, query.start_ns, query.stop_ns)
    size = RECORD_BYTES[query.schema]
    left = None if query.limit is None else query.limit * size
    if query.schema == "mbo":
        pieces: Iterator[bytes] = (rows.tobytes() for rows in archive.rows(*span))
    else:
        pieces = archive.records(query.schema, *span)
    for piece in pieces:
        if left is None:
            yield piece
        elif left > 0:
            yield piece[:left]
            left -= len(piece)


def _header(query: Query, resolved: Resolved) -> bytes:
    first, stop = _date(query.start_ns), _date(query.stop_ns - 1) + timedelta(days=1)
    named: dict[str, list[MappingInterval]] = {}
    for each, name in sorted(resolved.names.items()):
        named.setdefault(name, []).append(_Interval(first, stop, str(each)))
    metadata = Metadata(
        dataset=query.dataset,
        start=query.start_ns,
        end=query.stop_ns,
        limit=query.limit,
        stype_in=SType(query.stype_in),
        stype_out=SType("instrument_id"),
        schema=Schema(query.schema),
        symbols=list(query.symbols or ("ALL_SYMBOLS",)),
        partial=[],
        not_found=list(resolved.not_found),
        mappings=[_Mapping(name, intervals) for name, intervals in named.items()],
        ts_out=False,
        version=3,
    )
    return bytes(metadata.encode())


def _date(ts_ns: int) -> date:
    return datetime.fromtimestamp(ts_ns // NS_PER_S, UTC).date()

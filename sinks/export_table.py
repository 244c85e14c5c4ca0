"""What is exported: a table that comes in pieces, and the one made of the store's messages."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final, Protocol

import orjson
import polars as pl

from operators.model.streams import topic
from sinks.export_columns import Column, csv_columns, parquet_types
from sinks.filters import SignalFilter
from sinks.published import Published
from sinks.store import Store

PIECE_ROWS: Final = 2_000
"""Messages in memory at once, and of a row group of Parquet; about 80 kB each while it is made."""


class Piece(Protocol):
    """Some rows, in every form they may be wanted in."""

    @property
    def rows(self) -> int:
        """How many."""

    @property
    def generations(self) -> frozenset[str]:
        """Of which generations."""

    def lines(self) -> list[bytes]:
        """A JSON object each, without line ends."""

    def csv(self) -> bytes:
        """Lines of RFC 4180."""

    def frame(self) -> pl.DataFrame:
        """Columns of Parquet."""


class Table(Protocol):
    """All rows of one query, in an order that depends on nothing but the rows."""

    @property
    def query(self) -> Mapping[str, Any]:
        """What was asked, in JSON's words: equal questions are equal here."""

    @property
    def form(self) -> str:
        """Name and version of what the rows are, such as `ifd.signals.v1`."""

    @property
    def header(self) -> list[str]:
        """Names of the columns of CSV."""

    @property
    def types(self) -> Mapping[str, Any]:
        """Column → polars type, of Parquet."""

    def count(self) -> int:
        """About how many rows there are, for whoever waits."""

    def pieces(self) -> Iterator[Piece]:
        """The rows, from the first one at each call."""


class MessageTable:
    """Messages of an event stream, oldest first. Raises as the store does."""

    def __init__(
        self, store: Store, stream: str, chosen: SignalFilter, *, latest: bool = False
    ) -> None:
        """`latest`: of each signal its last revision. Raises FilterError."""
        chosen.check(stream)
        self._store = store
        self._stream = stream
        self._chosen = chosen
        self._latest = latest
        self._columns = csv_columns(stream)

    @property
    def query(self) -> Mapping[str, Any]:
        """See `Table`."""
        asked: dict[str, Any] = {"stream": self._stream, "filter": self._chosen.words()}
        return asked | ({"view": "latest"} if self._latest else {})

    @property
    def form(self) -> str:
        """See `Table`."""
        return topic(self._stream)

    @property
    def header(self) -> list[str]:
        """See `Table`."""
        return [column.name for column in self._columns]

    @property
    def types(self) -> Mapping[str, Any]:
        """See `Table`."""
        return {name: types.final for name, types in parquet_types(self._stream).items()}

    def count(self) -> int:
        """See `Table`."""
        return self._store.count(self._stream, self._chosen, latest=self._latest)

    def pieces(self) -> Iterator["MessagePiece"]:
        """See `Table`."""
        rows = self._store.stream(self._stream, self._chosen, latest=self._latest)
        while piece := tuple(islice(rows, PIECE_ROWS)):
            yield MessagePiece(piece, self._stream, self._columns)


@dataclass(frozen=True)
class MessagePiece:
    """Some messages of one stream."""

    messages: tuple[Published, ...]
    stream: str
    columns: list[Column]

    @property
    def rows(self) -> int:
        """See `Piece`."""
        return len(self.messages)

    @property
    def generations(self) -> frozenset[str]:
        """See `Piece`."""
        return frozenset(message.generation for message in self.messages)

    def lines(self) -> list[bytes]:
        """The value as published, byte for byte, with its generation before it."""
        heads = {g: b'{"generation":' + orjson.dumps(g) + b"," for g in self.generations}
        return [heads[message.generation] + message.value[1:] for message in self.messages]

    def csv(self) -> bytes:
        """See `Piece`."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        for line in self.lines():
            value = orjson.loads(line)
            writer.writerow([_cell(column, value) for column in self.columns])
        return out.getvalue().encode()

    def frame(self) -> pl.DataFrame:
        """See `Piece`."""
        types = self._types
        read = pl.read_ndjson(
            b"\n".join(self.lines()), schema={name: kind.read for name, kind in types.items()}
        )
        return read.select(
            pl.col(name).cast(kind.number).cast(kind.final) for name, kind in types.items()
        )

    @cached_property
    def _types(self) -> dict[str, Any]:
        return parquet_types(self.stream)


def _cell(column: Column, value: Any) -> Any:
    for name in column.path:
        # A version before may have stored it, without what has been added since.
        value = value.get(name)
        if value is None:
            return None
    return column.cell(value)

"""Pressure as a table to export: the rows of the bars, one per instrument and second.

Ordered by span (its first instant, root, generation), within one as the seconds came; spans that
are not over are part of it. Instants are decimal text of nanoseconds in JSON, as elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from operators.model.errors import ConfigError
from operators.model.streams import PRESSURE, topic
from sinks.bars_config import DAY_S
from sinks.bars_files import SECOND_NS, Span
from sinks.bars_read import rows_of, spans
from sinks.bars_table import fixed_columns
from sinks.export_columns import FORMULA
from sinks.filters import SignalFilter

PIECE_ROWS: Final = 20_000
CSV_INSTANT: Final = "%Y-%m-%dT%H:%M:%S%.9fZ"


class BarsTable:
    """Rows of the spans that a folder has when this is made.

    Every method raises ConfigError for a file that cannot be read, or went meanwhile.
    """

    def __init__(self, directory: Path, chosen: SignalFilter) -> None:
        """Raises FilterError, and ConfigError if there is no such folder."""
        chosen.check(PRESSURE)
        if not directory.is_dir():
            raise ConfigError(
                f"bars.directory: expected a folder of pressure bars, found none at {directory}"
            )
        self._directory = directory
        self._chosen = chosen
        fixed = fixed_columns()
        place = {name: fixed[name] for name in ("ts_event", "generation")}
        self._types: dict[str, Any] = place | {"root": pl.String} | fixed
        # Of those that have rows by now: a span that only begins would bring unknown columns.
        self._columns: dict[Span, Mapping[str, Any]] = {}
        for span in spans(directory):
            if self._may_suit(span) and (columns := self._columns_of(span)):
                self._columns[span] = columns
                self._types |= columns

    @property
    def query(self) -> Mapping[str, Any]:
        """See `Table`."""
        return {"stream": PRESSURE, "filter": self._chosen.words()}

    @property
    def form(self) -> str:
        """See `Table`."""
        return topic(PRESSURE)

    @property
    def header(self) -> list[str]:
        """See `Table`."""
        return list(self._types)

    @property
    def types(self) -> Mapping[str, Any]:
        """See `Table`; columns that only some files have are null in the others."""
        return self._types

    def count(self) -> int:
        """See `Table`: rows of the spans, before those at the ends are cut off."""
        return sum(self._count(self._rows_of(span), span) for span in self._columns)

    def pieces(self) -> Iterator["BarsPiece"]:
        """See `Table`."""
        for span in self._columns:
            rows = self._rows_of(span)
            for start in range(0, self._count(rows, span), PIECE_ROWS):
                found = self._piece(rows.slice(start, PIECE_ROWS), span)
                if found.height:
                    yield BarsPiece(found, frozenset({span.generation}))

    def _may_suit(self, span: Span) -> bool:
        chosen = self._chosen
        start_ns = span.start_s * SECOND_NS
        return (
            (not chosen.root or span.root in chosen.root)
            and (not chosen.generation or span.generation in chosen.generation)
            and (chosen.to_ns is None or start_ns < chosen.to_ns)
            # How long a span is its name does not say; a day at most.
            and (chosen.from_ns is None or start_ns + DAY_S * SECOND_NS > chosen.from_ns)
        )

    def _piece(self, rows: pl.LazyFrame, span: Span) -> pl.DataFrame:
        instant = pl.col("ts_event").dt.epoch("ns")
        if self._chosen.from_ns is not None:
            rows = rows.filter(instant >= self._chosen.from_ns)
        if self._chosen.to_ns is not None:
            rows = rows.filter(instant < self._chosen.to_ns)
        has = {*self._columns[span], "root"}
        columns = (
            (pl.col(name) if name in has else pl.lit(None).alias(name)).cast(kind)
            for name, kind in self._types.items()
        )
        return self._collected(rows.with_columns(root=pl.lit(span.root)).select(columns), span)

    def _rows_of(self, span: Span) -> pl.LazyFrame:
        if (rows := rows_of(self._directory, span)) is None:
            raise ConfigError(
                f"{span.closed(self._directory)}: was deleted meanwhile; try again, or ask for "
                "later instants"
            )
        return rows

    def _columns_of(self, span: Span) -> Mapping[str, Any]:
        try:
            rows = rows_of(self._directory, span)
            return {} if rows is None else rows.collect_schema()
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise self._unreadable(span, error) from error

    def _count(self, rows: pl.LazyFrame, span: Span) -> int:
        return int(self._collected(rows.select(pl.len()), span).item())

    def _collected(self, rows: pl.LazyFrame, span: Span) -> pl.DataFrame:
        try:
            return rows.collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise self._unreadable(span, error) from error

    def _unreadable(self, span: Span, error: Exception) -> ConfigError:
        said = " ".join(str(error).split())[:200]
        return ConfigError(f"{span.closed(self._directory)}: expected pressure bars, found: {said}")


@dataclass(frozen=True, slots=True)
class BarsPiece:
    """Rows of one file."""

    table: pl.DataFrame
    generations: frozenset[str]

    @property
    def rows(self) -> int:
        """See `Piece`."""
        return self.table.height

    def lines(self) -> list[bytes]:
        """See `Piece`."""
        instant = pl.col("ts_event").dt.epoch("ns").cast(pl.String)
        return self.table.with_columns(instant).write_ndjson().encode().splitlines()

    def csv(self) -> bytes:
        """See `Piece`."""
        disarmed = self.table.with_columns(
            pl.when(pl.col(name).str.slice(0, 1).is_in(FORMULA))
            .then(pl.lit("'") + pl.col(name))
            .otherwise(pl.col(name))
            .alias(name)
            for name, kind in self.table.schema.items()
            if kind == pl.String
        )
        written = disarmed.with_columns(pl.col("ts_event").dt.strftime(CSV_INSTANT))
        return written.write_csv(include_header=False, line_terminator="\r\n").encode()

    def frame(self) -> pl.DataFrame:
        """See `Piece`."""
        return self.table

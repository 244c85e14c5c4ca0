"""Reading bars: the rows of a span, whether it is a Parquet file already or not."""

from pathlib import Path

import polars as pl

from sinks.bars_files import Span, closed_spans, open_spans
from sinks.bars_table import table_of


def spans(directory: Path) -> list[Span]:
    """All there are, in order of time, root and generation."""
    return sorted({*closed_spans(directory), *open_spans(directory)})


def rows_of(directory: Path, span: Span) -> pl.LazyFrame | None:
    """The rows of a span in the order of the stream; None if it has none, or was deleted.

    Columns are those of `sinks.bars_table`; the root is in the span. A file that is made while
    this looks is read as the one or the other.
    """
    closed = span.closed(directory)
    if not closed.exists():
        try:
            found = open_rows(directory, span)
        except FileNotFoundError:
            pass  # It has just become a file.
        else:
            return None if found is None else found.lazy()
    # Names of the folders are no columns: the reader knows them from the span.
    return pl.scan_parquet(closed, hive_partitioning=False) if closed.exists() else None


def open_rows(directory: Path, span: Span) -> pl.DataFrame | None:
    """The rows so far of a span that is not over; None if it has none.

    Raises:
        FileNotFoundError: It is over: its Parquet file is there, or it was deleted.
    """
    messages = span.open(directory).read_bytes()
    # Without the line that is being written.
    rows = table_of(messages[: messages.rfind(b"\n") + 1], span.generation)
    return None if rows is None else rows.collect()

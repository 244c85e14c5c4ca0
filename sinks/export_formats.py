"""Formats of an export: how the pieces of a table become one file, in bounded memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sinks.export_table import Piece, Table

COMPRESSION_LEVEL: Final = 3

Pieces = Iterator[Piece]
Write = Callable[[Table, Pieces, Path], None]
"""Writes a table to a new file."""


def write_ndjson(_table: Table, pieces: Pieces, file: Path) -> None:
    """A JSON object a line."""
    with file.open("xb") as out:
        for piece in pieces:
            out.write(b"\n".join(piece.lines()) + b"\n")


def write_json(_table: Table, pieces: Pieces, file: Path) -> None:
    """One JSON array, an object a line."""
    begin, between = b"[\n", b",\n"
    before = begin
    with file.open("xb") as out:
        for piece in pieces:
            out.write(before + between.join(piece.lines()))
            before = between
        out.write(b"[]\n" if before == begin else b"\n]\n")


def write_csv(table: Table, pieces: Pieces, file: Path) -> None:
    """CSV after RFC 4180: UTF-8, CR LF, one line of names; formulas are disarmed."""
    with file.open("xb") as out:
        out.write(",".join(table.header).encode() + b"\r\n")
        for piece in pieces:
            out.write(piece.csv())


def write_parquet(table: Table, pieces: Pieces, file: Path) -> None:
    """Parquet, zstd, a row group per piece: where they are cut depends on the rows alone."""
    # polars' own streaming writer may cut them by the timing of its threads.
    import polars as pl
    from pyarrow.parquet import ParquetWriter

    none = pl.DataFrame(schema=dict(table.types)).to_arrow()
    with (
        file.open("xb") as out,
        ParquetWriter(
            out, none.schema, compression="zstd", compression_level=COMPRESSION_LEVEL
        ) as writer,
    ):
        for piece in pieces:
            writer.write_table(piece.frame().to_arrow())


FORMATS: Final[dict[str, Write]] = {
    "csv": write_csv,
    "json": write_json,
    "ndjson": write_ndjson,
    "parquet": write_parquet,
}
"""Name, and end of the file's name, → what writes it."""

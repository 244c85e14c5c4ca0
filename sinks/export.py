"""Exports: a query of the store as a file, and a manifest beside it that says what it holds.

The same query of the same rows gives the same bytes, whoever runs it. The file appears when it is
whole, its manifest after it: a file without one, or of another sha256, is not to be trusted.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from operators.model.errors import ConfigError
from sinks.export_formats import FORMATS
from sinks.export_table import Piece, Table

MANIFEST_VERSION: Final = 1
MANIFEST_END: Final = ".manifest.json"

OnRows = Callable[[int], None]
"""Told how many rows are written so far."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file holds. No wall time: the same export has the same manifest."""

    manifest_version: int
    file: str
    """Name, without its folder."""
    format: str
    schema: str
    """Name and version of what the rows are, such as `ifd.signals.v1`."""
    query: dict[str, Any]
    rows: int
    bytes: int
    sha256: str
    generations: list[str]
    """That the rows are of, in order of name: 0, 1 or more."""


class Export:
    """One table into one file."""

    def __init__(
        self, table: Table, format_name: str, *, on_rows: OnRows = lambda _rows: None
    ) -> None:
        """`format_name`: a key of FORMATS."""
        assert format_name in FORMATS, format_name
        self._table = table
        self._format = format_name
        self._on_rows = on_rows
        self._rows = 0
        self._generations: set[str] = set()

    @property
    def name(self) -> str:
        """Name for the file: the same query has the same one."""
        asked = {"query": self._table.query, "format": self._format}
        text = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(text).hexdigest()[:12]
        return f"ifd-{self._table.query['stream']}-{digest}.{self._format}"

    def write(self, file: Path, *, overwrite: bool = False) -> Manifest:
        """Write the file and its manifest; neither is there, nor touched, after a failure.

        An export is written over an older export. `overwrite`: over anything else, too.

        Raises:
            ConfigError: The file or its folder cannot be written, or something else is there.
            IfdError: The rows cannot be read.
        """
        manifest_file = file.with_name(file.name + MANIFEST_END)
        _check(file, manifest_file, overwrite=overwrite)
        try:
            with _part_of(file) as part, _part_of(manifest_file) as manifest_part:
                FORMATS[self._format](self._table, self._pieces(), part)
                manifest = self._manifest(file.name, part)
                manifest_part.write_bytes(orjson.dumps(asdict(manifest), option=_PRETTY))
                _sync(part)
                _sync(manifest_part)
                # In this order: never a manifest beside a file that it is not of.
                manifest_file.unlink(missing_ok=True)
                part.rename(file)
                manifest_part.rename(manifest_file)
        except OSError as error:
            raise ConfigError(f"{file}: cannot be written: {error.strerror or error}") from error
        return manifest

    def _pieces(self) -> Iterator[Piece]:
        self._rows, self._generations = 0, set()
        for piece in self._table.pieces():
            yield piece
            self._rows += piece.rows
            self._generations |= piece.generations
            self._on_rows(self._rows)

    def _manifest(self, name: str, part: Path) -> Manifest:
        with part.open("rb") as written:
            sha256 = hashlib.file_digest(written, "sha256").hexdigest()
        return Manifest(
            manifest_version=MANIFEST_VERSION,
            file=name,
            format=self._format,
            schema=self._table.form,
            query=dict(self._table.query),
            rows=self._rows,
            bytes=part.stat().st_size,
            sha256=sha256,
            generations=sorted(self._generations),
        )


_PRETTY: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def _check(file: Path, manifest_file: Path, *, overwrite: bool) -> None:
    if not file.parent.is_dir():
        raise ConfigError(f"{file}: expected an existing folder, found none at {file.parent}")
    if file.is_dir():
        raise ConfigError(f"{file}: expected a file, found a folder")
    if file.exists() and not manifest_file.exists() and not overwrite:
        raise ConfigError(
            f"{file}: expected no file or an older export, found a file without a manifest; "
            "name another, or say --force"
        )


@contextmanager
def _part_of(file: Path) -> Iterator[Path]:
    """A name beside the file for what is not whole yet; nothing is left under it."""
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _sync(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())

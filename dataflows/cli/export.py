"""`ifd export`: what the store holds as CSV, JSON, NDJSON or Parquet."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EPILOG = """\
examples:
  ifd export signals --from 2024-03-13 --to 2024-03-14 --root ES --format csv --output signals.csv
                                   every revision of the signals of a day (UTC)
  ifd export signals --latest --strength HIGH,VERY_HIGH,EXTREME --min-confidence 0.7
                                   each signal as it ended; the file's name comes from the query
  ifd export outcomes --format parquet --output outcomes.parquet
  ifd export pressure --root ES --from 2024-03-13T14:30:00Z --format parquet --output es.parquet

FILE.manifest.json says what FILE holds: query, rows, sha256, schema, generations. The same query of
the same rows gives the same bytes. Pressure comes from bars.directory, all else from store.url.
Values may be repeated or separated by commas.
"""


def add_parser(subparsers: Any) -> None:
    """Add the command's parser."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="what the store holds as CSV, JSON, NDJSON or Parquet",
        description="Write what the store holds to a file, with a manifest beside it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stream", choices=STREAMS, help="what to export")
    told = "RFC 3339 with an offset, a date (UTC), or ns since the epoch"
    parser.add_argument("--from", metavar="INSTANT", help=f"event time at least: {told}")
    parser.add_argument("--to", metavar="INSTANT", help="event time below")
    for name, text in LISTED.items():
        parser.add_argument(f"--{name}", metavar=name.upper(), action="append", help=text)
    parser.add_argument("--min-confidence", metavar="SHARE", help="probability at least, 0 to 1")
    parser.add_argument(
        "--latest", action="store_true", help="of each signal its last revision only"
    )
    parser.add_argument("--format", choices=("csv", "json", "ndjson", "parquet"), default="csv")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="file, or folder; else a name made of the query"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that is no export")
    parser.set_defaults(run=run)


STREAMS = ("signals", "executions", "outcomes", "gaps", "pressure")
LISTED = {
    "root": "such as ES",
    "side": "buy, sell, none",
    "kind": "such as sweep",
    "strength": "LOW, MODERATE, HIGH, VERY_HIGH, EXTREME",
    "change": "opened, updated, closed, retracted",
    "generation": "life of the recovery store",
}
"""Filter → help; see sinks/filters.py."""


def run(arguments: argparse.Namespace) -> int:
    """Write the file and its manifest. Raises IfdError."""
    from config.settings import load_settings
    from dataflows.progress import stages
    from sinks.export import Export
    from sinks.filters import parse_filter

    chosen = parse_filter(_words(arguments))
    with _table(arguments, chosen, load_settings()) as table, stages(sys.stderr) as shown:
        shown.begin(f"export of {arguments.stream}", 1)
        total = table.count()
        export = Export(
            table,
            arguments.format,
            on_rows=lambda rows: shown.advance_to(rows, max(rows, total)),
        )
        file = arguments.output or Path()
        if file.is_dir():
            file /= export.name
        manifest = export.write(file, overwrite=arguments.force)
    print(f"{file}: {manifest.rows:,} rows, {manifest.bytes:,} bytes, sha256 {manifest.sha256}")
    return 0


def _words(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The filter as `parse_filter` takes it."""
    words: dict[str, list[str]] = {name: getattr(arguments, name) or [] for name in LISTED}
    for name, given in (
        ("from", getattr(arguments, "from")),
        ("to", arguments.to),
        ("min_confidence", arguments.min_confidence),
    ):
        words[name] = [] if given is None else [given]
    return words


@contextmanager
def _table(arguments: argparse.Namespace, chosen: Any, settings: Any) -> Iterator[Any]:
    """The table that is meant, over an open store or a folder of bars."""
    from operators.model.errors import ConfigError
    from operators.model.streams import PRESSURE, SIGNALS
    from sinks.export_bars import BarsTable
    from sinks.export_table import MessageTable
    from sinks.store import Store

    if arguments.latest and arguments.stream != SIGNALS:
        raise ConfigError(f"--latest: expected signals, found {arguments.stream}")
    if arguments.stream == PRESSURE:
        if not settings.bars.directory:
            raise ConfigError(
                "bars.directory: expected a folder, found none; set IFD_BARS__DIRECTORY, such as "
                "to state/bars"
            )
        yield BarsTable(Path(settings.bars.directory), chosen)
        return
    if not settings.store.url:
        raise ConfigError(
            "store.url: expected a database, found none; set IFD_STORE__URL, such as to "
            "sqlite:///state/ifd.sqlite3"
        )
    store = Store(settings.store.url, busy_timeout_s=settings.store.busy_timeout_s)
    # Opening would make an empty one.
    if store.database.is_sqlite and not Path(store.database.shown).exists():
        raise ConfigError(f"store.url: expected a database, found no file {store.database.shown}")
    with store:
        yield MessageTable(store, arguments.stream, chosen, latest=arguments.latest)

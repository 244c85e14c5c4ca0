"""Names of the files of pressure bars: the same span of the same root has one name, at every run.

DIRECTORY/date=2024-03-13/root=ES/143000-GENERATION.parquet   a span that is over
DIRECTORY/.open/GENERATION/2024-03-13/ES/143000.ndjson        one that is not, as on the stream
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

OPEN: Final = ".open"
SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of event time of a root, in one generation."""

    start_s: int
    """Seconds since the epoch."""
    root: str
    generation: str

    def closed(self, directory: Path) -> Path:
        """Its Parquet file once it is over."""
        folder = directory / f"date={self._start:%Y-%m-%d}" / f"root={_safe(self.root)}"
        return folder / f"{self._start:%H%M%S}-{_safe(self.generation)}.parquet"

    def open(self, directory: Path) -> Path:
        """Its messages until then, a line each."""
        folder = directory / OPEN / _safe(self.generation) / f"{self._start:%Y-%m-%d}"
        return folder / _safe(self.root) / f"{self._start:%H%M%S}.ndjson"

    @property
    def _start(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.start_s)


def span_of(ts_event: int, root: str, generation: str, span_s: int) -> Span:
    """The span an instant is in."""
    return Span(ts_event // SECOND_NS // span_s * span_s, root, generation)


def closed_spans(directory: Path) -> Iterator[Span]:
    """Spans of the Parquet files there are, in no order."""
    for file in directory.glob("date=*/root=*/??????-*.parquet"):
        time, _, generation = file.stem.partition("-")
        date, root = (part.name.partition("=")[2] for part in (file.parents[1], file.parent))
        if (start_s := _start_s(date, time)) is not None:
            yield Span(start_s, unquote(root), unquote(generation))


def open_spans(directory: Path) -> Iterator[Span]:
    """Spans that are not over, or not yet a Parquet file, in no order."""
    for file in (directory / OPEN).glob("*/*/*/??????.ndjson"):
        generation, date, root = (part.name for part in reversed(file.parents[:3]))
        if (start_s := _start_s(date, file.stem)) is not None:
            yield Span(start_s, unquote(root), unquote(generation))


def _start_s(date: str, time: str) -> int | None:
    """None for a name that is none of ours."""
    try:
        return int(datetime.strptime(f"{date} {time}+0000", "%Y-%m-%d %H%M%S%z").timestamp())
    except ValueError:
        return None


def _safe(name: str) -> str:
    """A name as part of a path; readers of partitioned folders undo it."""
    quoted = quote(name, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")

"""Spool: the messages of a span that is not over, in a file that a resume cuts back.

The snapshot holds how long each file is; what a killed process wrote beyond it comes again.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sinks.bars_files import Span

LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class BarsCounters:
    """What a process did since it started."""

    kept: int = 0
    """Messages written."""
    repeated: int = 0
    """Messages of a span that is a file already, after a resume."""
    dropped: int = 0
    """Messages that could not be written, as on a full disk: their seconds are missing."""
    lost_bytes: int = 0
    """Missing at a resume from files of spans, as after a power cut."""
    files: int = 0
    """Parquet files made."""
    files_failed: int = 0
    """Attempts to make one that failed; they are made again."""
    pruned: int = 0
    """Files deleted because they were too old."""


class Spool:
    """One span's file, open at one place. State: its length, or that it is not needed."""

    def __init__(
        self, directory: Path, span: Span, counters: BarsCounters, length: int | None = None
    ) -> None:
        """A new one, or with `length` that of a snapshot."""
        self.span = span
        self.path = span.open(directory)
        self.length: int = length or 0
        self._counters = counters
        self._directory = directory
        # There whole, so everything that comes of this span comes again.
        self.is_done: bool = span.closed(directory).exists()
        if not self.is_done:
            self._resume(self.length)

    def add(self, lines: list[bytes]) -> None:
        """Append messages; those that cannot be written are counted as dropped."""
        if self.is_done:
            self._counters.repeated += len(lines)
            return
        try:
            self._append(b"".join(line + b"\n" for line in lines))
        except OSError as error:
            self._counters.dropped += len(lines)
            LOG.warning("bars: %s: %s: a second is missing", self.path, error.strerror)
        else:
            self._counters.kept += len(lines)

    def _append(self, text: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            written = 0
            while written < len(text):
                written += os.pwrite(descriptor, text[written:], self.length + written)
        except OSError:
            os.ftruncate(descriptor, self.length)  # No half line.
            raise
        finally:
            os.close(descriptor)
        self.length += len(text)

    def _resume(self, length: int) -> None:
        """Cut back to what the snapshot knows."""
        try:
            found = self.path.stat().st_size
            if found > length:
                os.truncate(self.path, length)
        except FileNotFoundError:
            found = 0
        if found < length:
            self.length = _cut_to_lines(self.path)
            self._counters.lost_bytes += length - self.length
            LOG.warning("bars: %s: expected %d bytes, found %d", self.path, length, self.length)


def _cut_to_lines(file: Path) -> int:
    """Cut a torn last line off; the length that is left, 0 without a file."""
    try:
        length = file.read_bytes().rfind(b"\n") + 1
    except FileNotFoundError:
        return 0
    os.truncate(file, length)
    return length

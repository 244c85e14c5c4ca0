"""Deletes the oldest segments, by age and for a budget; never what a resume may need."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.tape.files import sync_directory
from connectors.tape.index import index_path
from connectors.tape.known import known_path
from connectors.tape.segments import CUT_ASIDE, Segment, TapePosition, segments_of

_NS_PER_DAY: Final = 86_400 * 10**9


class Floor:
    """The oldest segment that a resume may need. Keeps a few numbers.

    Positions are told as they enter snapshots. One is needed until the one after it has been in
    place for `keep_s`: a resume may go back to it, as far as backups of the recovery store reach.
    """

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._noted: deque[tuple[float, int]] = deque()

    def note(self, position: TapePosition, now_s: float) -> None:
        """A position entered a snapshot, or was resumed from."""
        if not self._noted or position.segment > self._noted[-1][1]:
            self._noted.append((now_s, position.segment))

    def segment(self, now_s: float) -> int:
        """Segments below this number are needed no more; 0 while no position is known."""
        while len(self._noted) > 1 and self._noted[1][0] + self._keep_s <= now_s:
            self._noted.popleft()
        return self._noted[0][1] if self._noted else 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted, and whether that was enough."""

    removed: tuple[Path, ...]
    kept_bytes: int
    is_over_budget: bool
    """The budget is exceeded by what must not be deleted."""


def prune(
    folder: Path, *, below: int, now_ns: int, retention_days: float, budget_bytes: int
) -> Pruned:
    """Delete compressed segments from the oldest on, as long as one is too old or too much.

    Args:
        folder: of the tape.
        below: segments from this number on stay.
        now_ns: wall time.
        retention_days: segments written before that long ago are too old.
        budget_bytes: of all segments; 0: none.

    Raises:
        StateError: the folder cannot be read.
        OSError: a file cannot be deleted.
    """
    segments = segments_of(folder)
    told = {segment.number: segment.path.stat() for segment in segments}
    kept_bytes = sum(each.st_size for each in told.values())
    oldest_ns = now_ns - int(retention_days * _NS_PER_DAY)
    removed = []
    for segment in segments:
        is_old = told[segment.number].st_mtime_ns < oldest_ns
        is_too_much = 0 < budget_bytes < kept_bytes
        if segment.number >= below or not segment.is_packed or not (is_old or is_too_much):
            break
        _remove(folder, segment)
        kept_bytes -= told[segment.number].st_size
        removed.append(segment.path)
    for aside in folder.glob(CUT_ASIDE):
        if aside.stat().st_mtime_ns < oldest_ns:
            aside.unlink()
    if removed:
        sync_directory(folder)
    return Pruned(tuple(removed), kept_bytes, 0 < budget_bytes < kept_bytes)


def _remove(folder: Path, segment: Segment) -> None:
    segment.path.unlink()
    index_path(segment.path).unlink(missing_ok=True)
    known_path(folder, segment.number).unlink(missing_ok=True)

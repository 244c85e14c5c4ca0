"""A feed's tape: appended to before the flow sees a record, read again after a stop."""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.tape.config import TapeConfig
from connectors.tape.files import PART
from connectors.tape.keeper import Keeper, KeeperCounters
from connectors.tape.reader import TapeReader
from connectors.tape.rotation import next_roll_ns
from connectors.tape.segments import (
    HEADER_BYTES,
    RESTORE,
    Marker,
    TapePosition,
    check_gapless,
    claim,
    folder_of,
    header_bytes_of,
    segment_path,
    segments_of,
    start_of,
)
from connectors.tape.space import Room, Space
from connectors.tape.sync import Syncer
from connectors.tape.torn import cut_torn
from connectors.tape.walk_kernel import whole_bytes
from connectors.tape.writer import OpenSegment, TapeFull, new_segment, refusal, reopened
from operators.model.errors import StateError

LOCK: Final = ".lock"


@dataclass(slots=True)
class TapeCounters:
    """What a tape has done since it was opened."""

    appended_records: int = 0
    appended_bytes: int = 0
    cut_bytes: int = 0
    """Taken off the end when it was opened: half-written records, and what followed them."""
    refused: int = 0
    """Appends of which the disk took nothing."""
    rotations: int = 0


class Tape:
    """One feed's records on this machine's disk.

    Delivery: what `wait_synced` returned for is there after a kill and after a power cut, whole and
    in order.

    Appending, rotating and reading are of one thread; syncing, compressing and deleting have
    threads of their own.
    """

    def __init__(
        self, config: TapeConfig, feed: str, *, on_note: Callable[[str], None] = lambda _text: None
    ) -> None:
        """Nothing is opened yet.

        Args:
            config: where it is, and how it is kept.
            feed: whose it is.
            on_note: given what a person should know, in a line; from any thread.
        """
        self._config = config
        self._feed = feed
        self._on_note = on_note
        self._folder = folder_of(config, feed)
        self._lock_fd = -1
        self._roll_ns = 0
        self._ts_ns = 0
        self.counters = TapeCounters()
        self._marker: Marker | None = None
        self._segment: OpenSegment
        self._syncer: Syncer
        self._keeper: Keeper
        self._space: Space

    def open(self) -> TapePosition:
        """Make or continue the tape; its end, after what was half written has been cut.

        Raises:
            StateError: the folder is in use, of another feed or machine, cannot be written, or
                holds less than was synced.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock()
            self._marker = claim(self._config, self._feed)
            for part in self._folder.glob(f"*{PART}"):
                part.unlink()
            self._continue()
        except OSError as error:
            self.close()
            raise _unusable(self._folder, error) from error
        except BaseException:
            self.close()
            raise
        return self.end

    @property
    def id(self) -> str:
        """Tells this tape from one begun later in the same folder; to be kept with positions."""
        assert self._marker is not None, "the tape is not open"
        return self._marker.id

    @property
    def end(self) -> TapePosition:
        """After the last record appended."""
        return self._segment.position

    @property
    def synced(self) -> TapePosition:
        """All before it is on the disk."""
        return self._syncer.synced

    @property
    def free_bytes(self) -> int:
        """Free space of the disk when it was looked at last."""
        return self._space.free_bytes

    @property
    def kept(self) -> KeeperCounters:
        """What was done with finished segments."""
        return self._keeper.counters

    def append(self, data: bytes | memoryview) -> None:
        """Write whole records of DBN version 3 without ts_out. They are in the page cache then.

        Raises:
            TapeFull: the disk took nothing of it: stop reading, and append the same again later.
            StateError: the disk fails.
            ValueError: it is something else than whole records of known types.
        """
        self._syncer.check()
        view = memoryview(data)
        whole, records = whole_bytes(view) if view else (0, 0)
        if whole != len(view):
            raise ValueError(f"data must be whole v3 records, was something else at byte {whole}")
        try:
            if self._segment.end + len(view) > self._config.segment_bytes_max:
                self._rotate()
            self._segment.append(view)
        except TapeFull:
            self.counters.refused += 1
            self._space.refuse(len(view))
            raise
        self._space.note(len(view))
        self.counters.appended_records += records
        self.counters.appended_bytes += len(view)

    def rotate_if_due(self, ts_ns: int) -> None:
        """Begin a new segment where the exchange's day has changed; not on a full disk.

        Args:
            ts_ns: the feed's time.
        """
        self._ts_ns = max(self._ts_ns, ts_ns)
        if self._roll_ns == 0:
            self._roll_ns = self._next_roll(ts_ns)
        elif ts_ns >= self._roll_ns:
            try:
                self._rotate()
            except TapeFull:
                self.counters.refused += 1
                return
            self._roll_ns = self._next_roll(ts_ns)

    def room(self) -> Room:
        """`ok`; `alarm` below the reserve or over the budget; `full`: stop reading the feed."""
        room = self._space.room()
        return "alarm" if room == "ok" and self._keeper.is_over_budget else room

    def wait_synced(self, position: TapePosition) -> None:
        """Return once all before `position` is on the disk; to be called before it is stored.

        Raises:
            StateError: the disk fails, or is too slow.
        """
        if self._syncer.synced < position:
            self._syncer.wait(position, self._config.sync_timeout_s)
        self._syncer.check()

    def need(self, position: TapePosition) -> None:
        """A position enters a snapshot, or was resumed from: what follows it is not deleted.

        Until the first call nothing is deleted at all.
        """
        self._keeper.need(position)

    def read(self, from_: TapePosition, to: TapePosition, *, id_: str | None = None) -> TapeReader:
        """What stands from a position on, up to another.

        Args:
            from_: in an earlier run's tape, or this one's.
            to: at most `end`.
            id_: `id` of the tape when `from_` was taken, to be compared.

        Raises:
            StateError: the tape does not reach so far, or is another.
        """
        folder, end = self._folder, self.end
        if id_ is not None and id_ != self.id:
            raise StateError(
                f"{folder}: expected the tape {id_}, found the tape {self.id}, which was begun "
                f"later; {RESTORE}"
            )
        if max(from_, to) > end:
            raise StateError(
                f"{folder}: expected the tape to reach {max(from_, to)}, where the last snapshot "
                f"was taken, found its end at {end}; {RESTORE}"
            )
        first = segments_of(folder)[0].number
        if from_.segment < first:
            raise StateError(
                f"{folder}: expected {from_}, found segment {first} as the first: those before it "
                "have been deleted (tape.retention_days, tape.budget_bytes); put them back from a "
                "copy, or start with an empty recovery directory"
            )
        self.need(from_)
        return TapeReader(folder, self._feed, from_, to)

    def close(self) -> None:
        """Sync, stop the threads and let the folder go. May be called again."""
        for part in ("_keeper", "_syncer"):
            if hasattr(self, part):
                getattr(self, part).close()
                delattr(self, part)
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def wait_idle(self, timeout_s: float = 60.0) -> bool:
        """Wait until finished segments are compressed; whether they are."""
        self.wait_synced(self.end)
        return self._keeper.wait_idle(timeout_s)

    def _lock(self) -> None:
        """Only one process appends."""
        fd = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise StateError(
                f"{self._folder}: the tape is in use by another process; stop that, or give this "
                "one another folder (tape.directory)"
            ) from None
        self._lock_fd = fd

    def _continue(self) -> None:
        """Cut the end, open the last segment and start the threads."""
        cut = cut_torn(self._folder, segments_of(self._folder))
        segments = segments_of(self._folder)
        check_gapless(self._folder, segments)
        for segment in segments:
            if segment.is_packed:  # Stopped before it could remove the original.
                segment_path(self._folder, segment.number).unlink(missing_ok=True)
        self.counters.cut_bytes = cut.cut_bytes
        if cut.cut_bytes:
            kept = f", kept as {', '.join(path.name for path in cut.aside)}" if cut.aside else ""
            self._on_note(
                f"{self._folder}: cut {cut.cut_bytes} half-written bytes off the tape, which now "
                f"ends at {cut.end}{kept}"
            )
        last = cut.end.segment
        raw = [each for each in segments if not each.is_packed and each.number < last]
        self._space = Space(self._config, self._folder)
        self._segment = self._last_segment(cut.end)
        for segment in raw:
            _sync_file(segment.path)
        os.fdatasync(self._segment.fd)
        self._keeper = Keeper(
            self._config, self._folder, [each.number for each in raw], self._on_note
        )
        self._syncer = Syncer(
            self._folder,
            self._segment,
            interval_s=self._config.sync_interval_s,
            on_sealed=self._keeper.take,
        )

    def _last_segment(self, end: TapePosition) -> OpenSegment:
        if end.offset == 0:
            return new_segment(self._folder, end.segment, self._header(0))
        path = segment_path(self._folder, end.segment)
        with path.open("rb") as file:
            start_ns = start_of(file.read(HEADER_BYTES))
        self._roll_ns = self._next_roll(start_ns) if start_ns else 0
        return reopened(path, end.segment, end.offset)

    def _rotate(self) -> None:
        segment = new_segment(self._folder, self._segment.number + 1, self._header(self._ts_ns))
        self._segment = segment
        self._syncer.follow(segment)
        self.counters.rotations += 1

    def _header(self, start_ns: int) -> bytes:
        return header_bytes_of(self._config.dataset, start_ns)

    def _next_roll(self, ts_ns: int) -> int:
        return next_roll_ns(ts_ns, self._config.roll_minute, self._config.roll_zone)


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fdatasync(fd)
    finally:
        os.close(fd)


def _unusable(folder: Path, error: OSError) -> StateError:
    found = refusal(folder, error)
    return found if isinstance(found, StateError) else StateError(str(found))

"""Syncs what was appended, in a thread of its own, and knows how far it has come."""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Thread
from time import monotonic_ns

from connectors.tape.checkpoint import Checkpoint
from connectors.tape.files import sync_directory
from connectors.tape.segments import TapePosition
from connectors.tape.writer import OpenSegment
from operators.model.errors import StateError


class Syncer:
    """Segments of one tape in their order; of these all but the last are finished.

    A sync that fails is never tried again: the system may have forgotten what it could not write,
    and would call the next attempt a success.
    """

    def __init__(
        self,
        folder: Path,
        segment: OpenSegment,
        *,
        interval_s: float,
        on_sealed: Callable[[int], None] = lambda _number: None,
    ) -> None:
        """Begin with `segment`, all of which has been synced.

        Args:
            folder: of the tape.
            segment: the one being written.
            interval_s: longest time until what was appended is synced.
            on_sealed: given the number of each segment that is finished and synced, in the thread.
        """
        self.synced = segment.position
        """All before it is on the disk."""
        self.syncs = 0
        self.sync_ns_max = 0
        """Longest that one sync has taken."""
        self._folder = folder
        self._interval_s = interval_s
        self._on_sealed = on_sealed
        self._segments = deque([segment])
        self._changed = Condition()
        self._is_wanted = self._is_closed = False
        self._fault: OSError | None = None
        self._checkpoint = Checkpoint(folder)
        self._checkpoint.write(self.synced)
        sync_directory(folder)
        self._thread = Thread(target=self._run, name=f"tape-sync-{folder.name}", daemon=True)
        self._thread.start()

    def follow(self, segment: OpenSegment) -> None:
        """Go on with a new segment; the one before it is finished."""
        with self._changed:
            before = self._segments[-1]
            self._segments.append(segment)
            # Only now: the thread lets go of a finished segment, and must have one left.
            before.is_finished = True
            self._is_wanted = True
            self._changed.notify_all()

    def check(self) -> None:
        """Raises StateError if a sync has failed."""
        if self._fault is not None:
            raise StateError(
                f"{self._folder}: the tape could not be synced: {self._fault.strerror}; what came "
                "after the last snapshot may be lost: check the disk, then start again"
            ) from self._fault

    def wait(self, position: TapePosition, timeout_s: float) -> None:
        """Return once all before `position` is on the disk.

        Raises:
            StateError: the disk fails, or takes longer than `timeout_s`.
        """
        with self._changed:
            self._is_wanted = True
            self._changed.notify_all()
            is_done = self._changed.wait_for(
                lambda: self.synced >= position or self._fault is not None, timeout_s
            )
        self.check()
        if not is_done:
            raise StateError(
                f"{self._folder}: expected the disk to sync the tape within {timeout_s:g} s "
                "(tape.sync_timeout_s), it did not; check the disk, then start again"
            )

    def close(self) -> None:
        """Sync what is left and close the files."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()
        for segment in self._segments:
            segment.close()
        self._checkpoint.close()

    def _run(self) -> None:
        while not self._is_over():
            try:
                self._sync_all()
            except OSError as error:
                with self._changed:
                    self._fault = error
                    self._changed.notify_all()
                return

    def _is_over(self) -> bool:
        """Wait until there is something to do; False if the files are to be closed now."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_wanted or self._is_closed, self._interval_s)
            self._is_wanted = False
            last = self._segments[-1]
            return self._is_closed and self.synced >= last.position

    def _sync_all(self) -> None:
        """In order, so that `synced` means all before it."""
        while True:
            segment = self._segments[0]
            # In this order: after it is finished its end is the last.
            is_finished, end = segment.is_finished, segment.position
            if end > self.synced:
                self._sync(segment, end)
            if not is_finished:
                return
            segment.close()
            with self._changed:
                self._segments.popleft()
            self._on_sealed(segment.number)

    def _sync(self, segment: OpenSegment, end: TapePosition) -> None:
        started_ns = monotonic_ns()
        os.fdatasync(segment.fd)
        if segment.number > self.synced.segment:
            sync_directory(self._folder)
        self._checkpoint.write(end)
        with self._changed:
            self.synced = end
            self.syncs += 1
            self.sync_ns_max = max(self.sync_ns_max, monotonic_ns() - started_ns)
            self._changed.notify_all()

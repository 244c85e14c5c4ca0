"""What happens to finished segments, in a thread of its own: compressed, then deleted in time."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread
from time import monotonic, time_ns
from typing import Final

from connectors.tape.config import TapeConfig
from connectors.tape.files import free_bytes
from connectors.tape.retention import Floor, prune
from connectors.tape.rotation import Interrupted, pack
from connectors.tape.segments import TapePosition
from operators.model.errors import IfdError

_LOOK_S: Final = 60.0
"""Between two looks at what is too old, and two attempts at what did not succeed."""
_NICE: Final = 10
"""Of the thread: records come first."""


@dataclass(slots=True)
class KeeperCounters:
    """What was done with finished segments."""

    packed: int = 0
    """Segments compressed."""
    packed_bytes_before: int = 0
    packed_bytes_after: int = 0
    pack_failures: int = 0
    """Attempts that did not succeed: the disk is full, or the segment is damaged."""
    removed: int = 0
    """Segments deleted, too old or over the budget."""


class Keeper:
    """Finished segments of one tape."""

    def __init__(
        self,
        config: TapeConfig,
        folder: Path,
        finished: list[int],
        on_note: Callable[[str], None],
    ) -> None:
        """Begin with the segments that earlier runs left uncompressed."""
        self.counters = KeeperCounters()
        self.is_over_budget = False
        """More than the budget is needed for a resume."""
        self._config = config
        self._folder = folder
        self._on_note = on_note
        self._waiting = deque(finished)
        self._floor = Floor(config.keep_s)
        self._changed = Condition()
        self._is_closed = False
        self._is_idle = False
        self._later: list[int] = []
        self._told: set[str] = set()
        self._thread = Thread(target=self._run, name=f"tape-keep-{folder.name}", daemon=True)
        self._thread.start()

    def take(self, number: int) -> None:
        """A segment is finished and synced."""
        with self._changed:
            self._waiting.append(number)
            self._is_idle = False
            self._changed.notify_all()

    def need(self, position: TapePosition) -> None:
        """A position entered a snapshot, or is resumed from: what follows it stays."""
        with self._changed:
            self._floor.note(position, monotonic())

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is left to do; whether that came to be."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_idle and not self._waiting, timeout_s)

    def look(self) -> None:
        """Look at once for what is to be done."""
        with self._changed:
            self._is_idle = False
            self._changed.notify_all()

    def close(self) -> None:
        """Give up what is under way, to be begun again at the next start."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        while not self._is_closed:
            self._waiting.extend(self._later)
            self._pack_waiting()
            self._prune()
            with self._changed:
                self._is_idle = not self._waiting
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._is_closed or not self._is_idle, _LOOK_S)

    def _pack_waiting(self) -> None:
        """Compress what waits, oldest first; what fails stays where it is until the next look."""
        failed = []
        while self._waiting and not self._is_closed:
            number = self._waiting.popleft()
            try:
                before, after = pack(
                    self._folder,
                    number,
                    level=self._config.zstd_level,
                    frame_bytes=self._config.frame_bytes,
                    may_go_on=self._may_go_on,
                )
            except Interrupted:
                failed.append(number)
            except (OSError, IfdError) as error:
                failed.append(number)
                self.counters.pack_failures += 1
                self._say(f"segment {number} stays uncompressed: {error}")
            else:
                self.counters.packed += 1
                self.counters.packed_bytes_before += before
                self.counters.packed_bytes_after += after
        with self._changed:
            self._later = failed

    def _may_go_on(self) -> bool:
        """Not at the price of the room that the records themselves need."""
        is_room = free_bytes(self._folder) >= self._config.reserve_bytes_min
        return is_room and not self._is_closed

    def _prune(self) -> None:
        with self._changed:
            below = self._floor.segment(monotonic())
        try:
            pruned = prune(
                self._folder,
                below=below,
                now_ns=time_ns(),
                retention_days=self._config.retention_days,
                budget_bytes=self._config.budget_bytes,
            )
        except (OSError, IfdError) as error:
            self._say(f"old segments stay: {error}")
            return
        self.counters.removed += len(pruned.removed)
        was_over, self.is_over_budget = self.is_over_budget, pruned.is_over_budget
        if pruned.is_over_budget and not was_over:
            self._say(
                f"{self._folder}: {pruned.kept_bytes} bytes are needed for a resume, "
                f"tape.budget_bytes is {self._config.budget_bytes}; raise it"
            )

    def _say(self, text: str) -> None:
        """Each thing once."""
        if text not in self._told and len(self._told) < 1_000:
            self._told.add(text)
            self._on_note(text)

"""The supervisor of `ifd live`: runs, watches and restarts a cluster of workers as a whole.

The engine has no membership: one process gone, all go, and all start together. Between two lives of
a cluster nothing is lost, since everything it knows is in the recovery store; what is not there is
read again. So the supervisor holds nothing itself and may be killed as well.
"""

import math
import signal
import time
from collections.abc import Callable
from threading import Event
from typing import Final

from config.settings import Settings
from dataflows.live_lock import LiveLock
from dataflows.process import EXIT_USER, note, say
from dataflows.restarts import Restarts
from dataflows.supervisor import Cluster
from operators.model.errors import ConfigError, IfdError

EXIT_GIVEN_UP: Final = 1
_POLL_S: Final = 0.05

Load = Callable[[], Settings]
"""Reads the settings anew."""
Start = Callable[[Settings, int], Cluster]
"""Starts so many processes, which wait until they are let go."""


class Asked:
    """What signals have asked for. Handlers only set events."""

    def __init__(self) -> None:
        self.stop = Event()
        self.change = Event()
        self._wake = Event()

    def listen(self) -> None:
        """SIGTERM and SIGINT stop, SIGHUP stops and starts; a second stop does not wait."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_change)

    def wait(self) -> None:
        """A moment, or until something is asked for."""
        self._wake.wait(_POLL_S)
        self._wake.clear()

    def _on_stop(self, _number: int, _frame: object) -> None:
        self.stop.set()
        self._wake.set()

    def _on_change(self, _number: int, _frame: object) -> None:
        self.change.set()
        self._wake.set()


class Live:
    """One run of `ifd live`, until a stop, the end of the input, or a failure that stays.

    At most two clusters exist: one at work, and one that gets ready to take over, which begins only
    when the other has ended.
    """

    def __init__(
        self, load: Load, start: Start, lock: LiveLock, asked: Asked, processes: int
    ) -> None:
        self._load = load
        self._start = start
        self._lock = lock
        self._asked = asked
        self._processes = processes
        self._settings = load()
        self._restarts = Restarts(self._settings.cluster)
        self._cluster: Cluster | None = None
        self._next: Cluster | None = None
        self._due_s = 0.0
        """When the next may take over; endless for one that stands by."""
        self._began_s = time.monotonic()
        self._was_at_work = False
        self._is_at_work = False

    @property
    def settings(self) -> Settings:
        """Those that the newest cluster was started with."""
        return self._settings

    def run(self) -> int:
        """Until it is over; the exit code.

        0 after a clean stop or the end of the input, 2 for a mistake of the user's, 1 if it gave up
        or had to kill.
        """
        self._begin(f"starting {self._said(self._processes)}")
        try:
            while True:
                self._asked.wait()
                if (code := self._step()) is not None:
                    return code
        finally:
            for cluster in (self._next, self._cluster):
                if cluster is not None and cluster.is_running():
                    cluster.stop()

    def _step(self) -> int | None:
        """Look once at everything; the exit code when it is over."""
        if self._asked.stop.is_set():
            return self._stop()
        if self._asked.change.is_set():
            self._asked.change.clear()
            self._change()
        if self._cluster is not None and (code := self._look(self._cluster)) is not None:
            return code
        return self._advance()

    def _look(self, cluster: Cluster) -> int | None:
        """At the cluster that works."""
        if cluster.has_fallen():
            return self._on_fall(cluster)
        if not cluster.is_running():
            note("the input has ended")
            cluster.wait()
            return 0
        if not self._is_at_work and cluster.is_at_work():
            self._is_at_work = self._was_at_work = True
            self._tell("at work")
            note(f"{self._said(cluster.processes)} at work after {self._elapsed_s():.1f} s")
            if self._settings.cluster.standby and self._next is None:
                self._next, self._due_s = self._start(self._settings, self._processes), math.inf
        return None

    def _advance(self) -> int | None:
        """The cluster that gets ready."""
        coming = self._next
        if coming is None:
            return None
        if coming.has_fallen():
            return self._on_unready(coming)
        if not coming.is_ready() or time.monotonic() < self._due_s:
            return None
        if self._cluster is not None:
            self._began_s = time.monotonic()
            self._note_killed(self._cluster.stop())
        self._cluster, self._next, self._is_at_work = coming, None, False
        coming.let_go()
        return None

    def _begin(self, why: str, wait_s: float = 0.0) -> None:
        note(why)
        self._began_s = time.monotonic()
        self._due_s = self._began_s + wait_s
        self._tell("starting")
        if self._next is None:
            self._next = self._start(self._settings, self._processes)

    def _on_fall(self, cluster: Cluster) -> int | None:
        """All start together, unless a user's mistake or too many falls speak against it."""
        fall = cluster.fall()
        self._cluster = None
        # A broker that is away while workers start again is no mistake of anybody's.
        is_mistake = fall.code == EXIT_USER and (self._is_at_work or not self._was_at_work)
        if is_mistake:
            return EXIT_USER
        return self._again(fall.reason)

    def _on_unready(self, coming: Cluster) -> int | None:
        fall = coming.fall()
        self._next = None
        if self._cluster is not None:
            if self._due_s < math.inf:
                note(f"{fall.reason} before it was ready: nothing has been changed")
                self._processes = self._cluster.processes
            return None
        if fall.code == EXIT_USER and not self._was_at_work:
            return EXIT_USER
        return self._again(fall.reason)

    def _again(self, reason: str) -> int | None:
        config = self._settings.cluster
        wait_s = self._restarts.next(time.monotonic())
        if wait_s is None:
            say(
                ConfigError(
                    f"{reason}; given up after {config.restarts_max} restarts within "
                    f"{config.restarts_window_s:g} s (cluster.restarts_max)"
                )
            )
            return EXIT_GIVEN_UP
        count = f"{self._restarts.count} of at most {config.restarts_max}"
        self._begin(
            f"{reason}; all start again (restart {count} in {config.restarts_window_s:g} s)", wait_s
        )
        return None

    def _change(self) -> None:
        """Make a cluster ready with the settings and the number of processes of now."""
        before = self._processes
        self._processes = self._lock.wish() or before
        try:
            self._settings = self._load()
        except IfdError as error:
            say(error)
            note("nothing has been changed: settings must be in order first")
            self._processes = before
            return
        if self._next is not None:
            self._next.stop()
            self._next = None
        self._begin(f"changing to {self._said(self._processes)} with the settings of now")

    def _stop(self) -> int:
        note("stopping")
        self._tell("stopping")
        if self._next is not None:
            self._next.stop()
            self._next = None
        if self._cluster is None:
            return 0
        killed = self._cluster.stop()
        self._note_killed(killed)
        code = self._code_of(self._cluster)
        if code == 0:
            note("stopped; the next start goes on exactly there")
        return EXIT_GIVEN_UP if killed else code

    def _code_of(self, cluster: Cluster) -> int:
        """0 if all ended well, or so early that nothing was under way."""
        fine = {0} if self._is_at_work else {0, -signal.SIGTERM}
        codes = [code for code in cluster.codes if code not in fine]
        if not codes:
            return 0
        return EXIT_USER if EXIT_USER in codes else cluster.fall().code or EXIT_GIVEN_UP

    def _note_killed(self, killed: list[int]) -> None:
        for number in killed:
            note(
                f"worker {number} did not end within {self._settings.cluster.stop_s:g} s and was "
                "killed (cluster.stop_s): what it read since the last snapshot is read again"
            )

    def _tell(self, state: str) -> None:
        self._lock.tell(state, self._processes, self._restarts.count)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s

    @staticmethod
    def _said(processes: int) -> str:
        return f"{processes} {'process' if processes == 1 else 'processes'}"

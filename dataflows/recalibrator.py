"""Learns `p_move` anew after each session: a thread of the supervisor's process.

It runs `ifd calibrate --outcomes` in a process of its own, in the exchange's pause, when nothing is
under way. What is not better is not written; a table that is written is taken up by every feed as
one that was made by hand. A session that ends while nobody supervises is learnt with the next one.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

import numpy as np

from config.calendar import load_calendar
from config.settings import Settings
from dataflows.children import end
from operators.calendar import DAY_S
from operators.calendar_kernel import locate
from operators.model.records import NS_PER_S

LOOK_S: Final = 5.0
"""Between two looks at the clock."""
WAIT_S: Final = 300.0
"""After the end of a session: until then the last outcomes at the horizon are known."""
RUN_S_MAX: Final = 1_800.0
END_S: Final = 5.0
"""A run that is not wanted any more ends so soon, or is killed."""

IsOpen = Callable[[], bool]


class Recalibrator:
    """A context manager: looks every `LOOK_S` seconds whether a session has ended."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        environment: Callable[[], dict[str, str]],
        on_note: Callable[[str], None],
        is_open: IsOpen | None = None,
    ) -> None:
        """`environment` is that of the workers; `on_note` is told what came of each run."""
        self._settings = settings
        self._environment = environment
        self._on_note = on_note
        self._is_open = is_open or _exchange()
        self._end = Event()
        self._thread = Thread(target=self._run, name="recalibrator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        was_open = False
        while not self._end.wait(LOOK_S):
            now_open = self._is_open()
            has_ended, was_open = was_open and not now_open, now_open
            if not has_ended or not is_wanted(self._settings()):
                continue
            if self._end.wait(WAIT_S):
                return
            self._recalibrate(command())

    def _recalibrate(self, words: Sequence[str]) -> None:
        try:
            with subprocess.Popen(
                words,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as process:
                said = self._wait(process)
        except OSError as error:
            said = str(error.strerror)
        if said:
            self._on_note(f"p_move after the session: {said}")

    def _wait(self, process: "subprocess.Popen[str]") -> str:
        """The last line that a run says; empty if it is not wanted any more."""
        due_s = time.monotonic() + RUN_S_MAX
        while not self._end.is_set() and time.monotonic() < due_s:
            try:
                said, _ = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            return (said.strip().splitlines() or [f"ended with code {process.returncode}"])[-1]
        end(process, END_S)
        return "" if self._end.is_set() else f"stopped after {RUN_S_MAX:g} s"


def is_wanted(settings: Settings) -> bool:
    """Whether a table is to be learnt, and there is a file for it."""
    return settings.live.recalibrate and bool(settings.live.calibration_file)


def command() -> list[str]:
    """What is run."""
    return [sys.executable, "-m", "dataflows.cli.main", "calibrate", "--outcomes"]


def _exchange() -> IsOpen:
    calendar = load_calendar()

    def is_open() -> bool:
        now = np.array([time.time_ns() // NS_PER_S * NS_PER_S], np.int64)
        return bool(locate(calendar, now, DAY_S)[2][0])

    return is_open

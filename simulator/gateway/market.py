"""The market behind the gateway: what has happened so far, and its clock.

Its clock is the capture time of its records. At a speed, it runs with the wall clock from the first
session on, and a record is out when its time has come. At full speed it has no clock of its own:
whoever has read all that is out lets more happen, so the fastest reader drives the market, a slow
one is behind, and with no reader it stands still. A slow reader loses nothing: all that happened is
in the log.
"""

from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic_ns
from typing import Final, Protocol

from operators.model.records import NS_PER_S
from simulator.gateway.directory import Directory
from simulator.gateway.log import Log
from simulator.gateway.select_kernel import advance, first_mbo_ns

STEP_WORDS: Final = 256 * 1024
"""What happens at once at full speed: 1 MiB."""
_AHEAD_NS: Final = NS_PER_S // 10
_FOREVER: Final = 2**62


class Supply(Protocol):
    """Where records come from: files, or the simulated exchange."""

    def fill(self, log: Log, until_ns: int) -> bool:
        """Append what comes up to about `until_ns`, or more; False at the end."""


class Nothing:
    """The supply of a market that is all in its log."""

    def fill(self, log: Log, until_ns: int) -> bool:
        """There is nothing more."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketConfig:
    """How the market goes."""

    speed: float | None = 1.0
    """Market time per wall time, more than 0; None is as fast as it is read."""
    sessions_first: int = 1
    """The market stands still until so many sessions have started."""
    log_bytes_max: int = 8 * 2**30
    """Disk for what has happened: the oldest is forgotten."""
    log_directory: Path | None = None
    """Where; None is the system's place for temporary files."""

    def __post_init__(self) -> None:
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise ValueError(f"speed must be more than 0, was {self.speed}")
        if self.sessions_first < 0:
            raise ValueError(f"sessions_first must be at least 0, was {self.sessions_first}")


@dataclass(slots=True)
class Market:
    """One market, shared by all sessions. Used from one thread."""

    config: MarketConfig
    log: Log
    directory: Directory = field(default_factory=Directory)
    supply: Supply = field(default_factory=Nothing)
    released: int = 0
    """Offset in the log of what has not happened yet."""
    newest_ns: int = 0
    """Newest capture time of what has happened."""
    mid_event: bool = False
    """The last record that happened does not end its event."""
    _anchor: tuple[int, int] | None = None
    """Market and wall time at which the clock was started."""
    _ended: bool = False

    def clock_ns(self) -> int:
        """The market's time."""
        if self._anchor is None or self.config.speed is None:
            return self.newest_ns
        market, wall = self._anchor
        return max(self.newest_ns, market + round((monotonic_ns() - wall) * self.config.speed))

    @property
    def is_over(self) -> bool:
        """Everything has happened, and nothing more will."""
        return self._ended and self.released == self.log.stop

    @property
    def is_running(self) -> bool:
        """The clock has been started."""
        return self._anchor is not None

    def start(self) -> None:
        """Start the clock, if it does not run yet."""
        if self._anchor is None:
            self._more(0)
            first_ns = first_mbo_ns(self.log.read(self.released, STEP_WORDS))
            self._anchor = (max(first_ns, self.newest_ns), monotonic_ns())

    def step(self) -> float:
        """At a speed: let happen what is due. Seconds until more is, at most a tenth.

        Whether anything happened shows in `released`.
        """
        if self.config.speed is None or self._anchor is None:
            return 0.1
        clock_ns = self.clock_ns()
        self._more(clock_ns + _AHEAD_NS)
        while self.released < self.log.stop:
            due_ns = self._advance(clock_ns)
            if due_ns:
                wait_s = (due_ns - self.clock_ns()) / NS_PER_S / self.config.speed
                return min(0.1, max(0.0005, wait_s))
        return 0.1

    def pull(self) -> bool:
        """At full speed: let more happen, for one who has read all; whether anything has."""
        if self.config.speed is not None or self._anchor is None:
            return False
        if self.released == self.log.stop:
            self._more(self.newest_ns + _AHEAD_NS)
        before = self.released
        self._advance(_FOREVER)
        return self.released > before

    def settle(self) -> None:
        """Let the open event end, if what ends it is there: a snapshot belongs between events."""
        step = 64
        while self.mid_event and self.released < self.log.stop and step <= STEP_WORDS:
            self._advance(_FOREVER, step)
            step *= 2

    def _more(self, until_ns: int) -> None:
        if not self._ended:
            self._ended = not self.supply.fill(self.log, until_ns)

    def _advance(self, clock_ns: int, words_max: int = STEP_WORDS) -> int:
        words = self.log.read(self.released, words_max)
        at, newest_ns, due_ns, ended = advance(words, clock_ns, self.newest_ns)
        self.released += at
        self.newest_ns = newest_ns
        if at:
            self.mid_event = not ended
        return int(due_ns)

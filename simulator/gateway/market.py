"""The market behind the gateway: what has happened so far, and its clock.

Its clock is the capture time of its records. At a speed, it runs with the wall clock from the first
session on, and a record is out when its time has come. At full speed it has no clock of its own:
whoever has read all that is out lets more happen, so the fastest reader drives the market, a slow
one is behind, and with no reader it stands still. A slow reader loses nothing: all that happened is
in the log.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Final, Protocol

from operators.model.records import NS_PER_S, MboBatch
from simulator.gateway.book import Book
from simulator.gateway.directory import Directory
from simulator.gateway.log import Log
from simulator.gateway.select_kernel import advance, first_mbo_ns, measure

STEP_WORDS: Final = 256 * 1024
"""What happens at once at full speed: 1 MiB."""
_AHEAD_NS: Final = NS_PER_S // 10
_PULL_NS: Final = 10 * NS_PER_S
"""Market time a supply goes on at once at full speed."""
_FOREVER: Final = 2**62
_BOOK_BEHIND_WORDS: Final = 8 * 1024 * 1024
_STEP_S_MIN: Final = 0.0005
_STEP_S_MAX: Final = 0.1


class Supply(Protocol):
    """Where records come from: files, or the simulated exchange."""

    def fill(self, log: Log, until_ns: int) -> bool:
        """Append what comes up to about `until_ns`, or nothing; False at the end."""


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
    idle_s_max: float | None = None
    """Longer silences of the market, in its own time, are passed over; None: none is."""

    def __post_init__(self) -> None:
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise ValueError(f"speed must be more than 0, was {self.speed}")
        if self.idle_s_max is not None and self.idle_s_max <= 0:
            raise ValueError(f"idle_s_max must be more than 0, was {self.idle_s_max}")
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
    wall_ns: Callable[[], int] = monotonic_ns
    book: Book = field(default_factory=Book)
    _anchor: tuple[int, int] | None = None
    """Market and wall time at which the clock was started."""
    _clock_ns: int = 0
    _ended: bool = False
    _sessions: int = 0

    def clock_ns(self) -> int:
        """The market's time: whatever has not happened yet has a later capture time."""
        return max(self.newest_ns, self._clock_ns)

    @property
    def is_over(self) -> bool:
        """Everything has happened, and nothing more will."""
        return self._ended and self.released == self.log.stop

    @property
    def is_running(self) -> bool:
        """The clock has been started."""
        return self._anchor is not None

    def prepare(self) -> None:
        """Do ahead what takes a moment: open the first day, load or compile every kernel."""
        self._more(0)
        self._more(self._first_ns() + 1)
        advance(self.log.read(self.released, 64), 0, 0)
        trial = Book()
        trial.position = self.released
        trial.follow(self.log, min(self.log.stop, self.released + 64))
        trial.grow()

    def start(self) -> None:
        """A session has started: so does the clock, if these are enough."""
        if self._anchor is None:
            self._sessions += 1
            if self._sessions < self.config.sessions_first:
                return
            self._more(0)
            self._anchor = (max(self._first_ns(), self.newest_ns), self.wall_ns())

    def _first_ns(self) -> int:
        """Capture time of the first market-by-order record; what stands before is out at once."""
        at = self.released
        while (words := self.log.read(at, STEP_WORDS)).size:
            if first_ns := first_mbo_ns(words):
                return int(first_ns)
            at += measure(words)[0]
        return 0

    def step(self) -> float:
        """At a speed: let happen what is due. Seconds until more is, at most a tenth.

        Whether anything happened shows in `released`.
        """
        if self.config.speed is None or self._anchor is None:
            return _STEP_S_MAX
        market_ns, wall_ns = self._anchor
        due_by_ns = market_ns + round((self.wall_ns() - wall_ns) * self.config.speed)
        self._more(due_by_ns + _AHEAD_NS)
        next_ns = 0
        while self.released < self.log.stop and not next_ns:
            next_ns = self._advance(due_by_ns)
        self._clock_ns = due_by_ns
        if not next_ns:
            return _STEP_S_MAX
        wait_ns = next_ns - due_by_ns
        idle_s = self.config.idle_s_max
        if idle_s is not None and wait_ns > idle_s * NS_PER_S:
            self._anchor = (next_ns, self.wall_ns())
            return _STEP_S_MIN
        return min(_STEP_S_MAX, max(_STEP_S_MIN, wait_ns / NS_PER_S / self.config.speed))

    def pull(self) -> bool:
        """At full speed: let more happen, for one who has read all; whether anything has."""
        if self.config.speed is not None or self._anchor is None:
            return False
        until_ns = self.newest_ns
        while self.released == self.log.stop and not self._ended:
            until_ns += _PULL_NS
            self._more(until_ns)
        before = self.released
        self._advance(_FOREVER)
        return self.released > before

    def settle(self) -> None:
        """Let the open event end, if what ends it is there: a snapshot belongs between events."""
        step = 64
        while self.mid_event and self.released < self.log.stop and step <= STEP_WORDS:
            self._advance(_FOREVER, step)
            step *= 2

    def has_forgotten(self, start_ns: int | None) -> bool:
        """Whether records from `start_ns` on were there once; 0 asks for what there is."""
        if start_ns is None or start_ns == 0 or self.log.first == 0:
            return False
        return self.log.seek(start_ns) <= self.log.first

    def snapshot(self, instrument_ids: Iterable[int]) -> MboBatch:
        """The books as they are now."""
        self.book.follow(self.log, self.released)
        return self.book.snapshot(instrument_ids, self.clock_ns())

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
        if self.released - self.book.position > _BOOK_BEHIND_WORDS and self.log.is_bounded:
            # Before the log forgets what the book has not seen.
            self.book.follow(self.log, self.released)
        return int(due_ns)

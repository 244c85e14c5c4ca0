"""Live feeds as a source: every record once, or a gap that says exactly what is missing.

Delivery: effectively once. What is given out is on the tape before, and a snapshot's position on
the tape is on the disk before the snapshot is; a resume reads the tape from there to its end, then
has the gateway replay from the positions of the instruments. Unit of parallelism: one partition
for each named feed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Final
from weakref import finalize

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.databento.beginning import beginning_of
from connectors.databento.budget import Budget, BudgetConfig
from connectors.databento.calibration_file import CalibrationFile
from connectors.databento.fallback import Fallback
from connectors.databento.history_config import HistoryConfig
from connectors.databento.intake import Intake, IntakeConfig
from connectors.databento.live_config import FeedConfig, LiveConfig
from connectors.databento.live_feed import LiveFeed, Outside
from connectors.databento.loop import LoopThread
from connectors.databento.week import Week
from connectors.dbn_file import Hooks, Keyed
from connectors.feed_status import LinkFigures, StatusTeller
from connectors.root_rules import RootsConfig
from connectors.tape.config import TapeConfig
from connectors.tape.reader import TapeReader
from connectors.tape.segments import TapePosition, is_here
from connectors.tape.tape import Tape
from operators.model.calibration_record import calibration_controls
from operators.model.errors import ConfigError, FeedError, GatewayError, IfdError, StateError
from operators.model.hashing import shard_key
from operators.model.items import MboRows
from operators.model.signals import FeedState

_TAPE_ROWS: Final = 65_536
"""Records read from the tape at once, in a resume."""
_NS_PER_MS: Final = 1_000_000
_LOOK_NS: Final = 10 * _NS_PER_MS
"""An idle feed looks so seldom whether there is something to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveParts:
    """What live feeds are made of, apart from their own settings."""

    tape: TapeConfig
    roots: RootsConfig
    week: Week
    history: HistoryConfig = field(default_factory=HistoryConfig)
    life: str = ""
    """Name of the recovery store's life; empty: nothing is kept beyond the process."""
    calibration: str = ""
    """Version of the calibration that tables of `p_move` belong to; empty: there is none."""
    calibration_file: str = ""
    """As in the settings; empty: none is watched."""
    outside: Outside = field(default_factory=Outside)
    on_note: Callable[[str], None] = lambda _text: None
    """Given what a person should know of the tape, in a line; from any thread."""


class LiveSource(FixedPartitionedSource[Keyed, dict[str, Any]]):
    """The live feeds whose tapes are on this machine, on one thread for all their sockets."""

    def __init__(self, config: LiveConfig, parts: LiveParts, hooks: Hooks | None = None) -> None:
        """Nothing is opened yet.

        Raises:
            ConfigError: there is no key.
        """
        if not config.key:
            raise ConfigError(
                "live.key: expected Databento's API key, found none; set DATABENTO_API_KEY"
            )
        self._config = config
        self._parts = parts
        self._hooks = hooks or Hooks()
        self._loop = LoopThread(parts.outside.connects_per_s or config.connects_per_s_max)
        self._open = 0

    def list_parts(self) -> list[str]:
        """Names of the feeds that may be read here.

        Raises:
            StateError: a folder holds something else than a tape.
        """
        return [feed for feed in self._config.feeds if is_here(self._parts.tape, feed)]

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "LivePartition":
        """Open the feed's tape and go on where it was left.

        Raises:
            StateError: the tape or the state cannot be used.
        """
        self._open += 1
        feed = self._config.feeds[for_part]
        return LivePartition(
            for_part, feed, self._config.key, self._parts, self._hooks, self._loop,
            resume_state, self._on_close,
        )  # fmt: skip

    def _on_close(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._loop.stop()


class LivePartition(StatefulSourcePartition[Keyed, dict[str, Any]]):
    """One live feed. State: the intake's, the data budget's and the place on the tape."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self,
        name: str,
        config: FeedConfig,
        key: str,
        parts: LiveParts,
        hooks: Hooks,
        loop: LoopThread,
        state: dict[str, Any] | None,
        on_close: Callable[[], None],
    ) -> None:
        self._name = name
        self._config = config
        self._hooks = hooks
        self._week = parts.week
        self._shards = range(parts.roots.shards)
        self._keys = [shard_key(shard) for shard in self._shards]
        self._teller = StatusTeller(name, hooks.clock_ns)
        self._epoch_rows = 0
        self._look_ns = 0
        self._is_over = False
        self._error: IfdError | None = None
        if state is not None and state["version"] != self.STATE_VERSION:
            found = f"state has version {state['version']}, expected {self.STATE_VERSION}"
            raise StateError(f"feed {name}: {found}; start with a fresh recovery store")
        self._tape: Tape | None = None
        if parts.tape.enabled:
            self._tape = Tape(parts.tape, name, on_note=parts.on_note)
        self._end = finalize(self, _close, self._tape, on_close)
        try:
            of = state or {}
            self._reader = self._behind(parts, of.get("tape"))
            intake_config = IntakeConfig(
                name, config.grace_ms * _NS_PER_MS, parts.roots, parts.week
            )
            self.intake = Intake(intake_config, self._tape, of.get("intake"))
        except BaseException:
            self._end()
            raise
        if self.intake.calibration.partition(".")[0] != parts.calibration:
            # It ended with its calibration; should that come back, the table is to be given again.
            self.intake.calibration = ""
        self._table_file: CalibrationFile | None = None
        if parts.calibration_file:
            self._table_file = CalibrationFile(Path(parts.calibration_file), parts.calibration)
        budget = BudgetConfig(
            day_bytes_max=config.budget_bytes_per_day, warn_ratio=config.budget_warning_ratio
        )
        self._budget = Budget(budget, of.get("budget"))
        self._loop = loop
        self._key = key
        self._outside = parts.outside
        outside = parts.outside
        self._fallback = Fallback(
            parts.history, config, key, self.intake,
            wall_ns=outside.wall_ns, mono_ns=outside.mono_ns,
        )  # fmt: skip
        self.feed: LiveFeed | None = None if self._reader else self._live()

    def next_batch(self) -> list[Keyed]:
        """What has come since, and the feed's status where that is due; never waits.

        Raises:
            StopIteration: a stop was asked for, or the gateway refused for good.
            IfdError: it refused, and no hook takes the error.
        """
        if self._is_over:
            raise StopIteration
        if self._error is not None:
            return self._ended(self._error)
        if self._hooks.stop():
            return self._ended(None)
        rows_max = self._config.rows_per_epoch_max - self._epoch_rows
        out: list[Keyed] = []
        if rows_max > 0 and self._may_read():
            out = self._read(rows_max)
        feed = self.feed
        now_ns = self._hooks.clock_ns()
        if not out and now_ns < self._look_ns:
            return out  # An idle feed is polled a thousand times a second.
        self._look_ns = now_ns + _LOOK_NS
        about = ("tape",) if feed is None else self._about(feed)
        if self._teller.is_due(about):
            if feed is not None:
                feed.note_hours(self._week.is_closed(self.intake.ticks.clock_ns))
            out.append(self._told())
        return out

    def next_awake(self) -> datetime | None:
        """At once after records, else a millisecond later."""
        return None

    def snapshot(self) -> dict[str, Any]:
        """The place on the tape after what was given out last, once it is on the disk."""
        self._epoch_rows = 0
        tape, place = self._tape, None
        if tape is not None:
            at = tape.end if self._reader is None else self._reader.position
            tape.wait_synced(at)
            tape.need(at)
            place = (tape.id, at.segment, at.offset)
        return {
            "version": self.STATE_VERSION,
            "tape": place,
            "intake": self.intake.snapshot(),
            "budget": self._budget.snapshot(),
        }

    def close(self) -> None:
        """Let go of connection, history and tape."""
        self._fallback.close()
        if self.feed is not None:
            self.feed.stop()
        self._end()

    def _behind(self, parts: LiveParts, place: tuple[str, int, int] | None) -> TapeReader | None:
        """A reader of what the tape holds behind the state, if it does."""
        tape = self._tape
        if tape is None:
            return None
        end = tape.open()
        if place is not None:
            id_, segment, offset = place
            at = TapePosition(segment, offset)
        elif parts.life:
            # A life that was killed before its first snapshot begins where its tape does.
            id_, at = beginning_of(parts.tape, self._name, parts.life, tape.id, end)
        else:
            return None
        # Read even where nothing is behind: that is what finds a tape cut short, or another one.
        reader = tape.read(at, end, id_=id_)
        return reader if at < end else None

    def _live(self) -> LiveFeed:
        return LiveFeed(
            self._name, self._config, self._key, self.intake, self._budget, self._loop,
            self._outside,
        )  # fmt: skip

    def _may_read(self) -> bool:
        """Whether sinks and disk can follow; otherwise the gateway keeps what is to come."""
        if not self._hooks.may_read():
            return False
        return self._tape is None or self._reader is not None or self._tape.room() != "full"

    def _read(self, rows_max: int) -> list[Keyed]:
        if self._reader is not None:
            recorded = self._reader.next(min(rows_max, _TAPE_ROWS))
            found = self.intake.again(recorded)
            if not recorded:
                self._reader = None
                self.feed = self._live()
        else:
            assert self.feed is not None
            self._recalibrate()
            # Ahead of what live brings: the two never come at once.
            found = self._fallback.poll(self.feed.session, rows_max)
            found += self.feed.poll(rows_max)
            if self.feed.session.state == "failed":
                self._error = GatewayError(self.feed.session.text)
        if not found:
            return []
        parts = [item.rows for _, item in found if isinstance(item, MboRows)]
        self._epoch_rows += sum(part.size for part in parts)
        self._teller.note(parts)
        if self._tape is not None:
            self._tape.rotate_if_due(self.intake.ticks.clock_ns)
        out = [(self._keys[shard], item) for shard, item in found]
        lateness = self._teller.lateness(self._figures())
        if lateness is not None:
            # Ahead of what it is about.
            out[:0] = [(key, lateness) for key in self._keys]
        return out

    def _recalibrate(self) -> None:
        """A new table of `p_move` goes on the tape where the feed stands, once it has begun."""
        intake = self.intake
        if self._table_file is None or intake.is_blocked or not intake.ticks.clock_ns:
            return
        table = self._table_file.wanted(intake.calibration, self._hooks.clock_ns())
        if table is not None:
            for control in calibration_controls(self._name, intake.ticks.clock_ns, table):
                intake.control(control)

    def _ended(self, error: IfdError | None) -> list[Keyed]:
        """The last word of the feed; the call after ends the input."""
        self._fallback.close()
        if self.feed is not None:
            self.feed.stop()
        self._is_over = True
        if error is not None:
            if self._hooks.on_fault is None or not isinstance(error, FeedError):
                raise error
            self._hooks.on_fault(error)
            return [self._message("failed", str(error))]
        return [self._message("stopped", "stopped where it stood")]

    def _told(self) -> Keyed:
        feed, tape = self.feed, self._tape
        if feed is None:
            return self._message("connecting", "reading the tape up to where the process ended")
        texts = [feed.session.text, feed.warning, self._fallback.text, self._table_text]
        if not self._hooks.may_read():
            texts.append("reading waits until the sinks have caught up")
        if tape is None:
            texts.append("there is no tape (tape.enabled): only the gateway can replay")
        elif (room := tape.room()) != "ok":
            what = "reading waits" if room == "full" else "reading will wait"
            texts.append(
                f"{tape.free_bytes:,} bytes are free for the tape: {what} (tape.reserve_bytes)"
            )
        if feed.lag.is_skewed:
            seconds = feed.lag.offset_ns / 1e9
            texts.append(
                f"this machine's clock is {seconds:+.3f} s off the gateway's: lags leave it out"
            )
        if self._budget.state != "ok":
            texts.append(f"{self._budget.ratio:.0%} of the day's data budget are used")
        told: FeedState = "delayed" if self._fallback.is_running else feed.session.told
        return self._message(told, "; ".join(filter(None, texts)))

    def _about(self, feed: LiveFeed) -> tuple[object, ...]:
        """What is told at once when it changes."""
        fallback = self._fallback
        is_skewed = feed.lag.is_skewed
        told = feed.session.told, feed.warning, self._table_text
        return *told, is_skewed, fallback.is_running, fallback.text

    @property
    def _table_text(self) -> str:
        return "" if self._table_file is None else self._table_file.text

    def _message(self, state: FeedState, text: str) -> Keyed:
        records = self.intake.counts.records
        return self._keys[0], self._teller.message(state, records, text, self._figures())

    def _figures(self) -> LinkFigures:
        feed, tape = self.feed, self._tape
        free_bytes = None if tape is None else tape.free_bytes
        if feed is None:
            return LinkFigures(tape_free_bytes=free_bytes)
        inbox = feed.inbox
        limit_ns = self._config.lag_ms_max * _NS_PER_MS
        return LinkFigures(
            receive_lag_ns=feed.lag.lag_ns,
            processing_lag_ns=feed.processing_lag_ns,
            queue_rows=0 if inbox is None else inbox.queued_rows,
            queue_bytes=0 if inbox is None else inbox.queued_bytes,
            queue_ratio=0.0 if inbox is None else inbox.fill_ratio,
            reconnects=feed.session.reconnects,
            lost_connections=feed.session.lost_connections,
            repeated=feed.repeated,
            late=max(feed.lag.lag_ns, feed.processing_lag_ns) > limit_ns,
            tape_free_bytes=free_bytes,
        )


def _close(tape: Tape | None, on_close: Callable[[], None]) -> None:
    """The engine does not promise to close what it drops, so this must not need the partition."""
    if tape is not None:
        tape.close()
    on_close()

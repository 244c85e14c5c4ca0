"""Lane: the queue of one receiver and the thread that empties it, in order."""

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Condition, Event, Thread
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sinks.alerts.channels.channel import Channel, Notice, SendError
from sinks.alerts.config import AlertsConfig
from sinks.alerts.intents import FOLLOWING, Intent
from sinks.alerts.journal import Journal, JournalError, Record, State
from sinks.alerts.policy_config import ReceiverConfig

LOG: Final = logging.getLogger(__name__)
ATTEMPT_WAIT_S: Final = 5.0
"""At a stop, for an attempt under way: cut off, it would be repeated."""
JOURNAL_WAIT_S: Final = 0.5
"""Between attempts to write a journal that cannot be."""
T = TypeVar("T")
_NS_PER_S: Final = 1_000_000_000


class Stopped(Exception):
    """The lane is being closed; what waits stays in journal and snapshot."""


@dataclass(slots=True)
class LaneCounters:
    """What a lane did since it was built, and what waits now."""

    sent: int = 0
    possible_repeats: int = 0
    """Of them, those marked so."""
    failed: int = 0
    """Attempts that failed."""
    dead: int = 0
    """Messages given up."""
    expired: int = 0
    """Messages too old to be sent."""
    moot: int = 0
    """Closings and retractions whose alert never arrived."""
    journal_failed: int = 0
    """Writes of the journal that had to be tried again."""
    waiting: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message on its way and its place in the journal."""

    intent: Intent
    record: Record


class Lane:
    """Delivery: at least once; at most the one under way at a crash is repeated, and marked."""

    def __init__(
        self,
        name: str,
        receiver: ReceiverConfig,
        channel: Channel,
        journal: Journal,
        config: AlertsConfig,
        zone: ZoneInfo,
        on_done: Callable[[str], None],
        on_failure: Callable[[str], None],
    ) -> None:
        self._name = name
        self._receiver = receiver
        self._channel = channel
        self._journal = journal
        self._config = config
        self._zone = zone
        self._on_done = on_done
        self._on_failure = on_failure
        self._entries: deque[Entry] = deque()
        self._changed = Condition()
        self._closing = False
        self._stop = Event()
        self._thread = Thread(target=self._run, name=f"alerts-{name}", daemon=True)
        self.counters = LaneCounters()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, entries: list[Entry]) -> None:
        """Queue what the journal holds; never waits. The outbox bounds how much there can be."""
        with self._changed:
            self._entries.extend(entries)
            self.counters.waiting = len(self._entries)
            self._changed.notify_all()

    def close(self, deadline: float) -> None:
        """Deliver until `deadline` (monotonic), then stop; an attempt under way is given longer."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is None:
            return
        self._thread.join(max(0.0, deadline - time.monotonic()))
        self._stop.set()
        self._thread.join(max(0.0, deadline + ATTEMPT_WAIT_S - time.monotonic()))

    def _run(self) -> None:
        try:
            while (entry := self._next()) is not None:
                self._deliver(entry)
                with self._changed:
                    self._entries.popleft()
                    self.counters.waiting = len(self._entries)
                self._on_done(entry.intent.id)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the flow must hear of it
            self._on_failure(f"alerts: the lane of {self._name}: {error!r}")

    def _next(self) -> Entry | None:
        with self._changed:
            while not self._entries and not self._closing:
                self._changed.wait()
            return self._entries[0] if self._entries else None

    def _deliver(self, entry: Entry) -> None:
        """Until it is decided what became of it."""
        record = entry.record
        if record.state == "sending":
            # Its attempt began in a life that ended before the result was written.
            record = replace(record, possible_repeat=True)
        wait_s = self._config.backoff_first_s
        while (state := self._reason_to_end(entry, record)) is None:
            record = self._write(
                replace(record, state="sending", attempts=record.attempts + 1, error="")
            )
            try:
                self._send(entry.intent, possible_repeat=record.possible_repeat)
            except SendError as error:
                record = self._failed(record, error)
                if record.state == "dead":
                    return
                asked_s = error.retry_after_s or 0.0
                self._pause(max(asked_s, wait_s * random.uniform(0.5, 1.0)), entry)
                wait_s = min(2 * wait_s, self._config.backoff_last_s)
            else:
                self._write(replace(record, state="sent"))
                self.counters.sent += 1
                self.counters.possible_repeats += record.possible_repeat
                return
        self._write(replace(record, state=state))
        if state == "expired":
            self.counters.expired += 1
        else:
            self.counters.moot += 1
        LOG.warning("alerts: %s to %s: %s", entry.intent.id, self._name, state)

    def _send(self, intent: Intent, *, possible_repeat: bool) -> None:
        notice = Notice(
            intent=intent,
            possible_repeat=possible_repeat,
            zone=self._zone,
            dashboard_url=self._config.dashboard_url,
        )
        try:
            self._channel.send(notice)
        except SendError:
            raise
        except Exception as error:
            # A channel that stumbles over one message must not stop for the next.
            LOG.exception("alerts: channel of %s", self._name)
            said = f"unexpected {type(error).__name__}"
            raise SendError(said, 0.0, may_have_arrived=True) from None

    def _reason_to_end(self, entry: Entry, record: Record) -> State | None:
        """Why there will be no (further) attempt; None if there will."""
        if time.time_ns() - entry.intent.ts_event > self._receiver.max_age_s * _NS_PER_S:
            return "expired"
        follows = entry.intent.follows
        if entry.intent.kind in FOLLOWING and follows and record.attempts == 0:
            # In the order of this lane: what became of the alert is known by now.
            states = self._retried(lambda: self._journal.states(follows))
            if states and not any(state == "sent" or maybe for state, maybe in states.values()):
                return "moot"
        return None

    def _failed(self, record: Record, error: SendError) -> Record:
        self.counters.failed += 1
        self.counters.last_error = str(error)
        is_last = error.retry_after_s is None or record.attempts >= self._receiver.attempts_max
        record = replace(
            record,
            state="dead" if is_last else "retrying",
            error=str(error),
            possible_repeat=record.possible_repeat or error.may_have_arrived,
        )
        LOG.warning(
            "alerts: %s to %s: attempt %d failed (%s)%s",
            record.id,
            self._name,
            record.attempts,
            error,
            "; given up" if is_last else "",
        )
        self.counters.dead += is_last
        return self._write(record)

    def _pause(self, wait_s: float, entry: Entry) -> None:
        """Wait for the next attempt, not beyond the message's age."""
        age_s = (time.time_ns() - entry.intent.ts_event) / _NS_PER_S
        left_s = self._receiver.max_age_s - age_s
        if self._stop.wait(max(0.0, min(wait_s, left_s + 0.001))):
            raise Stopped

    def _write(self, record: Record) -> Record:
        """Into the journal, however long that takes; nothing is attempted before."""
        record = replace(record, ts_changed_ns=time.time_ns())
        self._retried(lambda: self._journal.update(record))
        return record

    def _retried(self, act: Callable[[], T]) -> T:
        while True:
            try:
                return act()
            except JournalError as error:
                self.counters.journal_failed += 1
                self.counters.last_error = str(error)
                LOG.warning("%s", error)
            if self._stop.wait(JOURNAL_WAIT_S):
                raise Stopped

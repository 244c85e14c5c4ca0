"""Delivery: from the policy's intents through the journal into the lanes, beside the flow.

`put` only fills an outbox. A thread writes what is there into the journal and hands what the
journal did not know yet to the lane of its receiver. Until a lane is done with it, an intent is in
the snapshot as well.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from threading import Condition, Event, Thread
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from operators.model.errors import DeliveryError, StateError
from sinks.alerts.channels.channel import Channel
from sinks.alerts.config import AlertsConfig
from sinks.alerts.intents import Intent, intent_of_text
from sinks.alerts.journal import FINAL, Journal, JournalError, Record, record_of
from sinks.alerts.lane import Entry, Lane, LaneCounters
from sinks.alerts.policy_config import PolicyConfig
from sinks.gate import Gate

LOG: Final = logging.getLogger(__name__)
HOLDER: Final = "alerts"
HOLD_RATIO: Final = 0.75
RELEASE_RATIO: Final = 0.5
ROOM_CHECK_S: Final = 0.05
JOURNAL_WAIT_S: Final = 0.5
BATCH_MAX: Final = 100
PRUNE_EVERY: Final = 10_000
GONE: Final = "the policy has no such receiver any more"
_DAY_NS: Final = 86_400_000_000_000


@dataclass(slots=True)
class DeliveryCounters(LaneCounters):
    """Totals of the lanes, and of the way to them."""

    accepted: int = 0
    """Intents that the journal did not know."""
    repeated: int = 0
    """Intents that it knew: of a resume."""
    resumed: int = 0
    """Found undecided in the journal at the start."""


class Delivery:
    """Outbox, journal thread and lanes. State: the undelivered, at most `outbox_count_max`."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(
        self,
        config: AlertsConfig,
        policy: PolicyConfig,
        channels: Mapping[str, Channel],
        journal: Journal,
        gate: Gate,
        state: dict[str, Any] | None = None,
    ) -> None:
        """One lane per receiver of the policy; `channels` has one each.

        Raises:
            StateError: The snapshot is of another version.
        """
        self._config = config
        self._journal = journal
        self._gate = gate
        self._kinds = {name: r.channel_name for name, r in policy.receivers.items()}
        self._lanes = {
            name: Lane(
                name,
                r,
                channels[name],
                journal,
                config,
                ZoneInfo(policy.time_zone),
                self._done,
                self._fail,
            )
            for name, r in policy.receivers.items()
        }
        self._outbox: deque[Intent] = deque()
        self._undelivered: dict[str, Intent] = {}
        """By id, in order of arrival: in the outbox or in a lane."""
        self._changed = Condition()
        self._closing = False
        self._stop = Event()
        self._thread = Thread(target=self._run, name="alerts-journal", daemon=True)
        self._failure = ""
        self._own = DeliveryCounters()
        if state is not None:
            self._restore(state)

    def start(self) -> None:
        """Start the threads: first what the journal holds undecided, then what comes."""
        self._thread.start()

    def put(self, intents: list[Intent]) -> None:
        """Take intents; waits only while as many are undelivered as may be.

        Raises:
            DeliveryError: A thread has failed.
        """
        with self._changed:
            self._raise_failure()
            for intent in intents:
                while len(self._undelivered) >= self._config.outbox_count_max:
                    if self._gate.is_draining():
                        break  # A clean stop must not wait; they are in the snapshot.
                    self._changed.wait(ROOM_CHECK_S)
                    self._raise_failure()
                if intent.id not in self._undelivered:
                    self._undelivered[intent.id] = intent
                    self._outbox.append(intent)
            self._note()

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state. Raises DeliveryError if a thread has failed."""
        with self._changed:
            self._raise_failure()
            return {
                "version": self.STATE_VERSION,
                "undelivered": tuple(intent.text() for intent in self._undelivered.values()),
            }

    def counters(self) -> DeliveryCounters:
        """Totals; a copy."""
        total = DeliveryCounters(
            **{item.name: getattr(self._own, item.name) for item in fields(self._own)}
        )
        for lane in self._lanes.values():
            for item in fields(LaneCounters):
                value = getattr(lane.counters, item.name)
                if item.name == "last_error":
                    total.last_error = value or total.last_error
                else:
                    setattr(total, item.name, getattr(total, item.name) + value)
        total.waiting = len(self._undelivered)
        return total

    def lanes(self) -> dict[str, LaneCounters]:
        """Receiver → what its lane did."""
        return {name: lane.counters for name, lane in self._lanes.items()}

    def close(self) -> None:
        """Deliver for `flush_timeout_s`, then stop. Never raises."""
        deadline = time.monotonic() + self._config.flush_timeout_s
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
            self._stop.set()
            self._thread.join(1.0)
        for lane in self._lanes.values():
            lane.close(deadline)
        self._gate.release(HOLDER)
        if self._undelivered:
            LOG.warning("alerts: closed with %d messages undelivered", len(self._undelivered))

    def _restore(self, state: dict[str, Any]) -> None:
        if state["version"] != self.STATE_VERSION:
            raise StateError(
                f"alerts: version was {state['version']} in the recovery store, expected "
                f"{self.STATE_VERSION}: start with an empty recovery directory"
            )
        intents = [intent_of_text(text) for text in state["undelivered"]]
        self._undelivered = {intent.id: intent for intent in intents}
        self._outbox.extend(self._undelivered.values())

    def _fail(self, said: str) -> None:
        with self._changed:
            self._failure = self._failure or said
            self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure:
            raise DeliveryError(self._failure)

    def _done(self, key: str) -> None:
        """A lane is done with an intent."""
        with self._changed:
            self._undelivered.pop(key, None)
            self._note()

    def _note(self) -> None:
        """With the lock held: the gate follows, whoever waits looks again."""
        filled = len(self._undelivered) / self._config.outbox_count_max
        if filled >= HOLD_RATIO:
            self._gate.hold(HOLDER)
        elif filled < RELEASE_RATIO:
            self._gate.release(HOLDER)
        self._changed.notify_all()

    # In the thread.

    def _run(self) -> None:
        try:
            if not self._retried(self._resume):
                return
            for lane in self._lanes.values():
                lane.start()
            until_prune = 0
            while batch := self._next():
                if not self._retried(lambda batch=batch: self._accept(batch)):  # type: ignore[misc]
                    return
                until_prune -= len(batch)
                if until_prune < 0:
                    until_prune = PRUNE_EVERY
                    self._retried(self._prune)
        except Exception as error:  # noqa: BLE001 - whatever it is, the flow must hear of it
            self._fail(f"alerts: the journal's thread: {error!r}")

    def _next(self) -> list[Intent]:
        with self._changed:
            while not self._outbox and not self._closing:
                self._changed.wait()
            return list(self._outbox)[:BATCH_MAX]

    def _retried(self, act: Callable[[], None]) -> bool:
        """Until the journal takes it; False if we are stopped before."""
        while True:
            try:
                act()
            except JournalError as error:
                self._own.journal_failed += 1
                self._own.last_error = str(error)
                LOG.warning("%s", error)
            else:
                return True
            if self._stop.wait(JOURNAL_WAIT_S):
                return False

    def _resume(self) -> None:
        """Queue what the journal holds undecided. Nothing is queued until all of it was read."""
        entries: list[Entry] = []
        for record in self._journal.pending():
            if record.receiver not in self._lanes:
                self._bury(record, GONE)
                continue
            try:
                entries.append(Entry(intent_of_text(record.payload), record))
            except (ValueError, KeyError, TypeError) as error:
                self._bury(record, f"not readable: {type(error).__name__}")
        with self._changed:
            for entry in entries:
                self._undelivered.setdefault(entry.intent.id, entry.intent)
            self._own.resumed += len(entries)
        for entry in entries:
            self._lanes[entry.intent.receiver].put([entry])

    def _accept(self, batch: list[Intent]) -> None:
        """Into the journal, and what it did not know into the lanes. Harmless to do again."""
        records = {intent.id: self._record(intent) for intent in batch}
        new = self._journal.add(list(records.values()))
        for intent in batch:
            lane = self._lanes.get(intent.receiver)
            if intent.id in new and lane is not None:
                lane.put([Entry(intent, records[intent.id])])
            elif intent.id in new:
                self._own.dead += 1
        known = [
            intent.id
            for intent in batch
            if intent.receiver not in self._lanes or intent.id not in new
        ]
        states = self._journal.states(known)
        with self._changed:
            for _ in batch:
                self._outbox.popleft()
            self._own.accepted += len(new)
            self._own.repeated += len(batch) - len(new)
        for key in known:
            # Undecided ones are in their lanes since the start; the others need nobody any more.
            if states[key][0] in FINAL:
                self._done(key)

    def _record(self, intent: Intent) -> Record:
        record = record_of(intent, self._kinds.get(intent.receiver, ""), time.time_ns())
        return (
            record if intent.receiver in self._lanes else replace(record, state="dead", error=GONE)
        )

    def _bury(self, record: Record, said: str) -> None:
        self._journal.update(
            replace(record, state="dead", error=said, ts_changed_ns=time.time_ns())
        )
        self._own.dead += 1

    def _prune(self) -> None:
        before_ns = time.time_ns() - round(self._config.journal_days * _DAY_NS)
        self._journal.prune(before_ns)

"""Restraint: cooldowns, hourly budgets, and what was held back for the next digest."""

from collections import deque
from typing import Any, Final

from sinks.alerts.brief import Brief, brief_of_plain
from sinks.alerts.intents import Intent, digest_of
from sinks.alerts.match import rank

COOLDOWNS_MAX: Final = 20_000
LISTED_MAX: Final = 20
"""Signals that a digest names; the others it counts."""
HOUR_NS: Final = 3_600_000_000_000

Place = tuple[str, str, str, str]
"""(receiver, root, side, kind)"""


class Cooldowns:
    """Until when no other signal of a place is told. State: at most 20,000 places."""

    def __init__(self, state: Any = None) -> None:
        self._until: dict[Place, tuple[int, int]] = {}
        """Place → until (ns), severity of what was told."""
        for *place, until_ns, severity in state or ():
            self._until[tuple(place)] = (until_ns, severity)

    def is_on(self, receiver: str, brief: Brief, now_ns: int) -> bool:
        """Whether a signal must wait; one more severe than what was told need not."""
        until_ns, severity = self._until.get(_place(receiver, brief), (0, 0))
        return now_ns < until_ns and rank(brief.severity) <= severity

    def start(self, receiver: str, brief: Brief, now_ns: int, duration_ns: int) -> None:
        """Begin anew; the place that was begun longest ago makes room if need be."""
        if not duration_ns:
            return
        place = _place(receiver, brief)
        self._until.pop(place, None)
        while self._until and len(self._until) >= COOLDOWNS_MAX:
            del self._until[next(iter(self._until))]
        self._until[place] = (now_ns + duration_ns, rank(brief.severity))

    def snapshot(self) -> tuple[Any, ...]:
        """Plain copied state."""
        return tuple((*place, *value) for place, value in self._until.items())


class Budgets:
    """Alerts of the last hour per receiver. State: at most `budget_per_hour` instants each."""

    def __init__(self, per_hour: dict[str, int], state: Any = None) -> None:
        self._per_hour = per_hour
        self._sent: dict[str, deque[int]] = {name: deque() for name in per_hour}
        for name, instants in state or ():
            if name in self._sent:
                self._sent[name].extend(instants[-per_hour[name] :])

    def take(self, receiver: str, now_ns: int) -> bool:
        """Whether one more may be sent; if so it is counted."""
        sent = self._sent[receiver]
        while sent and sent[0] <= now_ns - HOUR_NS:
            sent.popleft()
        if len(sent) >= self._per_hour[receiver]:
            return False
        sent.append(now_ns)
        return True

    def snapshot(self) -> tuple[Any, ...]:
        """Plain copied state."""
        return tuple((name, tuple(sent)) for name, sent in self._sent.items())


class HeldBack:
    """What one receiver was not told since its last digest. State: counts, and 20 signals.

    The most probable signals are listed, of equals the earlier.
    """

    def __init__(self, receiver: str, digest_ns: int, state: Any = None) -> None:
        self._receiver = receiver
        self._digest_ns = digest_ns
        self._listed: dict[str, tuple[Brief, str]] = {}
        self._totals: dict[str, int] = {}
        self.due_ns: int = 0
        """When a digest is due; 0: nothing was held back."""
        if state is not None:
            self.due_ns, totals, listed = state
            self._totals = dict(totals)
            for plain, reason in listed:
                brief = brief_of_plain(plain)
                self._listed[brief.id] = (brief, reason)

    def add(self, brief: Brief, reason: str, now_ns: int) -> None:
        """One more signal; the first sets when the digest is due."""
        if not self._digest_ns:
            return
        self.due_ns = self.due_ns or now_ns + self._digest_ns
        self._totals[reason] = self._totals.get(reason, 0) + 1
        self._listed.pop(brief.id, None)
        self._listed[brief.id] = (brief, reason)
        if len(self._listed) > LISTED_MAX:
            # min() gives the first of equals; the newest of the least probable goes.
            least = min(reversed(self._listed), key=lambda key: self._listed[key][0].probability)
            del self._listed[least]

    def digest(self, now_ns: int) -> Intent:
        """All of it as one message; nothing is held back any more."""
        intent = digest_of(self._receiver, now_ns, self._listed.values(), self._totals)
        self._listed, self._totals, self.due_ns = {}, {}, 0
        return intent

    def snapshot(self) -> tuple[Any, ...]:
        """Plain copied state."""
        listed = tuple((brief.plain(), reason) for brief, reason in self._listed.values())
        return self.due_ns, dict(self._totals), listed


def _place(receiver: str, brief: Brief) -> Place:
    return receiver, brief.root, brief.side, brief.kind

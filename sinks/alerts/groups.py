"""Groups: alerts that wait to go out in one message."""

from dataclasses import dataclass, field
from typing import Any, Final

from sinks.alerts.brief import Brief, brief_of_plain
from sinks.alerts.routes import Route

MEMBERS_MAX: Final = 50
"""Signals in one message."""
GROUPS_MAX: Final = 5_000
NEVER: Final = 2**63 - 1

Key = tuple[str, str, tuple[str, ...]]
"""(route's path, receiver, labels)"""


@dataclass(slots=True)
class Group:
    """One group of one receiver."""

    waiting: dict[str, Brief] = field(default_factory=dict)
    """By signal id, in order of arrival."""
    open: dict[str, None] = field(default_factory=dict)
    """Ids of signals told that may still be open, for reminders."""
    due_ns: int = NEVER
    """When what waits goes out."""
    last_ns: int = 0
    """When its last message went out; 0: none yet."""


class Groups:
    """All groups. State: at most 5,000 groups of at most 50 signals."""

    def __init__(self, state: Any = None) -> None:
        self._groups: dict[Key, Group] = {}
        self._where: dict[str, dict[str, Key]] = {}
        """Signal id → receiver → group in which it waits."""
        self._due_ns = 0  # Unknown: looked up when the clock next moves.
        for path, receiver, labels, waiting, opened, due_ns, last_ns in state or ():
            briefs = [brief_of_plain(plain) for plain in waiting]
            key = (path, receiver, tuple(labels))
            self._groups[key] = Group(
                {b.id: b for b in briefs}, dict.fromkeys(opened), due_ns, last_ns
            )
            for brief in briefs:
                self._where.setdefault(brief.id, {})[receiver] = key

    def waiting(self) -> int:
        """Signals that wait, once per receiver."""
        return sum(len(receivers) for receivers in self._where.values())

    def replace(self, receiver: str, brief: Brief) -> bool:
        """Let a newer revision wait in the place of the one that does; False if none does."""
        key = self._where.get(brief.id, {}).get(receiver)
        if key is None:
            return False
        self._groups[key].waiting[brief.id] = brief
        return True

    def receivers_of(self, signal_id: str) -> list[str]:
        """For whom a signal waits."""
        return list(self._where.get(signal_id, ()))

    def remove(self, signal_id: str) -> list[str]:
        """A signal waits no more; for whom it did."""
        found = self._where.pop(signal_id, {})
        for key in found.values():
            del self._groups[key].waiting[signal_id]
        return list(found)

    def take(self, key: Key, now_ns: int) -> list[Brief]:
        """What waits in a group; its message goes out now."""
        group = self._groups[key]
        briefs = list(group.waiting.values())
        for brief in briefs:
            del self._where[brief.id][key[1]]
            if not self._where[brief.id]:
                del self._where[brief.id]
        group.waiting = {}
        group.due_ns, group.last_ns = NEVER, now_ns
        return briefs

    def add(self, route: Route, receiver: str, brief: Brief, now_ns: int) -> bool:
        """Let a signal wait for its message; False if there is no room."""
        key = (route.path, receiver, route.group_of(brief))
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= GROUPS_MAX:
                return False
            group = self._groups[key] = Group()
        if len(group.waiting) >= MEMBERS_MAX:
            return False
        if not group.waiting:
            group.due_ns = now_ns + route.group_wait_ns
            if group.last_ns:
                group.due_ns = max(group.due_ns, group.last_ns + route.group_interval_ns)
            self._due_ns = min(self._due_ns, group.due_ns)
        group.waiting[brief.id] = brief
        self._where.setdefault(brief.id, {})[receiver] = key
        return True

    def due(self, now_ns: int, routes: dict[str, Route]) -> list[tuple[int, Key, Group]]:
        """Groups with something to do by `now_ns`, in order of when; spent ones are forgotten."""
        if now_ns < self._due_ns:
            return []
        found, next_ns = [], NEVER
        for key, group in list(self._groups.items()):
            when = self._when(key, group, routes)
            if when <= now_ns:
                if not group.waiting and not group.open:
                    del self._groups[key]
                    continue
                found.append((when, key, group))
            next_ns = min(next_ns, when)
        # Each of them has a new time after it is served: look again then.
        self._due_ns = 0 if found else next_ns
        return sorted(found, key=lambda entry: entry[:2])

    def snapshot(self) -> tuple[Any, ...]:
        """Plain copied state."""
        return tuple(
            (
                *key,
                tuple(brief.plain() for brief in group.waiting.values()),
                tuple(group.open),
                group.due_ns,
                group.last_ns,
            )
            for key, group in self._groups.items()
        )

    @staticmethod
    def _when(key: Key, group: Group, routes: dict[str, Route]) -> int:
        """When a group next has something to do: a message, a reminder, or to be forgotten."""
        if group.waiting:
            return group.due_ns
        route = routes.get(key[0]) or routes[""]
        if group.open and route.repeat_interval_ns:
            return group.last_ns + route.repeat_interval_ns
        group.open.clear()
        return group.last_ns + route.group_interval_ns

"""Audience: who wants what, and from which seq on. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from sinks.relay.messages import ALL, Frame, Key


class Subscriber(Protocol):
    """One client, as the hub sees it."""

    def deliver(self, frames: Sequence[Frame]) -> None:
        """Send these in this order, sooner or later, or close. Never blocks, never raises."""


class Audience:
    """Subscribers per channel and root.

    A subscriber may be ahead: it came from a replica that has more than we do, or we have just
    started. It then has a *floor*, the seq it has seen, and gets nothing up to there again.
    """

    def __init__(self) -> None:
        # Mappings, not sets: everybody is served in the order of arrival.
        self._wanting: dict[Key, dict[Subscriber, None]] = {}
        self._floors: dict[Key, dict[Subscriber, tuple[int, str]]] = {}

    def add(self, who: Subscriber, key: Key) -> None:
        """From now on `who` gets what is published under `key`; root `*` is every root."""
        self._wanting.setdefault(key, {})[who] = None

    def remove(self, who: Subscriber, key: Key) -> None:
        """No more of it; no error if it was not subscribed."""
        _discard(self._wanting, key, who)
        for other in [k for k in self._floors if k[0] == key[0] and key[1] in (ALL, k[1])]:
            if not self.wants(who, other):
                _discard(self._floors, other, who)

    def leave(self, who: Subscriber) -> None:
        """Nothing any more."""
        tables: tuple[dict[Key, Any], ...] = (self._wanting, self._floors)
        for table in tables:
            for key in [key for key, members in table.items() if who in members]:
                _discard(table, key, who)

    def wants(self, who: Subscriber, key: Key) -> bool:
        """Whether it gets what is published under `key`."""
        return who in self._wanting.get(key, ()) or who in self._wanting.get((key[0], ALL), ())

    def of(self, key: Key) -> Iterable[Subscriber]:
        """Everybody who wants what is published under `key`, once. Changed by none of it."""
        named, every = self._wanting.get(key), self._wanting.get((key[0], ALL))
        if named is None or every is None:
            return every or named or ()
        return {**named, **every}

    def everybody(self) -> Iterator[Subscriber]:
        """Everybody with any subscription, once."""
        yield from {who: None for members in self._wanting.values() for who in members}

    def set_floor(self, who: Subscriber, key: Key, seq: int, epoch: str) -> None:
        """`who` has seen everything of `key` up to `seq` in `epoch`, more than we have."""
        self._floors.setdefault(key, {})[who] = (seq, epoch)

    def clear_floor(self, who: Subscriber, key: Key) -> None:
        """`who` has seen no more than we have."""
        _discard(self._floors, key, who)

    def floor(self, who: Subscriber, key: Key) -> int | None:
        """Seq up to which `who` has seen everything, if that is more than we have."""
        found = self._floors.get(key, {}).get(who)
        return None if found is None else found[0]

    def has_floors(self, key: Key) -> bool:
        """Whether anybody is ahead."""
        return key in self._floors

    def forget_floors(self, *, but: str) -> None:
        """Another generation: what was seen of others than this one says nothing."""
        for key, members in list(self._floors.items()):
            for who in [who for who, (_, epoch) in members.items() if epoch != but]:
                _discard(self._floors, key, who)


class Mail:
    """What one batch brings to each subscriber, in the order of the messages."""

    def __init__(self) -> None:
        self._frames: dict[Subscriber, tuple[Frame, ...]] = {}

    def add(self, everybody: Iterable[Subscriber], frames: tuple[Frame, ...]) -> None:
        """Frames for all of these; none are no mail."""
        if not frames:
            return
        if not self._frames:
            # The common case, one message for all, without a step of Python for each.
            self._frames = dict.fromkeys(everybody, frames)
            return
        for who in everybody:
            self._frames[who] = self._frames.get(who, ()) + frames

    def deliver(self) -> None:
        """Hand it all over."""
        for who, frames in self._frames.items():
            who.deliver(frames)


def _discard(table: dict[Key, Any], key: Key, who: Subscriber) -> None:
    members = table.get(key)
    if members is not None:
        members.pop(who, None)
        if not members:
            del table[key]

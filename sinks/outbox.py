"""Outbox: event messages handed over by the flow and not yet acknowledged by the broker.

Pure bookkeeping of one sink partition: which `seq` comes next, what waits, what the topic already
holds. It decides about "nothing lost, nothing twice"; threads and sockets are elsewhere.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from operators.model.errors import DeliveryError, StateError
from operators.model.streams import Message
from sinks.codec import encode

Key = tuple[str, str]
"""(stream, root)"""

Held = Mapping[Key, Mapping[int, str]]
"""What a topic was found to hold: key → seq → digest of the value."""

DIGEST_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One message on its way."""

    stream: str
    root: str
    seq: int
    ts_event: int
    """ns since the epoch."""
    value: bytes
    digest: str
    """First 16 hexadecimal digits of the value's SHA-256."""
    late: bool = False
    """Its feed was late when the flow handed it over."""

    @property
    def key(self) -> Key:
        """Stream and root: `seq` is contiguous within."""
        return self.stream, self.root


def entry(
    stream: str, root: str, seq: int, ts_event: int, value: bytes, late: bool = False
) -> Entry:
    """An entry with the digest of its value."""
    digest = sha256(value).hexdigest()[:DIGEST_DIGITS]
    return Entry(stream, root, seq, ts_event, value, digest, late)


def entry_of(message: Message) -> Entry:
    """A message of the flow as an entry."""
    ts_event = message.value.ts_event
    value = encode(message)
    return entry(message.stream, message.root, message.seq, ts_event, value, message.late)


class Outbox:
    """Entries in order of arrival. State: what waits, and one number per (stream, root)."""

    STATE_VERSION: ClassVar[int] = 1

    def __init__(self, state: dict[str, object] | None = None) -> None:
        self._entries: deque[Entry] = deque()
        self._last: dict[Key, int] = {}
        self._held: dict[Key, dict[int, str]] = {}
        self._held_last: dict[Key, int] = {}
        self.bytes_count: int = 0
        """Bytes of the values that wait."""
        if state is not None:
            self._restore(state)

    def __len__(self) -> int:
        return len(self._entries)

    def accept(self, item: Entry) -> bool:
        """Take the next message of its (stream, root); False if the topic already holds it.

        Raises:
            StateError: Its seq is not the next one, or the topic holds another message of that seq.
        """
        due = self._last.get(item.key, 0) + 1
        if item.seq != due:
            raise StateError(
                f"{item.stream} of {item.root}: seq was {item.seq}, expected {due}; the recovery "
                "store and the code do not belong together: start a new generation"
            )
        self._last[item.key] = due
        if due <= self._held_last.get(item.key, 0):
            self._forget_held(item)
            return False
        self._entries.append(item)
        self.bytes_count += len(item.value)
        return True

    def first(self, count_max: int, bytes_max: int) -> list[Entry]:
        """The oldest entries up to either bound, at least one if there is any; they stay."""
        chosen: list[Entry] = []
        size = 0
        for item in self._entries:
            size += len(item.value)
            if chosen and (len(chosen) >= count_max or size > bytes_max):
                break
            chosen.append(item)
        return chosen

    def drop(self, count: int) -> None:
        """Forget the oldest `count` entries: the broker has them."""
        for _ in range(count):
            self.bytes_count -= len(self._entries.popleft().value)

    def settle(self, held: Held) -> int:
        """Drop what the topic holds and remember the rest of it; how many were dropped.

        Raises:
            DeliveryError: The topic holds another message under a seq of ours.
        """
        newest = {key: max(digests) for key, digests in held.items() if digests}
        kept: deque[Entry] = deque()
        for item in self._entries:
            if item.seq > newest.get(item.key, 0):
                kept.append(item)
            else:
                # Unseen among seen: a dead letter, or older than what the topic keeps.
                _compare(item, held[item.key].get(item.seq))
        dropped = len(self._entries) - len(kept)
        self._entries = kept
        self.bytes_count = sum(len(item.value) for item in kept)
        for key, digests in held.items():
            last = self._last.get(key, 0)
            self._held[key] = {seq: digest for seq, digest in digests.items() if seq > last}
            self._held_last[key] = max(self._held_last.get(key, 0), newest.get(key, 0))
        return dropped

    def is_behind(self) -> bool:
        """Whether the topic was found to hold messages that are still to be taken here.

        Until they are, only the topic knows of them: a resume must read them there once more.
        """
        return any(newest > self._last.get(key, 0) for key, newest in self._held_last.items())

    def last(self) -> dict[Key, int]:
        """(stream, root) → newest seq taken: acknowledged or waiting here. A copy."""
        return dict(self._last)

    def snapshot(self) -> dict[str, object]:
        """Plain copied state."""
        entries = tuple(
            (e.stream, e.root, e.seq, e.ts_event, e.value, e.late) for e in self._entries
        )
        return {"last": tuple((*key, seq) for key, seq in self._last.items()), "entries": entries}

    def _restore(self, state: dict[str, object]) -> None:
        last, entries = state["last"], state["entries"]
        assert isinstance(last, Iterable)
        assert isinstance(entries, Iterable)
        self._last = {(stream, root): seq for stream, root, seq in last}
        self._entries = deque(entry(*fields) for fields in entries)
        self.bytes_count = sum(len(item.value) for item in self._entries)

    def _forget_held(self, item: Entry) -> None:
        _compare(item, self._held.get(item.key, {}).pop(item.seq, None))
        if item.seq == self._held_last[item.key]:
            del self._held_last[item.key]
            self._held.pop(item.key, None)


def _compare(item: Entry, digest: str | None) -> None:
    if digest is not None and digest != item.digest:
        raise DeliveryError(
            f"{item.stream} of {item.root}: seq {item.seq} is on the topic with digest {digest}, "
            f"expected {item.digest}; this run gives another output than the one before the stop: "
            "start a new generation"
        )

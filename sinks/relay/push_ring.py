"""Push ring: what a worker process keeps for its relays, each of which reads at its own pace. Pure.

Event messages in order of publishing, bounded; of state streams the current value of each key. A
relay that was away too long finds that the oldest are gone: its hub sees the hole in `seq` and
says so.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

from operators.model.streams import EVENT_STREAMS
from sinks.published import Published

OVERHEAD_BYTES = 400
"""Objects around the bytes of one message, rounded up."""


@dataclass(slots=True)
class Reader:
    """How far one connection has read. Events up to `known` of the same generation are skipped."""

    known: Mapping[str, Mapping[str, int]]
    place: int = 0
    state_place: int = 0
    lost: int = 0
    """Event messages that were gone before they could be read."""


@dataclass(slots=True)
class PushRing:
    """State: at most `count_max` messages and `bytes_max` bytes of events, `keys_max` values."""

    count_max: int
    bytes_max: int
    keys_max: int
    dropped: int = 0
    """Event messages overwritten by newer ones."""
    crowded_out: int = 0
    """State values dropped because there were `keys_max` of them."""
    bytes_count: int = 0
    _events: deque[Published] = field(default_factory=deque)
    _first: int = 0
    """Place of the oldest event held; places count up over the ring's life."""
    _states: dict[tuple[str, str], tuple[int, Published]] = field(default_factory=dict)
    """In order of the last change."""
    _state_place: int = 0

    def add(self, message: Published) -> None:
        """Take the next message."""
        if message.stream not in EVENT_STREAMS:
            self._state_place += 1
            if self._states.pop(message.key, None) is None and len(self._states) >= self.keys_max:
                del self._states[next(iter(self._states))]
                self.crowded_out += 1
            self._states[message.key] = (self._state_place, message)
            return
        self._events.append(message)
        self.bytes_count += size_of(message)
        while len(self._events) > self.count_max or (
            self.bytes_count > self.bytes_max and len(self._events) > 1
        ):
            self.bytes_count -= size_of(self._events.popleft())
            self._first += 1
            self.dropped += 1

    def has_more(self, reader: Reader) -> bool:
        """Whether `read` would give anything that is not skipped."""
        return (
            reader.place < self._first + len(self._events) or reader.state_place < self._state_place
        )

    def read(self, reader: Reader, count_max: int) -> list[Published]:
        """At most so many messages after what it has read: events, then changed values."""
        if reader.place < self._first:
            reader.lost += self._first - reader.place
            reader.place = self._first
        start = reader.place - self._first
        events = list(islice(self._events, start, start + count_max))
        reader.place += len(events)
        found = [m for m in events if m.seq > _known(reader, m)]
        # Newest last in the mapping: from behind, until what was read before.
        changed = []
        for place, message in reversed(self._states.values()):
            if place <= reader.state_place:
                break
            changed.append(message)
        reader.state_place = self._state_place
        return found + changed[::-1]


def _known(reader: Reader, message: Published) -> int:
    keys = reader.known.get(message.generation)
    return 0 if keys is None else keys.get(f"{message.stream}/{message.root}", 0)


def size_of(message: Published) -> int:
    """What it takes in memory, about; bytes."""
    return len(message.value) + OVERHEAD_BYTES

"""Push ring: what a worker process keeps for its relays, each of which reads at its own pace. Pure.

Event messages in order of publishing, bounded; of state streams the current value of each key. What
a relay reads of a stream and root goes on after what it has; where the ring was too short it is
told which messages are gone, at once and not only when the next one shows it.
"""

from collections import deque
from dataclasses import dataclass, field

from operators.model.streams import EVENT_STREAMS
from sinks.published import Published

OVERHEAD_BYTES = 400
"""Objects around the bytes of one message, rounded up."""

Key = tuple[str, str]
"""(stream, root)"""


@dataclass(frozen=True, slots=True)
class Gone:
    """Messages that a relay has not and that nobody can give it any more, both ends included."""

    stream: str
    root: str
    first: int
    last: int


@dataclass(slots=True)
class Reader:
    """How far one connection has read. State: one number per stream and root."""

    known: dict[Key, int]
    """Last seq that the relay has, or was told to miss."""
    place: int = 0
    state_place: int = 0


@dataclass(slots=True)
class Read:
    """What a reader gets at once."""

    messages: list[Published] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    """True before `messages`."""


class PushRing:
    """State: events, values and one number per stream and root.

    At most `count_max` events and `keys_max` values, of each of the two `bytes_max` bytes.
    """

    def __init__(self, count_max: int, bytes_max: int, keys_max: int) -> None:
        self._count_max = count_max
        self._bytes_max = bytes_max
        self._keys_max = keys_max
        self._events: deque[Published] = deque()
        self._first = 0  # Place of the oldest event held; places count up over the ring's life.
        self._overwritten: dict[Key, int] = {}
        self._states: dict[Key, tuple[int, Published]] = {}  # In order of the last change.
        self._state_place = 0
        self.bytes_count: int = 0
        """Bytes of the events held."""
        self.state_bytes: int = 0
        """Bytes of the values held."""
        self.dropped: int = 0
        """Event messages overwritten by newer ones."""
        self.crowded_out: int = 0
        """State values dropped for want of room."""

    def add(self, message: Published) -> None:
        """Take the next message."""
        if message.stream not in EVENT_STREAMS:
            self._add_state(message)
            return
        self._events.append(message)
        self.bytes_count += size_of(message)
        while len(self._events) > self._count_max or (
            self.bytes_count > self._bytes_max and len(self._events) > 1
        ):
            oldest = self._events.popleft()
            self.bytes_count -= size_of(oldest)
            self._overwritten[oldest.key] = oldest.seq
            self._first += 1
            self.dropped += 1

    def has_more(self, reader: Reader) -> bool:
        """Whether `read` may give anything."""
        stop = self._first + len(self._events)
        return reader.place < stop or reader.state_place < self._state_place

    def read(self, reader: Reader, count_max: int) -> Read:
        """At most so many events after what it has read, and as many changed values."""
        found = Read()
        if reader.place < self._first:
            reader.place = self._first
            for key, seq in self._overwritten.items():
                _skip(reader, key, seq, found)
        # By index: a deque is quick at both ends, where readers are.
        for at in range(reader.place, min(reader.place + count_max, self._stop())):
            message = self._events[at - self._first]
            if message.seq > reader.known.get(message.key, 0):
                _skip(reader, message.key, message.seq - 1, found)
                reader.known[message.key] = message.seq
                found.messages.append(message)
            reader.place = at + 1
        self._read_states(reader, count_max, found)
        return found

    def _stop(self) -> int:
        return self._first + len(self._events)

    def _add_state(self, message: Published) -> None:
        self._state_place += 1
        replaced = self._states.pop(message.key, None)
        if replaced is not None:
            self.state_bytes -= size_of(replaced[1])
        self._states[message.key] = (self._state_place, message)
        self.state_bytes += size_of(message)
        while len(self._states) > self._keys_max or (
            self.state_bytes > self._bytes_max and len(self._states) > 1
        ):
            _, oldest = self._states.pop(next(iter(self._states)))
            self.state_bytes -= size_of(oldest)
            self.crowded_out += 1

    def _read_states(self, reader: Reader, count_max: int, found: Read) -> None:
        changed = []
        # The newest is last: from behind, until what was read before.
        for place, message in reversed(self._states.values()):
            if place <= reader.state_place:
                break
            changed.append((place, message))
        chosen = changed[::-1][:count_max]
        found.messages.extend(message for _, message in chosen)
        # Places that are no more belong to values replaced or crowded out.
        reader.state_place = chosen[-1][0] if len(chosen) < len(changed) else self._state_place


def size_of(message: Published) -> int:
    """What it takes in memory, about; bytes."""
    return len(message.value) + OVERHEAD_BYTES


def _skip(reader: Reader, key: Key, last: int, found: Read) -> None:
    """Everything up to `last` that the reader has not is gone."""
    first = reader.known.get(key, 0) + 1
    if first <= last:
        found.gone.append(Gone(*key, first, last))
        reader.known[key] = last

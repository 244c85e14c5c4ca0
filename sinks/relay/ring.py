"""Ring: the newest messages of one event channel and root, without a hole between them. Pure."""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sinks.published import Published
from sinks.relay.messages import Frame


@dataclass(frozen=True, slots=True)
class Held:
    """A message and the frame made of it."""

    message: Published
    frame: Frame

    @property
    def bytes_count(self) -> int:
        """What it takes in memory, about."""
        return len(self.message.value) + len(self.frame.wire) + OVERHEAD_BYTES


OVERHEAD_BYTES: Final = 600
"""Objects around the bytes of one message: measured, rounded up."""


class Ring:
    """Contiguous messages up to `last`. State: at most `count_max` of them."""

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._held: deque[Held] = deque()
        self.last: int = 0
        """Newest seq taken; 0 before the first."""
        self.bytes_count: int = 0
        """Bytes held."""
        self.snapshot: Frame | None = None
        """Made of the newest messages, until the next one comes; whoever makes it keeps it here."""

    def __len__(self) -> int:
        return len(self._held)

    @property
    def oldest(self) -> int:
        """Oldest seq held; one past the newest if none is."""
        return self.last + 1 - len(self._held)

    def append(self, held: Held) -> int:
        """Take a newer message; how many older ones went.

        What is before a hole goes, too: nobody can resume across it.
        """
        seq = held.message.seq
        assert seq > self.last, f"seq was {seq}, expected more than {self.last}"
        dropped = 0
        if self._held and seq > self.last + 1:
            dropped = self.drop(len(self._held))
        self._held.append(held)
        self.bytes_count += held.bytes_count
        self.last = seq
        self.snapshot = None
        if len(self._held) > self._count_max:
            dropped += self.drop(1)
        return dropped

    def drop(self, count: int) -> int:
        """Forget the `count` oldest, or all if there are fewer; how many went."""
        count = min(count, len(self._held))
        for _ in range(count):
            self.bytes_count -= self._held.popleft().bytes_count
        if count:
            self.snapshot = None
        return count

    def can_resume(self, seq: int) -> bool:
        """Whether everything after `seq`, of what has come, is held."""
        return self.oldest - 1 <= seq <= self.last

    def after(self, seq: int) -> list[Held]:
        """Everything after `seq`, oldest first. Asserts that it is held."""
        assert self.can_resume(seq), f"seq was {seq}, held {self.oldest} to {self.last}"
        return list(islice(self._held, seq + 1 - self.oldest, None))

    def newest(self, count: int) -> list[Held]:
        """The newest `count`, oldest first."""
        return list(islice(self._held, max(0, len(self._held) - count), None))

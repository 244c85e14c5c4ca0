"""Stamps: the number of each message on an event stream, and whether its feed is late."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from operators.model.items import Lateness
from operators.model.streams import EVENT_STREAMS, Message


class Stamps:
    """Contiguous numbers per (stream, root) from 1. The step that completes a stream stamps it.

    Messages that pass while their feed is late are marked: on the envelope, in no state.
    State: a number per stream and root, the feed of each root.
    """

    def __init__(
        self, seq: Iterable[tuple[str, str, int]] = (), feeds: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.seq = {(stream, root): number for stream, root, number in seq}
        self.feed_of = dict(feeds)
        """Root → its feed."""
        self._late: set[str] = set()

    def on_lateness(self, item: Lateness) -> None:
        """What follows of the feed leaves late, or no longer."""
        (self._late.add if item.late else self._late.discard)(item.feed)

    def stamped(self, message: Message) -> Message:
        """The message with its number, state streams unnumbered."""
        if message.stream not in EVENT_STREAMS:
            late = self._is_late(message.root)
            return replace(message, late=True) if late else message
        return self.made(message.stream, message.root, message.value)

    def made(self, stream: str, root: str, value: Any) -> Message:
        """The next message of an event stream."""
        key = stream, root
        seq = self.seq[key] = self.seq.get(key, 0) + 1
        return Message(stream, root, seq, value, self._is_late(root))

    def pack(self) -> tuple[tuple[tuple[str, str, int], ...], tuple[tuple[str, str], ...]]:
        """Plain copies of numbers and feeds, as the constructor takes them."""
        numbers = tuple(sorted((*key, seq) for key, seq in self.seq.items()))
        return numbers, tuple(self.feed_of.items())

    def _is_late(self, root: str) -> bool:
        # A feed's status is keyed by the feed, which is no root.
        return bool(self._late) and self.feed_of.get(root, root) in self._late

"""What a source says of its feed, about once a second of wall time."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from operators.model.records import F_SNAPSHOT, NS_PER_S, MboBatch
from operators.model.signals import FeedStatus
from operators.model.streams import STATUS, Message

STATUS_NS: Final = NS_PER_S
"""Least wall time between two words of a feed; its last one waits for nothing."""


class StatusTeller:
    """Decides when a word is due, and what the newest record says. Pure but for its clock.

    What it says depends on when it is asked: on the status stream alone, which is none of the
    event streams and changes none of them.
    """

    def __init__(self, feed: str, clock_ns: Callable[[], int]) -> None:
        self._feed = feed
        self._clock_ns = clock_ns
        self._due_ns: int | None = None
        self._ts_event = 0
        self._lag_ns = 0

    def note(self, parts: Sequence[MboBatch]) -> None:
        """What was given out: records of each shard, at least one in each part."""
        if not parts:
            return
        row = max((rows[-1] for rows in parts), key=_received)
        self._ts_event = int(row["ts_event"])
        # A snapshot's records are old by nature.
        is_old = int(row["flags"]) & F_SNAPSHOT
        self._lag_ns = 0 if is_old else int(row["ts_recv"]) - self._ts_event

    def is_due(self) -> bool:
        """Whether a second has passed since the last time this was true; at first it is."""
        now_ns = self._clock_ns()
        if self._due_ns is not None and now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + STATUS_NS
        return True

    def message(self, state: Literal["replay", "stopped"], records: int, text: str) -> Message:
        """The word itself."""
        value = FeedStatus(
            feed=self._feed,
            state=state,
            ts_event=self._ts_event,
            records=records,
            lag_ns=self._lag_ns,
            text=text,
        )
        return Message(STATUS, self._feed, 0, value)


def _received(row: Any) -> int:
    return int(row["ts_recv"])

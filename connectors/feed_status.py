"""What a source says of its feed, about once a second of wall time."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from operators.model.items import Lateness
from operators.model.records import F_SNAPSHOT, NS_PER_S, MboBatch
from operators.model.signals import FeedState, FeedStatus
from operators.model.streams import STATUS, Message

STATUS_NS: Final = NS_PER_S
"""Least wall time between two words of a feed that is as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFigures:
    """What a feed over the network says besides; each as the field of that name in `FeedStatus`."""

    receive_lag_ns: int = 0
    processing_lag_ns: int = 0
    queue_rows: int = 0
    queue_bytes: int = 0
    queue_ratio: float = 0.0
    reconnects: int = 0
    lost_connections: int = 0
    repeated: int = 0
    late: bool = False
    tape_free_bytes: int | None = None


NO_LINK: Final = LinkFigures()
"""Of a feed that is read from files."""


class StatusTeller:
    """Decides when a word is due, and what the newest record says. Pure but for its clock.

    What it says depends on when it is asked: on the status stream alone, which is none of the
    event streams and changes none of them.
    """

    def __init__(self, feed: str, clock_ns: Callable[[], int]) -> None:
        self._feed = feed
        self._clock_ns = clock_ns
        self._due_ns: int | None = None
        self._about: Hashable = None
        self._is_late = False
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

    def is_due(self, about: Hashable = None) -> bool:
        """Whether a second has passed since the last time this was true; at first it is.

        Args:
            about: What is not to wait for the second once it differs from the last time this was
                true, such as the state and whether the feed is late.
        """
        now_ns = self._clock_ns()
        if about == self._about and self._due_ns is not None and now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + STATUS_NS
        self._about = about
        return True

    def lateness(self, link: LinkFigures) -> Lateness | None:
        """For every shard, ahead of what it is about; None if it is as it was told last."""
        if link.late == self._is_late:
            return None
        self._is_late = link.late
        return Lateness(self._feed, link.late)

    def message(
        self, state: FeedState, records: int, text: str, link: LinkFigures = NO_LINK
    ) -> Message:
        """The word itself."""
        value = FeedStatus(
            feed=self._feed,
            state=state,
            ts_event=self._ts_event,
            records=records,
            lag_ns=self._lag_ns,
            text=text,
            receive_lag_ns=link.receive_lag_ns,
            processing_lag_ns=link.processing_lag_ns,
            queue_rows=link.queue_rows,
            queue_bytes=link.queue_bytes,
            queue_ratio=link.queue_ratio,
            reconnects=link.reconnects,
            lost_connections=link.lost_connections,
            repeated=link.repeated,
            late=link.late,
            tape_free_bytes=link.tape_free_bytes,
        )
        return Message(STATUS, self._feed, 0, value)


def _received(row: Any) -> int:
    return int(row["ts_recv"])

"""What one connection has brought and nobody has taken yet: bounded, and never thrown away.

The loop thread puts, the worker's thread takes; each counter has one writer, so nothing is locked.
When it is full the socket is not read any more: what is under way waits in the kernel and at the
gateway, which sends every market-by-order record however late.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import time_ns
from typing import Final, Literal

from operators.model.records import MBO_BYTES

ZSTD_RATIO: Final = 4
"""Of market-by-order records, about: queued rows are an estimate where they are compressed."""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Something that happened to a connection, in its place among its bytes."""

    kind: Literal["connected", "authenticated", "started", "refused", "strange", "lost"]
    """`refused`: the key or the dataset. `strange`: it does not speak the protocol. These two and
    `lost` are the last of their connection."""
    text: str = ""
    """What was said, or found."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One read from the socket."""

    data: bytes
    ts_ns: int
    """Wall time of its arrival."""


class Inbox:
    """The queue of one connection.

    Bound: the chunk that exceeds the limit is kept, so one read more than the limit.
    """

    def __init__(
        self,
        bytes_max: int,
        rows_max: int,
        *,
        is_compressed: bool = False,
        clock_ns: Callable[[], int] = time_ns,
    ) -> None:
        """With limits of what is waiting, the smaller counts; wall time from `clock_ns`."""
        ratio = ZSTD_RATIO if is_compressed else 1
        self._row_bytes = MBO_BYTES // ratio
        self.limit_bytes = min(bytes_max, rows_max * self._row_bytes)
        self.on_room: Callable[[], None] | None = None
        """Called in the taker's thread, once there is room after it was full."""
        self._clock_ns = clock_ns
        self._held: deque[Chunk | LinkEvent] = deque()
        self._put_bytes = 0
        self._taken_bytes = 0
        self._is_full = False
        self.full_count = 0
        """Times that it was full."""

    @property
    def queued_bytes(self) -> int:
        """Bytes waiting."""
        return self._put_bytes - self._taken_bytes

    @property
    def queued_rows(self) -> int:
        """Records waiting, about."""
        return self.queued_bytes // self._row_bytes

    @property
    def fill_ratio(self) -> float:
        """0…1, of the smaller limit."""
        return min(1.0, self.queued_bytes / self.limit_bytes)

    def put(self, data: bytes) -> bool:
        """Keep a chunk; False says: full, do not read on until `on_room`. Loop thread."""
        self._held.append(Chunk(data, self._clock_ns()))
        self._put_bytes += len(data)
        if self.queued_bytes < self.limit_bytes:
            return True
        self.full_count += 1
        self._is_full = True
        return False

    def tell(self, event: LinkEvent) -> None:
        """Keep an event, after the bytes that came before it. Loop thread."""
        self._held.append(event)

    def take(self) -> Chunk | LinkEvent | None:
        """What comes next, None if nothing waits. Worker's thread; to be called at every poll."""
        found = None
        if self._held:
            found = self._held.popleft()
            if isinstance(found, Chunk):
                self._taken_bytes += len(found.data)
        # At every call: the loop thread may have found it full after all was taken.
        if self._is_full and 2 * self.queued_bytes <= self.limit_bytes:
            self._is_full = False
            if self.on_room is not None:
                self.on_room()
        return found

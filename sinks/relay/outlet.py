"""Outlet: what waits for one client that is behind. Pure.

Frames leave in the order they came. Those of an event channel are bounded and never left out: too
many, and the client is closed. Those of a state channel replace each other. What a client asked for
itself, snapshots and what it missed, is paced: as much as it takes at a time.
"""

from collections import deque
from collections.abc import Collection, Iterable

from sinks.relay.config import RelayConfig
from sinks.relay.messages import ALL, Frame, Key


class Outlet:
    """Frames that wait, in order.

    State: at most `queue_messages_max` live frames, one per state channel and root, and what was
    asked for, `ring_bytes_max` at most: references to frames that all clients share.
    """

    def __init__(self, config: RelayConfig) -> None:
        self._config = config
        self._queue: deque[tuple[Frame, bool]] = deque()
        self._values: dict[Key, Frame] = {}
        self._live_count = 0
        self._live_bytes = 0
        self._paced_bytes = 0
        self.conflated: int = 0
        """Frames of state channels that a newer one replaced."""

    def __len__(self) -> int:
        return len(self._queue) + len(self._values)

    def put(self, frames: Iterable[Frame]) -> None:
        """What was published meanwhile."""
        for frame in frames:
            if frame.conflated is not None:
                self.conflated += frame.conflated in self._values
                self._values[frame.conflated] = frame
            else:
                self._queue.append((frame, True))
                self._live_count += 1
                self._live_bytes += len(frame.wire)

    def put_paced(self, frames: Iterable[Frame]) -> None:
        """What the client asked for."""
        for frame in frames:
            self._queue.append((frame, False))
            self._paced_bytes += len(frame.wire)

    def overflow(self) -> str | None:
        """Which bound is passed, or None."""
        config = self._config
        if self._live_count > config.queue_messages_max:
            return f"more than {config.queue_messages_max} messages wait"
        if self._live_bytes > config.slow_bytes_max:
            return f"more than {config.slow_bytes_max} bytes wait"
        if self._paced_bytes > config.ring_bytes_max:
            return f"more than {config.ring_bytes_max} bytes were asked for and not taken"
        return None

    def take(self, bytes_max: int) -> bytes:
        """The next frames as one piece, about `bytes_max` long, at least one frame; they go."""
        chosen: list[bytes] = []
        size = 0
        while self._queue and size < bytes_max:
            frame, is_live = self._queue.popleft()
            chosen.append(frame.wire)
            size += len(frame.wire)
            if is_live:
                self._live_count -= 1
                self._live_bytes -= len(frame.wire)
            else:
                self._paced_bytes -= len(frame.wire)
        while self._values and size < bytes_max:
            # Oldest key first: none waits for ever.
            frame = self._values.pop(next(iter(self._values)))
            chosen.append(frame.wire)
            size += len(frame.wire)
        return b"".join(chosen)

    def forget_values(self, subscriptions: Collection[Key]) -> None:
        """These are not wanted any more: their current values need not be sent."""
        for channel, root in subscriptions:
            for key in [k for k in self._values if k[0] == channel and root in (ALL, k[1])]:
                del self._values[key]

    def clear(self) -> None:
        """Nothing waits any more."""
        self._queue.clear()
        self._values.clear()
        self._live_count = self._live_bytes = self._paced_bytes = 0

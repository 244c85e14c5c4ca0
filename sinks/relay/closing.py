"""Why the relay closes a connection: 4000 to 4499 come back, 4500 and above do not."""

from dataclasses import dataclass
from typing import Final

from sinks.relay import messages
from sinks.relay.messages import Frame

GOING_AWAY: Final = 4000
SLOW: Final = 4008
OUT_OF_TIME: Final = 4009
RATE: Final = 4029
BAD_FRAME: Final = 4500
UNAUTHORIZED: Final = 4501
FORBIDDEN: Final = 4503
TOO_LARGE: Final = 4513

TERMINAL: Final = 4500
"""From here on a client that comes back would be closed again for the same reason."""


@dataclass(frozen=True, slots=True)
class Close:
    """One end of a connection."""

    code: int
    reason: str
    """One line, at most 123 bytes: RFC 6455 section 5.5."""
    counted: str
    """Name of the counter."""
    reconnect_after_ms: int | None = None
    """None: do not come back."""

    def __post_init__(self) -> None:
        assert len(self.reason.encode()) <= REASON_BYTES_MAX, self.reason
        assert (self.reconnect_after_ms is None) == (self.code >= TERMINAL), self

    @property
    def frame(self) -> Frame:
        """What is said before."""
        return messages.bye(self.code, self.reason, self.reconnect_after_ms)


REASON_BYTES_MAX: Final = 123

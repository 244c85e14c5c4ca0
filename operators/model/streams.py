"""Names of the streams and what a message on one of them is.

Event streams carry `seq`, contiguous per root from 1; state streams are latest-wins.
"""

from dataclasses import dataclass
from typing import Final

from operators.model.items import Item
from operators.model.signals import Execution, FeedStatus, Gap, Outcome, Pressure, Signal

SIGNALS: Final = "signals"
EXECUTIONS: Final = "executions"
OUTCOMES: Final = "outcomes"
GAPS: Final = "gaps"
PRESSURE: Final = "pressure"
STATUS: Final = "status"

EVENT_STREAMS: Final = (EXECUTIONS, GAPS, OUTCOMES, SIGNALS)
"""In the order of the digest."""
STATE_STREAMS: Final = (PRESSURE, STATUS)

VALUE_TYPES: Final[dict[str, type]] = {
    SIGNALS: Signal,
    EXECUTIONS: Execution,
    OUTCOMES: Outcome,
    GAPS: Gap,
    PRESSURE: Pressure,
    STATUS: FeedStatus,
}


def topic(stream: str) -> str:
    """Kafka topic of a stream, such as `ifd.signals.v1`."""
    return f"ifd.{stream}.v1"


DEAD_LETTERS: Final = topic("dlq")


Value = Signal | Execution | Outcome | Gap | Pressure | FeedStatus


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream. The key is the root (the feed's name on `status`)."""

    stream: str
    root: str
    seq: int
    """Contiguous per (stream, root) from 1 on event streams; 0 unstamped and on state streams."""
    value: Value
    late: bool = False
    """By a clock on the wall, see `Lateness`: an envelope says so, the value never does."""


Flowing = Item | Message
"""Everything that can travel from step to step."""

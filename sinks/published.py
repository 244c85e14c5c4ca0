"""A message on its way out: its bytes, and what is known beside them."""

from dataclasses import dataclass

from operators.model.streams import Message
from sinks.codec import encode


@dataclass(frozen=True, slots=True)
class Published:
    """One message of a stream as relay, store and alerts take it, wherever it came from."""

    generation: str
    """Life of the recovery store that numbered it."""
    generation_ts_ms: int
    """When that generation began, ms since the epoch: of two, the later is the current one."""
    stream: str
    """Stream, and the relay's channel."""
    root: str
    """Root; the feed's name on `status`."""
    seq: int
    """Contiguous per (generation, stream, root) from 1 on event streams; 0 on state streams."""
    ts_event: int
    """ns since the epoch."""
    ts_published_ns: int
    """Wall clock, ns since the epoch, when the flow handed it to a sink; 0 unknown."""
    value: bytes
    """JSON, as `sinks.codec` writes it: the same bytes on Kafka, in the relay and in the store."""
    late: bool = False
    """Its feed was late by a clock on the wall; the store does not keep it."""

    @property
    def key(self) -> tuple[str, str]:
        """Stream and root: `seq` is contiguous within."""
        return self.stream, self.root


def published(
    message: Message, generation: str, generation_ts_ms: int, ts_published_ns: int
) -> Published:
    """What a sink makes of a message of the flow."""
    return Published(
        generation=generation,
        generation_ts_ms=generation_ts_ms,
        stream=message.stream,
        root=message.root,
        seq=message.seq,
        ts_event=message.value.ts_event,
        ts_published_ns=ts_published_ns,
        value=encode(message),
        late=message.late,
    )

"""A record of one of our topics as a published message. Pure."""

from collections.abc import Mapping
from typing import Final

from operators.model.streams import EVENT_STREAMS, VALUE_TYPES, topic
from sinks.kafka_headers import GENERATION, GENERATION_TS, LATE, PUBLISHED, SEQ, ns_of
from sinks.published import Published

STREAM_OF: Final = {topic(stream): stream for stream in VALUE_TYPES}
"""Topic without prefix → stream."""


def published_of(
    name: str, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes], ts_ms: int
) -> Published:
    """The message of a record.

    Args:
        name: Topic without prefix.
        key: The record's key: the root.
        value: JSON; passed on as it is.
        headers: As `sinks.kafka_headers` writes them.
        ts_ms: The record's own timestamp: stands in for what older headers lack.

    Raises:
        ValueError: It is no message of ours; the text says what was expected.
    """
    stream = STREAM_OF.get(name)
    if stream is None:
        raise ValueError(f"topic was {name}, expected one of ours")
    if not key or not value:
        raise ValueError("expected a key and a value")
    for header in (GENERATION, SEQ, "ce_time"):
        if header not in headers:
            raise ValueError(f"expected the header {header}")
    seq = int(headers[SEQ])
    if (seq >= 1) != (stream in EVENT_STREAMS):
        raise ValueError(f"seq was {seq} on {stream}")
    return Published(
        generation=headers[GENERATION].decode(),
        generation_ts_ms=int(headers.get(GENERATION_TS, b"0")),
        stream=stream,
        root=key.decode(),
        seq=seq,
        ts_event=ns_of(headers["ce_time"].decode()),
        ts_published_ns=int(headers.get(PUBLISHED, ts_ms * 1_000_000)),
        value=value,
        late=headers.get(LATE) == b"true",
    )

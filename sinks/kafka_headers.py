"""Headers of a Kafka record: CloudEvents in binary mode, and what the sink itself reads back.

References:
    CloudEvents 1.0, Kafka protocol binding, section 3.2 (binary content mode).
"""

from datetime import datetime
from typing import Final

from operators.model.records import NS_PER_S
from operators.model.streams import EXECUTIONS, GAPS, OUTCOMES, PRESSURE, SIGNALS, STATUS, topic
from sinks.instants import instant_text
from sinks.kafka_config import KafkaConfig
from sinks.outbox import Entry

Headers = list[tuple[str, str | bytes | None]]

EVENT_TYPES: Final = {
    SIGNALS: "ifd.signal.v1",
    EXECUTIONS: "ifd.execution.v1",
    OUTCOMES: "ifd.outcome.v1",
    GAPS: "ifd.gap.v1",
    PRESSURE: "ifd.pressure.v1",
    STATUS: "ifd.status.v1",
}

GENERATION: Final = "ifd-generation"
GENERATION_TS: Final = "ifd-generation-ts"
"""When the generation began, ms since the epoch: of two generations the later is the current."""
PUBLISHED: Final = "ifd-published-ns"
"""Wall clock when it was handed to the client, ns since the epoch."""
SEQ: Final = "ifd-seq"
DIGEST: Final = "ifd-digest"
LATE: Final = "ifd-late"
"""Only where the feed was late by a clock on the wall when the flow handed the message over."""
DLQ_STREAM: Final = "dlq-stream"
DLQ_PART: Final = "dlq-part"


def headers(item: Entry, config: KafkaConfig, now_ns: int) -> Headers:
    """Headers of a message. Deterministic but for the generation and the clock."""
    seq = str(item.seq).encode()
    root = item.root.encode()
    late: Headers = [(LATE, b"true")] if item.late else []
    return [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_type", EVENT_TYPES[item.stream].encode()),
        ("ce_source", f"/ifd/{config.generation}".encode()),
        ("ce_id", b"/".join((item.stream.encode(), root, seq))),
        ("ce_subject", root),
        ("ce_time", instant_text(item.ts_event).encode()),
        ("ifd-schema", topic(item.stream).encode()),
        (GENERATION, config.generation.encode()),
        (GENERATION_TS, str(config.generation_ts_ms).encode()),
        (PUBLISHED, str(now_ns).encode()),
        (SEQ, seq),
        (DIGEST, item.digest.encode()),
        *late,
    ]


def dead_letter_headers(
    original: Headers, item: Entry, reason: str, part: int, parts: int
) -> Headers:
    """The original headers and why the message could not go where it belongs."""
    return [
        *original,
        ("dlq-reason", reason.encode()),
        ("dlq-topic", topic(item.stream).encode()),
        ("dlq-key", item.root.encode()),
        (DLQ_STREAM, item.stream.encode()),
        (DLQ_PART, f"{part}/{parts}".encode()),
    ]


def ns_of(text: str) -> int:
    """Nanoseconds since the epoch of what `instant_text` wrote.

    Raises:
        ValueError: It is something else.
    """
    seconds, _, rest = text.partition(".")
    whole = datetime.fromisoformat(f"{seconds}+00:00")
    ns = rest.removesuffix("Z")
    if len(ns) != 9 or not ns.isdigit():
        raise ValueError(f"nanoseconds were {rest!r}, expected nine digits and Z")
    return int(whole.timestamp()) * NS_PER_S + int(ns)

"""Settings of the Kafka sink."""

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConfig:
    """Where messages go, and how much may wait for it."""

    bootstrap_servers: str = ""
    """`host:port`, several by commas; empty: the worker starts an embedded one and fills it in."""
    generation: str = ""
    """Life of one recovery store with one output version; the worker says it. In a header."""
    generation_ts_ms: int = 0
    """When that generation began, ms since the epoch; 0 unknown: topics are read from the start."""
    client: dict[str, str] = field(default_factory=dict, repr=False)
    """Further librdkafka settings for TLS and SASL; hidden, since they hold secrets."""
    topic_prefix: str = ""
    """Stands before every topic and transactional id, such as `replay-7.`; empty for live."""
    partitions: int = 4
    """Kafka partitions used of every topic, 1…999; fixed for the life of a recovery store."""
    transactional_prefix: str = "ifd"
    """Transactional ids are this, a dash and the partition. One per cluster of workers."""
    outbox_count_max: int = 100_000
    """Unacknowledged messages per partition at most, at least 2; then writing waits."""
    outbox_bytes_max: int = 67_108_864
    """Their bytes at most, at least 2; three quarters of either bound close the gate."""
    transaction_count_max: int = 1_000
    """Messages in one transaction at most, at least 1."""
    transaction_timeout_s: float = 600.0
    """An outage up to this is waited out, at least 1; a broker allows 900 unless told otherwise."""
    message_bytes_max: int = 1_000_000
    """Bytes of one message at most, at least 1,000; a larger one goes to the dead letters."""
    start_timeout_s: float = 10.0
    """For the broker to answer at the start, above 0."""
    flush_timeout_s: float = 10.0
    """For the outbox to empty at a clean stop, at least 0; what is left stays in the snapshot."""
    state_keys_max: int = 10_000
    """Keys of state streams that wait to be sent, at least 1; then the oldest is dropped."""

    def __post_init__(self) -> None:
        if not self.transactional_prefix:
            raise ValueError("transactional_prefix must not be empty")
        for name, low in _LEAST.items():
            # Comparisons with NaN are false, and nobody waits for ever.
            if not low <= (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} must be at least {low}, was {value}")
        if self.partitions > PARTITIONS_MAX:
            raise ValueError(f"partitions must be at most {PARTITIONS_MAX}, was {self.partitions}")
        for name in sorted(OWN_SETTINGS & self.client.keys()):
            raise ValueError(f"client must not set {name}: the sink depends on its own value")


PARTITIONS_MAX = 999
"""Names of sink partitions have three digits: their order as text is their order as numbers."""

OWN_SETTINGS = frozenset(
    {
        "acks",
        "bootstrap.servers",
        "enable.idempotence",
        "isolation.level",
        "transactional.id",
        "transaction.timeout.ms",
        "message.max.bytes",
    }
)

_LEAST = {
    "generation_ts_ms": 0,
    "partitions": 1,
    "outbox_count_max": 2,
    "outbox_bytes_max": 2,
    "transaction_count_max": 1,
    "transaction_timeout_s": 1,
    "message_bytes_max": 1_000,
    "start_timeout_s": 0.001,
    "flush_timeout_s": 0,
    "state_keys_max": 1,
}

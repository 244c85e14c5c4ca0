"""Kafka clients of the sink: their settings, and their errors as one line."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from operators.model.errors import DeliveryError, IfdError
from sinks.kafka_config import KafkaConfig

LOG: Final = logging.getLogger(__name__)
LIBRARY_LOG: Final = logging.getLogger(f"{__name__}.librdkafka")
"""Heard only by a process that sets logging up: what matters comes as an error anyway."""
LIBRARY_LOG.addHandler(logging.NullHandler())

FENCED: Final = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
REFUSED: Final = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
    }
)
"""The broker knows us and says no: trying again does not help, a person must act."""
MISSING: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)
"""A topic is gone while we write; the client has waited long enough before it says so."""
UNFIT: Final = frozenset(
    {
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.RECORD_LIST_TOO_LARGE,
    }
)
"""This one message will never be taken: it belongs to the dead letters."""


class LastError:
    """What a client last complained of, as its `error_cb`: librdkafka tells it aside."""

    def __init__(self) -> None:
        self.text = ""
        self.code: int | None = None

    def __call__(self, error: KafkaError) -> None:  # noqa: D102
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            # "host/bootstrap: Connect to … failed: Connection refused (after 0ms in state …)"
            self.text = error.str().split(" (after")[0].rsplit(": ", 1)[-1]
            self.code = error.code()
        LOG.info("kafka: %s", error.str())


def producer_settings(
    config: KafkaConfig, on_error: Callable[[KafkaError], None]
) -> dict[str, Any]:
    """Settings of an idempotent producer that waits for all replicas."""
    return common_settings(config, on_error) | {
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 0,
        "compression.type": "lz4",
        "message.max.bytes": config.message_bytes_max,
    }


def consumer_settings(
    config: KafkaConfig, on_error: Callable[[KafkaError], None]
) -> dict[str, Any]:
    """Settings of a reader of committed records that says where a partition ends."""
    return common_settings(config, on_error) | {
        "group.id": f"{config.topic_prefix}{config.transactional_prefix}-resume",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 20,
    }


def common_settings(config: KafkaConfig, on_error: Callable[[KafkaError], None]) -> dict[str, Any]:
    """Settings of every client: the user's, under our own."""
    own = {
        "bootstrap.servers": config.bootstrap_servers,
        "client.id": f"{config.topic_prefix}{config.transactional_prefix}",
        "error_cb": on_error,
        "reconnect.backoff.max.ms": 1_000,
        "logger": LIBRARY_LOG,
        "log_level": 0,
    }
    return {**config.client, **own}


def hear(client: Producer) -> None:
    """Let a client say through `error_cb` what it complains of."""
    # A client with a fatal error raises it here again.
    with suppress(KafkaException):
        client.poll(0)


def start_error(config: KafkaConfig, error: KafkaException, last: LastError) -> IfdError:
    """One line for a failure at the start, where nothing is retried."""
    code, text = error.args[0].code(), error.args[0].str()
    if code == KafkaError.INVALID_TRANSACTION_TIMEOUT:
        return DeliveryError(
            f"kafka.transaction_timeout_s: {config.bootstrap_servers} refused "
            f"{config.transaction_timeout_s:g} ({text}): lower it"
        )
    if last.code in REFUSED:
        return _refused(config, last.text)
    if (final := final_error(config, error.args[0])) is not None:
        return final
    return DeliveryError(
        f"kafka.bootstrap_servers: no answer from {config.bootstrap_servers} within "
        f"{config.start_timeout_s:g} s ({last.text or text}); start Kafka there or set another "
        "address"
    )


def final_error(config: KafkaConfig, error: KafkaError) -> DeliveryError | None:
    """One line for a failure that trying again cannot heal; None where it can."""
    if error.code() in FENCED:
        return DeliveryError(
            f"kafka: another worker with transactional prefix {config.transactional_prefix} took "
            f"over at {config.bootstrap_servers} ({error.str()}), so this one stops; if there is "
            "none, an outage outlasted kafka.transaction_timeout_s: start again"
        )
    if error.code() in REFUSED:
        return _refused(config, error.str())
    if error.fatal():
        return DeliveryError(
            f"kafka: {config.bootstrap_servers}: {error.str()}; a restart resumes where it stopped"
        )
    return None


def _refused(config: KafkaConfig, text: str) -> DeliveryError:
    return DeliveryError(
        f"kafka: {config.bootstrap_servers} refused ({text}); check kafka.client and the access "
        "rights of its user"
    )

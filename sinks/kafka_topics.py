"""The cluster behind the address, and the topics it must have."""

import time
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from operators.model.errors import DeliveryError
from operators.model.streams import DEAD_LETTERS, VALUE_TYPES, topic
from sinks.kafka_client import LastError, common_settings, hear, start_error
from sinks.kafka_config import KafkaConfig

EMBEDDED_PREFIX: Final = "mockCluster"
"""Cluster ids of librdkafka's built-in broker start so. It has no admin interface."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster behind the address."""

    id: str

    @property
    def is_embedded(self) -> bool:
        """Whether it is librdkafka's built-in broker, which forgets everything when it ends."""
        return self.id.startswith(EMBEDDED_PREFIX)


def find_cluster(config: KafkaConfig) -> Cluster:
    """Ask for the cluster's id.

    Raises:
        DeliveryError: Nobody answers there, or the credentials are refused.
    """
    last = LastError()
    client = Producer(common_settings(config, last))
    try:
        return Cluster(client.list_topics(timeout=config.start_timeout_s).cluster_id or "")
    except KafkaException as error:
        hear(client)
        raise start_error(config, error, last) from None


def prepare_topics(config: KafkaConfig, cluster: Cluster) -> None:
    """Make sure that every topic exists with enough partitions; create what is missing.

    Raises:
        DeliveryError: A topic is missing and may not be created, or has too few partitions.
    """
    names = [config.topic_prefix + name for name in (*map(topic, VALUE_TYPES), DEAD_LETTERS)]
    last = LastError()
    client = Producer(common_settings(config, last))
    found = _partition_counts(client, config, last)
    missing = [name for name in names if not found.get(name)]
    if missing and not cluster.is_embedded:
        _create(config, missing, last)
    deadline = time.monotonic() + config.start_timeout_s
    while missing and time.monotonic() < deadline:
        for name in missing:
            # The embedded broker creates a topic when it is asked for.
            client.list_topics(name, timeout=config.start_timeout_s)
        found = _partition_counts(client, config, last)
        missing = [name for name in names if not found.get(name)]
    for name in names:
        if found.get(name, 0) < config.partitions:
            raise DeliveryError(
                f"kafka: topic {name} at {config.bootstrap_servers} has {found.get(name, 0)} "
                f"partitions, expected at least {config.partitions} (kafka.partitions): create it"
            )


def _partition_counts(client: Producer, config: KafkaConfig, last: LastError) -> dict[str, int]:
    try:
        topics = client.list_topics(timeout=config.start_timeout_s).topics
    except KafkaException as error:
        raise start_error(config, error, last) from None
    return {name: len(found.partitions) for name, found in topics.items()}


def _create(config: KafkaConfig, names: list[str], last: LastError) -> None:
    admin = AdminClient(common_settings(config, last))
    wanted = [NewTopic(name, num_partitions=config.partitions) for name in names]
    timeout_s = config.start_timeout_s
    for name, future in admin.create_topics(wanted, operation_timeout=timeout_s).items():
        try:
            future.result(timeout=timeout_s + 1)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise DeliveryError(
                    f"kafka: topic {name} is missing at {config.bootstrap_servers} and could not "
                    f"be created ({error.args[0].str()}): create it with {config.partitions} "
                    "partitions"
                ) from None

"""Embedded broker: librdkafka's built-in Kafka, for the demo and for tests.

It listens on loopback at a port of its own choice, other processes may connect, and it lives as
long as the object. It keeps everything in memory (some megabytes per partition, the oldest is
dropped), gives every topic four partitions when it is first used, takes the calls of transactions
without isolating them, and has no admin interface: a bus, not a store.
"""

from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException, Producer

from operators.model.errors import DeliveryError

START_S: Final = 10.0


class EmbeddedBroker:
    """A broker while the object is entered: `with EmbeddedBroker() as address:`."""

    def __init__(self) -> None:
        self._holder: Producer | None = None
        self.address: str = ""
        """`host:port` while it runs."""

    def start(self) -> Self:
        """Start it.

        Raises:
            DeliveryError: It does not come up.
        """
        holder = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        try:
            brokers = holder.list_topics(timeout=START_S).brokers.values()
        except KafkaException as error:
            raise DeliveryError(f"embedded broker: {error.args[0].str()}") from None
        self._holder = holder
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        return self

    def stop(self) -> None:
        """End it; what it holds is gone."""
        self._holder = None
        self.address = ""

    def __enter__(self) -> str:
        return self.start().address

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

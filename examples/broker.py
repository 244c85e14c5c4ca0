"""`python -m examples.broker`: a Kafka to try the examples with, when there is no other.

librdkafka's built-in broker: on loopback, in memory, gone with the process. It takes the calls of
transactions without isolating them and keeps a few megabytes per partition: not for work.
"""

import sys
from threading import Event

from confluent_kafka import KafkaException, Producer

from examples.errors import ConsumerError
from examples.program import guarded, stop_on_signals
from examples.reader import say


def start() -> tuple[Producer, str]:
    """What keeps the broker alive while it is kept, and the address.

    Raises:
        ConsumerError: It does not come up.
    """
    holder = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    try:
        (broker,) = holder.list_topics(timeout=10).brokers.values()
    except KafkaException as error:
        raise ConsumerError(f"the built-in broker did not start: {error.args[0].str()}") from None
    return holder, f"{broker.host}:{broker.port}"


def main() -> int:
    """Run until stopped."""
    stop = Event()
    stop_on_signals(stop)
    holder, address = start()
    say("a Kafka in memory, until Ctrl-C; its address:")
    print(address, flush=True)
    stop.wait()
    del holder
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))

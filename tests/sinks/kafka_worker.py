"""A worker process that hangs where it is told, to be killed there.

python -m tests.sinks.kafka_worker ADDRESS TOPIC_PREFIX STORE PLACE MARKER
"""

import sys
import threading
from datetime import timedelta
from pathlib import Path

from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from sinks.kafka import KafkaSink
from sinks.kafka_config import KafkaConfig
from sinks.kafka_transaction import Transactions
from tests.sinks.test_kafka_flow import flow_of, items

TRANSACTION = 3


def hang_at(place, marker):
    """From the third transaction on: write the marker and wait for ever at that place.

    Two partitions count together, so the third may be past when its own place is reached.
    """
    count = 0
    send, commit = Transactions.send, Transactions._commit

    def hang():
        marker.touch()
        threading.Event().wait()

    def counted_send(transactions, batch, dead):
        nonlocal count
        count += 1
        if count >= TRANSACTION and place == "before produce":
            hang()
        return send(transactions, batch, dead)

    def hanging_commit(transactions):
        if count >= TRANSACTION and place == "before commit":
            hang()
        commit(transactions)
        if count >= TRANSACTION and place == "after commit":
            hang()

    Transactions.send, Transactions._commit = counted_send, hanging_commit


def main(address, topic_prefix, store, place, marker):
    if place:
        hang_at(place, Path(marker))
    config = KafkaConfig(
        bootstrap_servers=address,
        generation="g1",
        topic_prefix=topic_prefix,
        transaction_count_max=10,
        flush_timeout_s=60,
    )
    run_main(
        flow_of(items(60, shards=2), KafkaSink(config)),
        epoch_interval=timedelta(milliseconds=5),
        recovery_config=RecoveryConfig(store),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

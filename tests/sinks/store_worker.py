"""A worker process that hangs where it is told, to be killed there.

python -m tests.sinks.store_worker URL RECOVERY PLACE MARKER
"""

import sys
import threading
from datetime import timedelta
from pathlib import Path

from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from sinks.store import Store
from sinks.store_config import StoreConfig
from sinks.store_sink import StoreSink
from tests.sinks.test_kafka_flow import flow_of, items

TRANSACTION = 3


def hang_at(place, marker):
    """From the third transaction on: write the marker and wait for ever at that place."""
    count = 0
    put, database_write = Store.put, None

    def hang():
        marker.touch()
        threading.Event().wait()

    def hanging_put(store, messages):
        nonlocal count, database_write
        count += 1
        if count < TRANSACTION:
            return put(store, messages)
        if place == "before write":
            hang()
        if place == "before commit":
            database_write = store.database.write

            def never_committing():
                return _Hanging(database_write(), hang)

            store.database.write = never_committing
        put(store, messages)
        return hang()

    Store.put = hanging_put


class _Hanging:
    def __init__(self, transaction, hang):
        self._transaction, self._hang = transaction, hang

    def __enter__(self):
        return self._transaction.__enter__()

    def __exit__(self, *_):
        self._hang()


def main(url, recovery, place, marker):
    if place:
        hang_at(place, Path(marker))
    config = StoreConfig(url=url, transaction_count_max=10, flush_timeout_s=60)
    run_main(
        flow_of(items(60, shards=2), StoreSink(config, "g1", 1)),
        epoch_interval=timedelta(milliseconds=5),
        recovery_config=RecoveryConfig(recovery),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

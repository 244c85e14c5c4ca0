"""Preparation, told to whoever watches the dashboard while there is no market yet."""

import os
from time import monotonic, time_ns
from typing import Final

from operators.model.signals import FeedStatus
from operators.model.streams import STATUS, Message
from sinks.kafka_config import KafkaConfig
from sinks.kafka_state import KafkaStates

GAP_S: Final = 0.25
"""Least time between two messages of one stage."""


class Preparation:
    """Publishes how far a preparation has come as the status of a feed that is not there yet.

    Its generation is older than that of the worker which comes after it, so that it is forgotten
    with the first word of that.
    """

    def __init__(self, bootstrap_servers: str, feed: str) -> None:
        self._feed = feed
        self._told_s = 0.0
        self._stage = ""
        self._states = KafkaStates(
            KafkaConfig(
                bootstrap_servers=bootstrap_servers,
                generation=f"preparation-{os.getpid()}",
                generation_ts_ms=time_ns() // 1_000_000,
            )
        )

    def tell(self, text: str) -> None:
        """Where it stands, such as `simulating 20 sessions: 35 %`. Never waits."""
        stage, now_s = text.partition(":")[0], monotonic()
        if stage == self._stage and now_s - self._told_s < GAP_S:
            return
        self._stage, self._told_s = stage, now_s
        status = FeedStatus(
            feed=self._feed,
            state="preparing",
            ts_event=time_ns(),
            records=0,
            lag_ns=0,
            text=text,
        )
        self._states.offer(0, Message(STATUS, self._feed, 0, status))

    def close(self) -> None:
        """Send what waits."""
        self._states.close()

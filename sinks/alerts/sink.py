"""Alerts sink: signals become messages to people and programs.

Delivery: at least once, too old never; after a crash at most one message per receiver is repeated,
marked and with the id of the first. One partition owns the policy, wherever the signals come from.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from sinks.alerts.channels.channel import Channel
from sinks.alerts.channels.open import open_channel
from sinks.alerts.config import AlertsConfig
from sinks.alerts.delivery import Delivery, DeliveryCounters
from sinks.alerts.journal import Journal, SqliteJournal
from sinks.alerts.policy import AlertPolicy
from sinks.alerts.policy_config import PolicyConfig
from sinks.alerts.policy_file import load_policy
from sinks.gate import Gate

PART: Final = "policy"

OpenJournal = Callable[[], Journal]


def open_channels(policy: PolicyConfig, config: AlertsConfig) -> dict[str, Channel]:
    """Receiver → its transport. Raises ConfigError."""
    return {name: open_channel(name, r, config) for name, r in policy.receivers.items()}


class AlertsSink(FixedPartitionedSink[object, dict[str, Any]]):
    """Takes everything that leaves the chain; what says nothing to alerts is passed over."""

    def __init__(
        self,
        config: AlertsConfig,
        gate: Gate | None = None,
        open_journal: OpenJournal | None = None,
    ) -> None:
        """Read and check the policy file; what is wrong with it is found out here.

        Raises:
            ConfigError: The file, a secret or a certificate cannot be used.
        """
        self._config = config
        self._gate = Gate() if gate is None else gate
        self._open_journal = open_journal or (lambda: SqliteJournal(Path(config.journal)))
        self._policy = load_policy(Path(config.policy), config.secret_names())
        self._channels: Mapping[str, Channel] = open_channels(self._policy, config)
        self._part: AlertsPartition | None = None

    def list_parts(self) -> list[str]:
        """One partition, whichever worker gets it."""
        return [PART]

    def part_fn(self, item_key: str) -> int:
        """Everything goes to it."""
        return 0

    def build_part(
        self, step_id: str, for_part: str, resume_state: dict[str, Any] | None
    ) -> "AlertsPartition":
        """Resume or start; the journal is opened here, by the process that owns it.

        Raises:
            ConfigError: The journal cannot be used, or another process delivers from it.
            StateError: The state or the journal is of another version.
        """
        state = resume_state or {"policy": None, "delivery": None}
        policy = AlertPolicy(self._policy, state["policy"])
        journal = self._open_journal()
        try:
            delivery = Delivery(
                self._config, self._policy, self._channels, journal, self._gate, state["delivery"]
            )
        except BaseException:
            journal.close()
            raise
        self._part = AlertsPartition(policy, delivery, journal)
        delivery.start()
        return self._part

    def counters(self) -> tuple[dict[str, int], DeliveryCounters]:
        """What the policy decided and what became of it, in this process; a copy."""
        if self._part is None:
            return {}, DeliveryCounters()
        return self._part.policy.counts(), self._part.delivery.counters()


class AlertsPartition(StatefulSinkPartition[object, dict[str, Any]]):
    """The policy and what it has decided. State: of both."""

    def __init__(self, policy: AlertPolicy, delivery: Delivery, journal: Journal) -> None:
        self.policy = policy
        self.delivery = delivery
        self._journal = journal

    def write_batch(self, items: list[object]) -> None:
        """Decide; waits only while as many messages are undelivered as may be."""
        for item in items:
            if intents := self.policy.on_item(item):
                self.delivery.put(intents)

    def snapshot(self) -> dict[str, Any]:
        """State to resume from."""
        return {"policy": self.policy.snapshot(), "delivery": self.delivery.snapshot()}

    def close(self) -> None:
        """Deliver for a while and stop; what stays undelivered is in journal and snapshot."""
        self.delivery.close()
        self._journal.close()

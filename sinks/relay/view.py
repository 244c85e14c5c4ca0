"""View: the hub as the REST API asks it."""

from collections.abc import Mapping, Sequence

from sinks.published import Published
from sinks.relay.hub import Hub


class HubView:
    """What is in memory, in the API's words; see `api.ports.Live`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    @property
    def epoch(self) -> str | None:
        """Generation served; None before the first message of one."""
        return self._hub.epoch

    def latest(self, channel: str) -> Sequence[Published]:
        """The current value of a state channel for each of its keys."""
        return self._hub.values(channel)

    def positions(self) -> Mapping[tuple[str, str], int]:
        """(event channel, root) → last seq."""
        return self._hub.last_seqs()

"""Feeds of the relay: which of them bring messages now, and whether that makes it ready."""

from sinks.relay.api.readiness import Readiness


class Feeds:
    """The relay is ready while any feed is connected. State: one line a feed."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._faults: dict[str, str] = {}

    def tell(self, feed: str, fault: str) -> None:
        """Why a feed brings nothing, in one line; empty text: it is connected."""
        self._faults[feed] = fault
        is_any = any(not text for text in self._faults.values())
        for name, text in self._faults.items():
            if is_any:
                self._readiness.done(name)
            else:
                self._readiness.wait_for(name, text)

    def connected(self) -> tuple[str, ...]:
        """Names of the feeds that are connected now."""
        return tuple(name for name, text in self._faults.items() if not text)

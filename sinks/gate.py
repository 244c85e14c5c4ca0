"""Gate: whether sources may read on. Sinks hold it closed while they cannot follow."""

from threading import Lock


class Gate:
    """Open unless somebody holds it; shared by the sinks and sources of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders: set[str] = set()
        self._draining = False
        self.closings: int = 0
        """Times it went from open to closed."""

    def is_open(self) -> bool:
        """Whether sources may read on."""
        return not self._holders

    def hold(self, holder: str) -> None:
        """Keep it closed until `release` by the same holder."""
        with self._lock:
            if not self._holders:
                self.closings += 1
            self._holders.add(holder)

    def release(self, holder: str) -> None:
        """Stop holding it; no error if `holder` did not."""
        with self._lock:
            self._holders.discard(holder)

    def drain(self) -> None:
        """A clean stop is under way: no more input comes, so no sink waits for room any more."""
        self._draining = True

    def is_draining(self) -> bool:
        """Whether a clean stop is under way."""
        return self._draining

"""How late records come here, measured by two clocks that may differ. Pure: times come in."""

from typing import Final

from operators.model.records import NS_PER_S

WINDOW_NS: Final = 30 * NS_PER_S
"""The least offset is remembered for one to two of these."""


class Lag:
    """Receive lag of one feed. State: a few numbers.

    The offset is the least difference between arrival here and the sending there (where the
    gateway does not say when it sent, between arrival and ts_recv) in the last 30 to 60 s: the way
    itself, and the difference of the clocks. Where it is larger than any way, or negative, the
    clocks differ: then the lag is what arrival is behind ts_recv less the offset.
    """

    def __init__(self, skew_ns_max: int) -> None:
        self._skew_ns_max = skew_ns_max
        self._least: int | None = None
        self._least_before: int | None = None
        self._since_ns = 0
        self.is_skewed = False
        """Whether the clocks differ by more than allowed."""
        self.lag_ns = 0
        """Arrival of the newest record behind its ts_recv; at least 0."""

    @property
    def offset_ns(self) -> int:
        """Least arrival less sending, in the window."""
        known = [each for each in (self._least, self._least_before) if each is not None]
        return min(known, default=0)

    def note(self, arrival_ns: int, ts_recv: int, sent_ns: int) -> None:
        """The newest record of a read.

        Args:
            arrival_ns: By this machine's clock, ns since the epoch.
            ts_recv: When the vendor had it.
            sent_ns: When the gateway sent it; 0 if it does not say.
        """
        offset = arrival_ns - (sent_ns or ts_recv)
        if self._least is None or arrival_ns - self._since_ns >= WINDOW_NS:
            self._least_before, self._least, self._since_ns = self._least, offset, arrival_ns
        self._least = min(self._least, offset)
        offset_ns, lag_ns = self.offset_ns, arrival_ns - ts_recv
        self.is_skewed = abs(offset_ns) > self._skew_ns_max
        self.lag_ns = max(0, lag_ns - offset_ns if self.is_skewed else lag_ns)

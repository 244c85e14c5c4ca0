"""A client's own place in the market: what it is to be sent next.

Memory: one MiB of records on their way.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.gateway import records
from simulator.gateway.market import STEP_WORDS, Market
from simulator.gateway.select_kernel import mbo_run, select
from simulator.gateway.subscribed import Mapping, Subscribed

MANY: Final = 2**62


class Place:
    """State: an offset in the market's log, and how far a replay goes."""

    def __init__(self, market: Market, subscribed: Subscribed, *, ts_out: bool) -> None:
        """Nowhere, until `start`."""
        self._market = market
        self._subscribed = subscribed
        self._tables = subscribed.tables()
        self._position = 0
        self._live_from = MANY
        self._ts_out = ts_out
        self._out = np.zeros(2 * STEP_WORDS, np.uint32)
        self.passed = 0
        """Records of the market given so far."""
        self.renamed: list[Mapping] = []
        """What the client has to be told before the records that come next."""
        self.replaying: list[str] = []
        """Schemas whose replay has not reached the present."""
        self.by_instrument = False
        """The replay is ordered by instrument, as far as records come at once."""

    @property
    def behind_words(self) -> int:
        """What has happened and was not read yet."""
        return self._market.released - self._position

    @property
    def is_aged_out(self) -> bool:
        """The market has forgotten what stands here."""
        return self._position < self._market.log.first

    def start(self) -> None:
        """Stand where the market is, or where the subscriptions' replay begins."""
        self._position = self._live_from = self._market.released
        self.resubscribed()
        start_ns = self._subscribed.start_ns
        if start_ns is not None:
            self._position = min(self._market.log.seek(start_ns), self._live_from)
            self.replaying = list(self._subscribed.schemas_replayed)

    def resubscribed(self) -> None:
        """The subscriptions have changed."""
        self._tables = self._subscribed.tables()

    def records(self, records_max: int, skew_ns: int) -> memoryview | None:
        """The next records subscribed to, at most so many.

        None where the client has to be told something first (`renamed`), or all that happened, or
        all of the replay, has been read. The bytes are good until the next call.
        """
        while not self.renamed and records_max > 0:
            stop = self._live_from if self.replaying else self._market.released
            if self._position >= stop:
                if self.replaying or not self._market.pull():
                    return None
                stop = self._market.released
            words = self._market.log.read(self._position, min(STEP_WORDS, stop - self._position))
            if data := self._selected(words, records_max, skew_ns):
                return data
        return None

    def warm_up(self) -> None:
        """Load or compile the kernels, without moving."""
        # Not to be written to, as what the log gives: that is a type of its own to the compiler.
        words = np.frombuffer(bytes(4), np.uint32)
        self._selected(words, 1, 0)
        mbo_run(self._out[:0].view(np.uint8), 0, 56)

    def _selected(self, words: NDArray[np.uint32], most: int, skew_ns: int) -> memoryview | None:
        sent_ns = max(0, self._market.clock_ns() + skew_ns) if self._ts_out else -1
        at, written, count, mbo_count, mapped = select(
            words,
            self._position,
            self._live_from,
            self._tables.ids,
            self._tables.starts,
            self._tables.other,
            sent_ns,
            most,
            self._out,
        )
        self._position += at
        self.passed += count
        if mapped:
            raw = words[at : at + (int(words[at]) & 0xFF)]
            self._position += raw.size
            self.renamed += self._subscribed.rename(*records.mapped(raw.tobytes()))
        out = self._out[:written]
        if self.by_instrument and self.replaying and mbo_count > 1:
            order_by_instrument(out, 16 if self._ts_out else 14)
        return out.data.cast("B") if written else None


def order_by_instrument(words: NDArray[np.uint32], mbo_words: int) -> None:
    """Reorder in place the market-by-order records that stand in a row: last instrument first.

    The records of one instrument keep their order.
    """
    octets = words.view(np.uint8)
    at = 0
    while at < words.size:
        if rows := mbo_run(octets, at * 4, mbo_words * 4):
            table = words[at : at + rows * mbo_words].reshape(rows, mbo_words)
            table[:] = table[np.argsort(-table[:, 1].astype(np.int64), kind="stable")]
            at += rows * mbo_words
        else:
            at += int(words[at]) & 0xFF

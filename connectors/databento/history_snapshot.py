"""Midnight in history: the rows of a snapshot become checks of the books, and leave the stream.

History has, at exactly 00:00 UTC of each day, each book anew as R and A rows with the flag
SNAPSHOT. A live feed has none of them. A book that has stood through the night must not be
replaced by them, which would cut open events and lose what is known of each order; it is compared
(see `operators.model.book_check`). The exchange's own snapshots, at other times, stay.
State: a count and a digest for each instrument of one midnight.
"""

import numpy as np

from connectors.databento.history_plan import DAY_NS
from operators.model.book_check import BookCheck, orders_digest
from operators.model.records import F_SNAPSHOT, MboBatch

Checks = list[tuple[int, BookCheck]]
"""Instrument id → what its book holds, in the order in which history tells them."""


class SnapshotCut:
    """Takes midnight rows out of batches, and adds them up."""

    def __init__(self, *, keep_ns: int | None = None) -> None:
        """With `keep_ns`, the rows of that midnight stay: they fill books that hold nothing."""
        self._keep_ns = keep_ns
        self._checks: dict[int, BookCheck] = {}
        self._ts_ns = 0
        self.orders = 0
        """Orders compared so far."""

    @property
    def ts_ns(self) -> int:
        """The midnight whose checks are pending."""
        return self._ts_ns

    def cut(self, rows: MboBatch) -> list[MboBatch | None]:
        """The rest of `rows`, in order; None stands where the checks are due, once complete."""
        ts_recv = rows["ts_recv"]
        is_told = (rows["flags"] & F_SNAPSHOT != 0) & (ts_recv % np.uint64(DAY_NS) == 0)
        if self._keep_ns is not None:
            is_told &= ts_recv != np.uint64(self._keep_ns)
        if not is_told.any():
            return [*self._due(), rows]
        # Runs of rows that are alike.
        stops = [*(np.flatnonzero(is_told[1:] != is_told[:-1]) + 1).tolist(), rows.size]
        out: list[MboBatch | None] = []
        begin = 0
        for stop in stops:
            if is_told[begin]:
                self._add(rows[begin:stop])
            else:
                out += [*self._due(), rows[begin:stop]]
            begin = stop
        return out

    def take(self) -> Checks:
        """The checks that are due; none are pending afterwards."""
        checks, self._checks = list(self._checks.items()), {}
        return checks

    def _due(self) -> list[MboBatch | None]:
        return [None] if self._checks else []

    def _add(self, rows: MboBatch) -> None:
        self._ts_ns = int(rows["ts_recv"][0])
        adds = rows["action"] == b"A"
        self.orders += int(np.count_nonzero(adds))
        for instrument_id in dict.fromkeys(rows["instrument_id"].tolist()):
            chosen = rows[adds & (rows["instrument_id"] == instrument_id)]
            columns = (chosen["order_id"], chosen["side"] == b"A", chosen["price"], chosen["size"])
            known = self._checks.get(instrument_id, BookCheck())
            self._checks[instrument_id] = known + BookCheck(chosen.size, orders_digest(*columns))

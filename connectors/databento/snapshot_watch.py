"""When the books that a session begins with are whole."""

from typing import Final

import numpy as np

from operators.model.records import F_LAST, F_SNAPSHOT, NS_PER_S, MboBatch

QUIET_NS: Final = 5 * NS_PER_S
"""A snapshot is over once the feed has gone on for so long without a record of it."""


class SnapshotWatch:
    """Watches a session that was asked for a snapshot. State: a set of instrument ids.

    Each instrument's book comes as a clear and its orders; records of others may come between. The
    last record of a book need not say that it is the last. So it is whole when every instrument
    that was named has been cleared and something else follows; or, since some may have no book,
    when the feed has gone on for 5 s without a snapshot's record.
    """

    def __init__(self) -> None:
        self._named: set[int] = set()
        self._cleared: set[int] = set()
        self._quiet_from_ns: int | None = None
        self._is_open = False

    def name(self, instrument_id: int) -> None:
        """An instrument of the session was named."""
        self._named.add(instrument_id)

    def is_whole(self, rows: MboBatch) -> bool:
        """Whether, with these records, the books are whole; shape (n,), n at least 1."""
        of_snapshot = (rows["flags"] & F_SNAPSHOT) != 0
        if of_snapshot.any():
            books = rows[of_snapshot]
            self._cleared |= set(np.unique(books["instrument_id"]).tolist())
            self._quiet_from_ns = int(books["ts_recv"].max())
            self._is_open = not books["flags"][-1] & F_LAST
        if self._quiet_from_ns is None:
            self._quiet_from_ns = int(rows["ts_recv"][0])
        goes_on = not of_snapshot[-1]
        if goes_on and int(rows["ts_recv"][-1]) >= self._quiet_from_ns + QUIET_NS:
            return True
        return bool(self._named) and self._named <= self._cleared and (goes_on or not self._is_open)

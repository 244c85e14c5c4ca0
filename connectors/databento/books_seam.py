"""Snapshots in a replay: what of them was delivered before a cut is not delivered again.

A replay that reaches back to the beginning of the week holds the books that it began with. Their
records are no part of an instrument's order of changes, so the seam of records lets them pass; and
an old book delivered once more would take the place of the one that has grown from it.
"""

from typing import Any

import numpy as np

from operators.model.records import F_SNAPSHOT, MboBatch

_CLEAR = b"R"

Delivered = dict[int, tuple[int, int]]
"""Instrument → ts_recv with which its newest snapshot began, and records of it delivered."""


class BooksDelivered:
    """How far the newest snapshot of each instrument was delivered. State: two numbers each."""

    def __init__(self, state: tuple[tuple[int, int, int], ...] = ()) -> None:
        self._delivered: Delivered = {each: (begun, count) for each, begun, count in state}

    def note(self, rows: MboBatch) -> None:
        """Note records as delivered; shape (n,), MBO_DTYPE."""
        for instrument_id, _, books in _by_instrument(rows):
            begun, count = self._delivered.get(instrument_id, (int(books["ts_recv"][0]), 0))
            clears = np.flatnonzero(books["action"] == _CLEAR)
            if clears.size:
                begun, count = int(books["ts_recv"][clears[-1]]), -int(clears[-1])
            self._delivered[instrument_id] = begun, count + books.size

    def delivered(self) -> Delivered:
        """A copy."""
        return dict(self._delivered)

    def snapshot(self) -> tuple[tuple[int, int, int], ...]:
        """Plain copy of the state."""
        return tuple((each, *found) for each, found in self._delivered.items())


class BooksSeam:
    """Drops from one replay the snapshot records delivered before it."""

    def __init__(self, books: BooksDelivered) -> None:
        """With a copy of `books` as they are now."""
        self._delivered = books.delivered()
        self._at: dict[int, tuple[int, int]] = {}
        self.repeated = 0
        """Records dropped."""

    def accept(self, rows: MboBatch) -> MboBatch:
        """The records without those, in their order, read-only; shape (n,), MBO_DTYPE."""
        keep: Any = None
        for instrument_id, places, books in _by_instrument(rows):
            known = self._delivered.get(instrument_id)
            if known is None:
                continue
            keep = np.ones(rows.size, np.bool_) if keep is None else keep
            keep[places] = self._is_new(instrument_id, *known, books)
        if keep is None or keep.all():
            return rows
        self.repeated += int(rows.size - keep.sum())
        passed: MboBatch = rows[keep]
        passed.flags.writeable = False
        return passed

    def _is_new(self, instrument_id: int, begun: int, count: int, books: MboBatch) -> Any:
        """Which of an instrument's snapshot records were not delivered, shape (n,), bool."""
        is_new = np.zeros(books.size, np.bool_)
        at, seen = self._at.get(instrument_id, (int(books["ts_recv"][0]), 0))
        pairs = zip(books["action"].tolist(), books["ts_recv"].tolist(), strict=True)
        for place, (action, ts_recv) in enumerate(pairs):
            if action == _CLEAR:
                at, seen = ts_recv, 0
            seen += 1
            is_new[place] = at > begun or (at == begun and seen > count)
        self._at[instrument_id] = at, seen
        return is_new


def _by_instrument(rows: MboBatch) -> list[tuple[int, Any, MboBatch]]:
    """Instrument, places and rows of the snapshot records among `rows`."""
    places = np.flatnonzero(rows["flags"] & F_SNAPSHOT)
    if places.size == 0:
        return []
    ids = rows["instrument_id"][places]
    found = []
    for instrument_id in np.unique(ids).tolist():
        own = places[ids == instrument_id]
        found.append((instrument_id, own, rows[own]))
    return found

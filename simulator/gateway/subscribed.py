"""What one client has subscribed to, as tables that the selecting kernel reads."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from connectors.databento.control import ALL_SYMBOLS, Subscription
from simulator.gateway.directory import Directory
from simulator.gateway.select_kernel import (
    DEFINITION,
    LIVE_ONLY,
    MBO,
    NEVER,
    STATISTICS,
    STATUS,
)

COLUMNS: Final = {"mbo": MBO, "definition": DEFINITION, "statistics": STATISTICS, "status": STATUS}
"""Schemas that are served, and their column."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """An instrument and the symbol that brought it."""

    instrument_id: int
    subscription: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Tables:
    """Arguments of `select`."""

    ids: NDArray[np.int64]
    """Sorted, (m,)."""
    starts: NDArray[np.int64]
    """(m, 4): ts_event from which on, NEVER or LIVE_ONLY."""
    other: NDArray[np.int64]
    """(4,): of all other instruments."""


class Subscribed:
    """State: a row per instrument subscribed to, and the symbols that brought it."""

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = {}
        self._other = [NEVER] * len(COLUMNS)
        self._mapped: dict[int, dict[str, str]] = {}
        """Instrument → the symbols that brought it → the raw symbol last told."""
        self.schemas_replayed: list[str] = []
        self.start_ns: int | None = None
        """The earliest start asked for."""
        self.snapshot_ids: set[int] = set()
        """Instruments whose book was asked for and has not been sent."""

    def add(
        self, asked: Subscription, directory: Directory, ts: int, *, live: bool
    ) -> tuple[list[Mapping], list[str]]:
        """Take a subscription; instruments that are new to the client, and symbols unknown.

        Args:
            asked: of a schema in COLUMNS.
            directory: to resolve symbols with.
            ts: the market's time.
            live: the session has started: starts no longer count.
        """
        start = LIVE_ONLY if live or asked.start_ns is None else asked.start_ns
        column = COLUMNS[asked.schema]
        mappings: list[Mapping] = []
        unknown: list[str] = []
        ids: list[int] = []
        for symbol in asked.symbols:
            if symbol == ALL_SYMBOLS:
                self._other[column] = _earlier(self._other[column], start)
                found = directory.everything()
            elif not (found := directory.resolve(asked.stype_in, symbol, ts)):
                unknown.append(symbol)
            for each in found:
                ids.append(each.instrument_id)
                name = directory.symbol(each.instrument_id)
                mappings += self._map(each.instrument_id, symbol, name)
        for instrument_id in ids:
            row = self._starts.setdefault(instrument_id, [NEVER] * len(COLUMNS))
            row[column] = _earlier(row[column], start)
        if asked.snapshot:
            self.snapshot_ids.update(ids)
        if start != LIVE_ONLY and (ids or self._other[column] != NEVER):
            self.start_ns = start if self.start_ns is None else min(self.start_ns, start)
            if asked.schema not in self.schemas_replayed:
                self.schemas_replayed.append(asked.schema)
        return mappings, unknown

    def rename(self, instrument_id: int, symbol: str) -> list[Mapping]:
        """The market maps an instrument anew: what the client has to be told."""
        brought = list(self._mapped.get(instrument_id, {}))
        if not brought and any(start != NEVER for start in self._other):
            brought = [ALL_SYMBOLS]
        return [each for name in brought for each in self._map(instrument_id, name, symbol)]

    def tables(self) -> Tables:
        """For `select`, until the next change."""
        ids = sorted(self._starts)
        starts = np.array([self._row(each) for each in ids], np.int64).reshape(-1, len(COLUMNS))
        return Tables(np.array(ids, np.int64), starts, np.array(self._other, np.int64))

    def _row(self, instrument_id: int) -> list[int]:
        return list(map(_earlier, self._starts[instrument_id], self._other))

    def _map(self, instrument_id: int, subscription: str, symbol: str) -> list[Mapping]:
        brought = self._mapped.setdefault(instrument_id, {})
        if brought.get(subscription) == symbol:
            return []
        brought[subscription] = symbol
        # Of all symbols, the one that means the instrument is its own.
        name = symbol if subscription == ALL_SYMBOLS else subscription
        return [Mapping(instrument_id, name, symbol)]


def _earlier(one: int, other: int) -> int:
    """Of two starts, the one that brings more."""
    order = {NEVER: 2**63, LIVE_ONLY: 2**63 - 1}
    return min(one, other, key=lambda start: order.get(start, start))

"""What one instrument's records tell of its market: the figures published of ESH4.

It follows the orders in plain dicts and knows only what GLBX's records mean.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from operators.model.records import F_LAST, F_SNAPSHOT, NS_PER_S, MboBatch

CHAIN_NS = 300_000_000


@dataclass
class Facts:
    """Counts and samples of one instrument."""

    actions: Counter[str] = field(default_factory=Counter)
    signs: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """Contracts per aggressor order."""
    levels: Counter[int] = field(default_factory=Counter)
    """Prices an aggressor order traded at."""
    volume: int = 0
    stop_volume: int = 0
    hidden_volume: int = 0
    refills: int = 0
    modified: int = 0
    lives_s: list[float] = field(default_factory=list)
    """Of orders that came and were cancelled."""
    chains: Counter[int] = field(default_factory=Counter)
    """Orders of the price, side and size (above 1) filled out less than 0.3 s before, by length."""
    at_trade: list[float] = field(default_factory=list)
    """Middle of the touch after each execution, 1e-9."""
    events: list[int] = field(default_factory=list)
    _orders: dict[int, list[int]] = field(default_factory=dict)
    """Side, price, size, time it came (0: before), length of its chain."""
    _sides: tuple[Counter[int], Counter[int]] = field(
        default_factory=lambda: (Counter(), Counter())
    )
    _gone: dict[tuple[int, int, int], tuple[int, int]] = field(default_factory=dict)

    def feed(self, rows: MboBatch) -> "Facts":
        """Take the rows of one instrument, whole events."""
        event: list[tuple[bytes, int, int, int, int]] = []
        names = ("action", "side", "price", "size", "order_id", "flags", "ts_event")
        columns = [rows[name].tolist() for name in names]
        for action, side_text, price, size, order_id, flags, ts in zip(*columns, strict=True):
            side = 0 if side_text == b"B" else 1
            if flags & F_SNAPSHOT:
                if action == b"A":
                    self._put(order_id, side, price, size, 0, 1)
                continue
            self.actions[action.decode()] += 1
            event.append((action, side, price, size, order_id))
            if flags & F_LAST:
                self._event(event, ts)
                event = []
        return self

    def _put(self, order_id: int, side: int, price: int, size: int, ts: int, chain: int) -> None:
        self._orders[order_id] = [side, price, size, ts, chain]
        self._sides[side][price] += size

    def _take(self, side: int, price: int, size: int) -> None:
        left = self._sides[side][price] - size
        if left:
            self._sides[side][price] = left
        else:
            del self._sides[side][price]

    def _event(self, event: list[tuple[bytes, int, int, int, int]], ts: int) -> None:
        self.events.append(ts)
        trades = [row for row in event if row[0] == b"T"]
        aggressors = list(dict.fromkeys(row[4] for row in trades))
        if trades:
            self._trades(trades, aggressors)
        filled: Counter[int] = Counter()
        for action, _, _, size, order_id in event:
            if action == b"F" and order_id not in aggressors:
                filled[order_id] += size
        for action, side, price, size, order_id in event:
            if action == b"A":
                since, length = self._gone.get((price, side, size), (0, 0))
                chain = length + 1 if size > 1 and ts - since <= CHAIN_NS else 1
                self.chains[chain] += 1
                self._put(order_id, side, price, size, ts, chain)
            elif action == b"C":
                self._cancel(order_id, ts, was_filled=order_id in filled, traded=bool(trades))
            elif action == b"M":
                self._modify(order_id, price, size, filled[order_id])
        if trades and self._sides[0] and self._sides[1]:
            self.at_trade.append((max(self._sides[0]) + min(self._sides[1])) / 2)

    def _trades(
        self, trades: list[tuple[bytes, int, int, int, int]], aggressors: list[int]
    ) -> None:
        first = [row for row in trades if row[4] == aggressors[0]]
        self.signs.append(1 - 2 * first[0][1])
        self.sizes.append(sum(row[3] for row in first))
        self.levels[len({row[2] for row in first})] += 1
        self.volume += sum(row[3] for row in trades)
        self.stop_volume += sum(row[3] for row in trades if row[4] != aggressors[0])
        self.modified += aggressors[0] in self._orders

    def _cancel(self, order_id: int, ts: int, *, was_filled: bool, traded: bool) -> None:
        side, price, size, since, chain = self._orders.pop(order_id)
        self._take(side, price, size)
        if was_filled:
            self._gone[price, side, size] = (ts, chain)
        elif since and not traded:
            self.lives_s.append((ts - since) / NS_PER_S)

    def _modify(self, order_id: int, price: int, size: int, filled: int) -> None:
        order = self._orders[order_id]
        if filled and (hidden := size - (order[2] - filled)) > 0:
            self.refills += 1
            self.hidden_volume += hidden
        self._take(order[0], order[1], order[2])
        order[1], order[2] = price, size
        self._sides[order[0]][price] += size

    def sign_autocorrelation(self, lag: int) -> float:
        """Of the sides of successive aggressors."""
        signs = np.array(self.signs, float)
        signs -= signs.mean()
        return float((signs[lag:] * signs[:-lag]).mean() / signs.var())

    def variance_per_trade(self, trades: int, tick_e9: int) -> float:
        """Mean square of the mid's change over so many executions, ticks² per execution."""
        mids = np.array(self.at_trade) / tick_e9
        return float(np.mean((mids[trades:] - mids[:-trades]) ** 2) / trades)

    def fano(self, window_s: int) -> float:
        """Variance of the events in a window over their mean: 1 for independent arrivals."""
        ts = np.array(self.events)
        counts = np.bincount((ts - ts[0]) // (window_s * NS_PER_S))
        return float(counts.var() / counts.mean())


def facts_of(rows: MboBatch, instrument_id: int) -> Facts:
    """Facts of one of the rows' instruments."""
    return Facts().feed(rows[rows["instrument_id"] == instrument_id])

"""A plain dict book with queues that replays market-by-order rows and notes what breaks the rules.

It knows nothing of the simulator: only what GLBX's records mean.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from operators.model.records import F_LAST, F_SNAPSHOT, MboBatch


@dataclass
class Order:
    """A resting order as the feed shows it."""

    side: bytes
    price: int
    size: int


@dataclass
class DictBook:
    """Orders and queues of one instrument."""

    orders: dict[int, Order] = field(default_factory=dict)
    queues: dict[tuple[bytes, int], dict[int, None]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def put(self, order_id: int, side: bytes, price: int, size: int) -> None:
        self.orders[order_id] = Order(side, price, size)
        self.queues[side, price][order_id] = None

    def drop(self, order_id: int) -> Order:
        order = self.orders.pop(order_id)
        queue = self.queues[order.side, order.price]
        del queue[order_id]
        if not queue:
            del self.queues[order.side, order.price]
        return order

    def best(self, side: bytes) -> int | None:
        prices = [price for s, price in self.queues if s == side]
        if not prices:
            return None
        return max(prices) if side == b"B" else min(prices)


class Replay:
    """Feeds rows to dict books; `faults` counts broken rules, `seen` what occurred."""

    def __init__(self) -> None:
        self.books: dict[int, DictBook] = defaultdict(DictBook)
        self.faults: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.aggressor_sizes: list[int] = []
        self.signs: dict[int, list[int]] = defaultdict(list)
        self.gathering: set[int] = set()
        """Instruments whose auction has not been."""
        self._open: list[np.void] = []
        self._ends: dict[int, np.void] = {}
        self._refilled: set[int] = set()
        self._last: dict[int, tuple[int, int, int]] = {}
        self._newest_id: dict[int, int] = defaultdict(int)
        self._ts_recv = 0
        self._ts_event = 0

    def feed(self, rows: MboBatch) -> None:
        for row in rows:
            self.seen[row["action"].decode()] += 1
            if row["flags"] & F_SNAPSHOT:
                self._snapshot(row)
                continue
            self._clocks(row)
            if self._open and self._open[0]["instrument_id"] != row["instrument_id"]:
                self.faults["event of two instruments"] += 1
            self._open.append(row)
            if row["flags"] & F_LAST:
                self._event(self._open)
                self._open = []

    def _snapshot(self, row: np.void) -> None:
        book = self.books[int(row["instrument_id"])]
        if row["action"] == b"R":
            book.orders.clear()
            book.queues.clear()
            return
        book.put(int(row["order_id"]), row["side"], int(row["price"]), int(row["size"]))

    def _clocks(self, row: np.void) -> None:
        instrument = int(row["instrument_id"])
        now = (int(row["ts_event"]), int(row["ts_recv"]), int(row["sequence"]))
        last = self._last.get(instrument, (0, 0, 0))
        for name, new, old in zip(("ts_event", "ts_recv", "sequence"), now, last, strict=True):
            self.faults[f"{name} went down"] += new < old
        self.faults["ts_recv went down on the feed"] += now[1] < self._ts_recv
        self.faults["ts_event went down on the feed"] += now[0] < self._ts_event
        self.faults["ts_recv before ts_event"] += now[1] < now[0]
        self.seen["rows in the packet of the row before"] += now[2] == last[2]
        if not self._open and now[0] == last[0]:
            self.faults["two events at one ts_event"] += 1
        self._last[instrument] = now
        self._ts_event, self._ts_recv = now[0], now[1]

    def _event(self, rows: list[np.void]) -> None:
        instrument = int(rows[0]["instrument_id"])
        book = self.books[instrument]
        self.seen["events"] += 1
        self.seen[f"rows {min(len(rows), 9)}"] += 1
        actions = [row["action"] for row in rows]
        self._ends = {int(r["order_id"]): r for r in rows if r["action"] in (b"C", b"M")}
        self._refilled = set()
        if len({int(row["ts_event"]) for row in rows}) > 1:
            self.faults["several ts_event in an event"] += 1
        if b"T" in actions and rows[0]["order_id"] == 0:
            self._auction(rows)
        elif b"T" in actions:
            self._trades(book, [row for row in rows if row["action"] in (b"T", b"F")])
        for row in rows:
            self._apply(book, row, traded=b"T" in actions)
        bid, ask = book.best(b"B"), book.best(b"A")
        if bid is not None and ask is not None and bid >= ask:
            # Before the opening a book may be crossed.
            self.faults["crossed"] += instrument not in self.gathering
            self.seen["crossed before the opening"] += instrument in self.gathering

    def _apply(self, book: DictBook, row: np.void, *, traded: bool) -> None:
        action, order_id = row["action"], int(row["order_id"])
        side, price, size = row["side"], int(row["price"]), int(row["size"])
        if action in (b"T", b"F"):
            self.faults["trade rows with flags"] += row["flags"] != 0
        elif action == b"R":
            book.orders.clear()
            book.queues.clear()
        elif action == b"A":
            self.faults["add of a known order"] += order_id in book.orders
            channel = int(row["channel_id"])
            self.faults["order id not newer"] += order_id <= self._newest_id[channel]
            self._newest_id[channel] = order_id
            book.put(order_id, side, price, size)
        elif order_id not in book.orders:
            self.faults[f"unknown order in {action!r}"] += 1
        elif action == b"C":
            order = book.drop(order_id)
            if (order.side, order.price, order.size) != (side, price, size):
                self.faults["cancel differs from its order"] += 1
        else:
            order = book.orders[order_id]
            self.faults["modify changes the side"] += order.side != side
            if price != order.price or size > order.size or (traded and order_id in self._refilled):
                book.drop(order_id)
                book.put(order_id, side, price, size)
            order = book.orders[order_id]
            order.size = size

    def _trades(self, book: DictBook, rows: list[np.void]) -> None:
        """Rules of an execution: who trades, in which order, at which prices, and what is left."""
        aggressors = list(dict.fromkeys(int(r["order_id"]) for r in rows if r["action"] == b"T"))
        self._kinds(book, rows, aggressors)
        for later in aggressors[1:]:
            self.seen["stops"] += 1
            if later >= aggressors[0] or later in book.orders:
                self.faults["later aggressor is no stop"] += 1
        traded = sum(int(r["size"]) for r in rows if r["action"] == b"T")
        fills = [r for r in rows if r["action"] == b"F" and int(r["order_id"]) not in aggressors]
        if traded != sum(int(r["size"]) for r in fills):
            self.faults["trades and fills differ"] += 1
        self._priority(book, rows, aggressors)
        self._rest(book, fills)

    def _auction(self, rows: list[np.void]) -> None:
        """T side N without an id, its size once for each side, one price."""
        self.seen["auctions"] += 1
        self.gathering.discard(int(rows[0]["instrument_id"]))
        self.faults["auction with a side"] += rows[0]["side"] != b"N"
        fills = [row for row in rows if row["action"] == b"F"]
        self.faults["auction fill with a side"] += any(row["side"] != b"N" for row in fills)
        self.faults["auction at two prices"] += (
            len({int(r["price"]) for r in rows[: len(fills) + 1]}) != 1
        )
        if 2 * int(rows[0]["size"]) != sum(int(row["size"]) for row in fills):
            self.faults["auction sides differ"] += 1

    def _kinds(self, book: DictBook, rows: list[np.void], aggressors: list[int]) -> None:
        first = aggressors[0]
        sign = 1 if rows[0]["side"] == b"B" else -1
        self.signs[int(rows[0]["instrument_id"])].append(sign)
        self.aggressor_sizes.append(
            sum(int(r["size"]) for r in rows if r["action"] == b"T" and r["order_id"] == first)
        )
        self.seen["aggressors"] += len(aggressors)
        levels = len({int(r["price"]) for r in rows if r["action"] == b"T"})
        self.seen["sweeps of 2"] += levels == 2
        self.seen["sweeps of 3 or more"] += levels >= 3
        if first in book.orders:
            self.seen["modified"] += 1
            own = [r for r in rows if r["action"] == b"F" and int(r["order_id"]) == first]
            if not own or own[0] is not rows[1]:
                self.faults["resting aggressor without its own fill"] += 1

    def _priority(self, book: DictBook, rows: list[np.void], aggressors: list[int]) -> None:
        """Fills go through the best price first and through each queue from its front."""
        left = {order_id: order.size for order_id, order in book.orders.items()}
        queues = {key: list(queue) for key, queue in book.queues.items()}
        for order_id in aggressors:
            if order_id in book.orders:
                order = book.orders[order_id]
                queues[order.side, order.price].remove(order_id)
        for row in rows:
            order_id = int(row["order_id"])
            if row["action"] == b"T" or order_id in aggressors:
                continue
            side, price = row["side"], int(row["price"])
            better = [
                p
                for s, p in queues
                if s == side and queues[s, p] and (p > price if side == b"B" else p < price)
            ]
            self.faults["traded through a better price"] += bool(better)
            queue = queues.get((side, price), [])
            if not queue or queue[0] != order_id:
                self.faults["fill out of turn"] += 1
                continue
            left[order_id] -= int(row["size"])
            if left[order_id] <= 0:
                queue.pop(0)
                if self._ends[order_id]["action"] == b"M":
                    # Its hidden size goes to the back; how much of it shows is not told here.
                    queue.append(order_id)
                    left[order_id] = 2**40

    def _rest(self, book: DictBook, fills: list[np.void]) -> None:
        """Each passive order ends as C, or as M with what is left or a refill."""
        filled: Counter[int] = Counter()
        for row in fills:
            filled[int(row["order_id"])] += int(row["size"])
        for order_id, size in filled.items():
            if order_id not in book.orders:
                self.faults["fill of an unknown order"] += 1
                continue
            shown, end = book.orders[order_id].size, self._ends.get(order_id)
            if end is None:
                self.faults["fill without an end"] += 1
            elif end["action"] == b"M":
                self.faults["rest is wrong"] += int(end["size"]) < shown - size
                if int(end["size"]) > shown - size:
                    self._refilled.add(order_id)
                    self.seen["refills"] += 1
            else:
                self.faults["filled out too early"] += size < shown
                self.seen["fills above the displayed size"] += size > shown

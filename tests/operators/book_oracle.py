"""The book again, slow and obvious: dictionaries, one record at a time, nothing incremental.

Written from what rows and records mean (`operators.model.evaluations`, Databento's `mbo` schema),
to be compared with the kernel row by row. Levels are sorted anew whenever someone asks.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from operators.model.controls import gap_of
from operators.model.evaluations import (
    AUCTION,
    CROSSED,
    DIRTY,
    DIRTY_NAMES,
    EVAL_DTYPE,
    EXECUTION,
    FAULT,
    FAULT_NAMES,
    FAULTS,
    FRONT,
    IMPLIED,
    LATE,
    MODIFIED_LIMIT,
    NEAR_LEVELS,
    NEW,
    OFI_LEVELS,
    OPENED,
    OUTRIGHT,
    PANE,
    STOP,
    WIRE_BAD_BOOK,
    WIRE_FIELD,
    WIRE_SEQUENCE,
)
from operators.model.items import Control, Definition, Instrument, MarketStatus, MboRows, Tick
from operators.model.records import F_LAST, F_SNAPSHOT, NS_PER_S

AGGRESSORS_MAX, FILLS_MAX, REFILLS_MAX = 256, 1024, 2047
CONTINUOUS_NS = 600 * NS_PER_S
ECHO_NS, FLASH_NS = 300_000_000, 2 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S
U32_MAX = 2**32 - 1
SUMS = (
    *("buy", "sell", "buy_count", "sell_count", "stop_buy", "stop_sell", "sweep_buy"),
    *("sweep_sell", "hidden_bid", "hidden_ask", "add_bid", "add_ask", "cancel_bid"),
    *("cancel_ask", "flash_bid", "flash_ask", "records"),
)
BEFORE = ("bid_before", "ask_before", "bid_size_before", "ask_size_before")
TOUCH = ("bid", "ask", "bid_size", "ask_size")


@dataclass
class Order:
    side: int  # +1 bid, −1 ask
    price: int
    size: int
    filled: int = 0
    hidden: int = 0
    before: int = 0  # contracts filled, while there was no refill
    refills: int = 0


@dataclass
class Aggressor:
    order_id: int
    kind: int
    side: int
    price: int
    sequence: int
    size: int = 0
    levels: int = 1
    price_last: int = 0
    filled: int = 0
    hidden: int = 0
    refills: int = 0
    fills: list[dict[str, int]] = field(default_factory=list)


@dataclass
class Event:
    rows: int = 0
    ts: int = 0
    traded: bool = False
    aggressors: list[Aggressor] = field(default_factory=list)
    stray: int = 0  # contracts filled before any trade
    overrun: bool = False

    def fills(self) -> list[dict[str, int]]:
        return [fill for aggressor in self.aggressors for fill in aggressor.fills]


@dataclass
class Root:
    index: int
    feed: str
    clock: int = 0
    pane_end: int = 0
    front: "Market | None" = None


@dataclass
class Echo:
    """What is remembered of a side, each beginning with its time and order id; see `book_echo`."""

    outs: list[Any] = field(default_factory=lambda: [(0, 0)] * 8)  # …, size
    tranches: list[Any] = field(default_factory=lambda: [(0, 0)] * 8)  # …, id that it follows
    flashes: list[Any] = field(default_factory=lambda: [(0, 0)] * 8)
    large: int = 0

    def came(self, order_id: int, order: Order, ts: int) -> None:
        """An order was added near the touch."""
        if order.size >= 2:
            like = [
                (out[0], place)
                for place, out in enumerate(self.outs)
                if out[1] and out[2:] == (order.size,) and 0 <= ts - out[0] <= ECHO_NS
            ]
            if like:
                place = max(like)[1]
                remember(self.tranches, (ts, order_id, self.outs[place][1]))
                self.outs[place] = (0, 0)
        step = max(self.large // 512, 1)
        is_large = 64 * order.size > self.large
        self.large += 19 * step if is_large else -step
        if is_large and order.size >= 10:
            remember(self.flashes, (ts, order_id))

    def went(self, order_id: int, order: Order, ts: int) -> bool:
        """Was it a flash?"""
        flash = recalled(self.flashes, order_id) if order.hidden + order.before == 0 else None
        return flash is not None and 0 <= ts - flash[0] <= FLASH_NS

    def filled_out(self, order_id: int, order: Order, ts: int) -> int:
        """The order that it followed, or 0."""
        if order.before < 2:
            return 0
        remember(self.outs, (ts, order_id, order.before))
        tranche = recalled(self.tranches, order_id)
        return tranche[2] if tranche else 0


def remember(memory: list[Any], one: Any) -> None:
    """In the place of the oldest."""
    memory[min(range(len(memory)), key=lambda place: memory[place][0])] = one


def recalled(memory: list[Any], order_id: int) -> Any:
    """What is remembered of an order, once."""
    for place, one in enumerate(memory):
        if one[1] == order_id:
            memory[place] = (0, 0)
            return one
    return None


@dataclass
class Market:
    """One instrument."""

    slot: int
    instrument_id: int
    root: Root
    symbol: str
    outright: bool
    traded: Counter[int] = field(default_factory=Counter)  # by day
    orders: dict[int, Order] = field(default_factory=dict)
    echoes: dict[int, Echo] = field(default_factory=lambda: {1: Echo(), -1: Echo()})
    tops: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: {1: [], -1: []})
    event: Event = field(default_factory=Event)
    sums: Counter[str] = field(default_factory=Counter)
    ofi: list[int] = field(default_factory=lambda: [0] * OFI_LEVELS)
    faults: list[int] = field(default_factory=lambda: [0] * FAULTS)
    start: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOUCH, 0))
    active: bool = False
    in_snapshot: bool = False
    dirty: int = 0
    halted: bool = False
    last_trade: int | None = None
    sequence: int = 0
    ts_recv: int = 0

    def levels(self, side: int) -> list[tuple[int, int]]:
        """(price, size) from the best level outwards."""
        sizes: dict[int, int] = defaultdict(int)
        for order in self.orders.values():
            if order.side == side:
                sizes[order.price] += order.size
        return sorted(sizes.items(), reverse=side > 0)

    def depth(self, order: Order) -> int:
        prices = [price for price, _ in self.levels(order.side)]
        return prices.index(order.price)

    def touch(self) -> dict[str, int]:
        bid, ask = (self.tops[side][0] if self.tops[side] else (0, 0) for side in (1, -1))
        return {"bid": bid[0], "ask": ask[0], "bid_size": bid[1], "ask_size": ask[1]}

    def crossed(self) -> bool:
        return bool(self.tops[1] and self.tops[-1]) and self.tops[1][0][0] >= self.tops[-1][0][0]

    def open_at(self, ts: int) -> bool:
        if self.halted or self.last_trade is None:
            return False
        return ts - self.last_trade <= CONTINUOUS_NS

    def traded_until(self, day: int) -> int:
        """Contracts traded, those of each day halved at each midnight since."""
        total = 0
        for each in range(min(self.traded, default=day), day + 1):
            total = total // 2 + self.traded[each]
        return total

    def depth_of(self, levels: int) -> list[tuple[int, int, int]]:
        """Price, bid size, ask size of the first so many prices of both sides, upwards."""
        bids, asks = (dict(self.levels(side)[:levels]) for side in (1, -1))
        return [(price, bids.get(price, 0), asks.get(price, 0)) for price in sorted({*bids, *asks})]

    def near(self, side: int, depth: int, size: int) -> None:
        """Displayed size came (positive) or was withdrawn (negative) at a level."""
        if depth < NEAR_LEVELS:
            name = ("add_" if size > 0 else "cancel_") + ("bid" if side > 0 else "ask")
            self.sums[name] += abs(size)

    def look(self, count_flow: bool) -> None:
        """The book may be looked at: levels 1–10 of both sides, and what flowed into them."""
        for side in (1, -1):
            old, new = self.tops[side], self.levels(side)[:OFI_LEVELS]
            worst = (-(2**63) * side, 0)
            for depth in range(OFI_LEVELS):
                price, size = new[depth] if depth < len(new) else worst
                price_old, size_old = old[depth] if depth < len(old) else worst
                flow = size if price * side >= price_old * side else 0
                flow -= size_old if price * side <= price_old * side else 0
                self.ofi[depth] += side * flow if count_flow else 0
            self.tops[side] = new


def is_outright(symbol: str) -> bool:
    """Does the symbol look like ESH4?"""
    return bool(re.fullmatch(r"[A-Z0-9]{1,6}[FGHJKMNQUVXZ][0-9]{1,2}", symbol))


def in_order(market: Market) -> tuple[int, int]:
    return market.instrument_id, market.slot


class Oracle:
    """The same items in, evaluation rows as dictionaries out, fills inside."""

    def __init__(self, levels: int = 20) -> None:
        self.depth_levels = levels
        self.rows: list[dict[str, Any]] = []
        self.markets: dict[tuple[str, int], Market] = {}
        self.roots: dict[str, Root] = {}
        self.counts: Counter[str] = Counter()
        self.gaps: list[tuple[int, str, str]] = []
        self.awaited: dict[tuple[str, int], tuple[str, int]] = {}

    def on_items(self, items: list[Any]) -> None:
        for item in items:
            if isinstance(item, MboRows):
                for index, row in enumerate(item.rows):
                    wire = 0 if item.faults is None else int(item.faults[index])
                    self.on_row(item.feed, row, wire)
            elif isinstance(item, Instrument):
                market = self.market(item.instrument_id, item.root, item.feed, item.symbol)
                if market.symbol != item.symbol:
                    self.set_outright(market, outright=False)
                    market.symbol = item.symbol
                    market.traded.clear()
                    self.set_outright(market, outright=is_outright(item.symbol))
            elif isinstance(item, Control) and item.name == "gap":
                self.lose(item)
            elif isinstance(item, Definition):
                if known := self.markets.get((item.feed, item.instrument_id)):
                    self.set_outright(known, outright=item.instrument_class == "F")
            elif isinstance(item, MarketStatus):
                known = self.markets.get((item.feed, item.instrument_id))
                if known and item.action in range(1, 16) and item.action not in (6, 14):
                    known.halted = item.action != 7
            elif isinstance(item, Tick):
                for root in self.roots.values():
                    if root.feed == item.feed and root.pane_end > 0:
                        self.advance(root, item.ts_event)

    def lose(self, item: Control) -> None:
        """The source says that data is missing."""
        gap = gap_of(item)
        for (feed, instrument_id), market in self.markets.items():
            if feed == item.feed and instrument_id in (gap.instruments or [instrument_id]):
                self.distrust(market, gap.reason, item.ts_event)
        for instrument_id in gap.instruments or ():
            if (item.feed, instrument_id) not in self.markets:
                self.awaited[item.feed, instrument_id] = (gap.reason, gap.to_ns)

    def distrust(self, market: Market, reason: str, ts: int) -> None:
        market.in_snapshot = False
        market.look(count_flow=False)
        market.event = Event()
        market.dirty = 1 + len(FAULT_NAMES) + DIRTY_NAMES[len(FAULT_NAMES) :].index(reason)
        self.put(market, FAULT, market.root.clock or ts, aggressor=market.dirty)
        self.gaps.append((market.instrument_id, "opened", reason))

    def set_outright(self, market: Market, *, outright: bool) -> None:
        market.outright = outright
        if not outright and market.root.front is market:
            market.root.front = None

    def market(self, instrument_id: int, root: str, feed: str, symbol: str) -> Market:
        if (feed, instrument_id) not in self.markets:
            known = self.roots.setdefault(root, Root(len(self.roots), feed))
            outright = is_outright(symbol)
            market = Market(len(self.markets), instrument_id, known, symbol, outright)
            self.markets[feed, instrument_id] = market
            if (feed, instrument_id) in self.awaited:
                self.distrust(market, *self.awaited.pop((feed, instrument_id)))
        return self.markets[feed, instrument_id]

    def on_row(self, feed: str, row: Any, wire: int) -> None:
        text = str(row["instrument_id"])
        market = self.market(int(row["instrument_id"]), text, feed, text)
        action, ts, flags = row["action"].decode(), int(row["ts_event"]), int(row["flags"])
        snapshot, last = bool(flags & F_SNAPSHOT), bool(flags & F_LAST)
        self.counts["records"] += 1
        if action in "ACM" and row["order_id"] == 0:
            wire |= WIRE_FIELD
        impossible = bool(wire & WIRE_FIELD)
        if not snapshot and not impossible:
            self.advance(market.root, ts)
            self.counts["late_rows"] += ts < market.root.pane_end - NS_PER_S
            market.active = True
            market.sums["records"] += 1
        self.note_wire(market, action, wire, ts)
        if impossible:
            self.counts["not_applied"] += 1
            if last and not snapshot and market.event.rows > 0:
                self.end_event(market, market.event.ts)
            return
        market.sequence, market.ts_recv = int(row["sequence"]), int(row["ts_recv"])
        self.change_mode(market, action, snapshot, ts)
        if not snapshot:
            if market.event.rows == 0:
                market.event.ts = ts
            market.event.rows += 1
        self.act(market, action, row, snapshot, ts)
        if last and snapshot:
            self.end_snapshot(market, ts)
        elif last:
            self.end_event(market, ts)

    def act(self, market: Market, action: str, row: Any, snapshot: bool, ts: int) -> None:
        if action == "A":
            self.add(market, row, snapshot, ts)
        elif action == "C":
            self.cancel(market, row, snapshot, ts)
        elif action == "M":
            self.modify(market, row, snapshot, ts)
        elif action == "T" and not snapshot:
            self.trade(market, row, ts)
        elif action == "F" and not snapshot:
            self.fill(market, row)

    # Time.

    def advance(self, root: Root, ts: int) -> None:
        if ts <= root.clock:
            return
        root.clock = ts
        if ts < root.pane_end:
            return
        active = [m for m in self.markets.values() if m.root is root and m.active]
        self.choose_front(root, active)
        for market in sorted(active, key=in_order):
            self.put(market, PANE, root.pane_end)
            self.rows[-1]["state"] |= OUTRIGHT * market.outright
            if market is root.front:
                self.rows[-1]["state"] |= FRONT
                self.rows[-1]["depth"] = market.depth_of(self.depth_levels)
            market.active = False
            market.sums.clear()
            market.ofi = [0] * OFI_LEVELS
            market.start = market.touch()
        root.pane_end = (ts // NS_PER_S + 1) * NS_PER_S

    def choose_front(self, root: Root, active: list[Market]) -> None:
        """The future that traded most, of those with a row now and the one it was."""
        day = (root.pane_end - 1) // DAY_NS
        for market in active:
            if market.outright:
                market.traded[day] += market.sums["buy"] + market.sums["sell"]
        asked = [m for m in active if m.outright and m.traded_until(day) > 0]
        asked += [root.front] if root.front else []
        if asked:
            root.front = min(asked, key=lambda m: (-m.traded_until(day), *in_order(m)))

    # Integrity.

    def note_wire(self, market: Market, action: str, wire: int, ts: int) -> None:
        for bit in range(6):
            market.faults[bit] += wire >> bit & 1
        if wire & WIRE_SEQUENCE:
            self.turn_dirty(market, "sequence", ts)
        elif wire & WIRE_BAD_BOOK:
            self.turn_dirty(market, "maybe_bad_book", ts)
        elif wire & WIRE_FIELD and action in "ACMR":
            self.turn_dirty(market, "field", ts)

    def fault(self, market: Market, name: str, ts: int, *, dirty: bool) -> None:
        market.faults[FAULT_NAMES.index(name)] += 1
        if dirty:
            self.turn_dirty(market, name, ts)

    def turn_dirty(self, market: Market, name: str, ts: int) -> None:
        if not market.dirty:
            market.dirty = FAULT_NAMES.index(name) + 1
            self.put(market, FAULT, market.root.clock or ts, aggressor=market.dirty)
            self.gaps.append((market.instrument_id, "opened", name))

    def turn_sound(self, market: Market, ts: int) -> None:
        if market.dirty:
            market.dirty = 0
            self.put(market, FAULT, market.root.clock or ts)
            self.gaps.append((market.instrument_id, "closed", "snapshot"))

    # The book.

    def change_mode(self, market: Market, action: str, snapshot: bool, ts: int) -> None:
        begins = snapshot and not market.in_snapshot
        if market.in_snapshot and not snapshot and action != "R":
            self.end_snapshot(market, ts)
        market.in_snapshot = snapshot
        if action == "R" or begins:
            market.orders.clear()
            for side, echo in market.echoes.items():
                market.echoes[side] = Echo(large=echo.large)
            market.tops = {1: [], -1: []}
            market.event = Event()
            market.last_trade = None
            if not snapshot:
                self.turn_sound(market, ts)

    def end_snapshot(self, market: Market, ts: int) -> None:
        market.in_snapshot = False
        market.look(count_flow=False)
        self.turn_sound(market, ts)

    def put_order(self, market: Market, row: Any, snapshot: bool) -> None:
        order = Order(-1 if row["side"] == b"A" else 1, int(row["price"]), int(row["size"]))
        market.orders[int(row["order_id"])] = order
        if not snapshot:
            depth = market.depth(order)
            market.near(order.side, depth, order.size)
            if depth < NEAR_LEVELS:
                echo = market.echoes[order.side]
                echo.came(int(row["order_id"]), order, int(row["ts_event"]))

    def add(self, market: Market, row: Any, snapshot: bool, ts: int) -> None:
        if int(row["order_id"]) in market.orders:
            if not snapshot:
                self.fault(market, "known_order_added", ts, dirty=False)
            del market.orders[int(row["order_id"])]
        self.put_order(market, row, snapshot)

    def cancel(self, market: Market, row: Any, snapshot: bool, ts: int) -> None:
        order_id, size = int(row["order_id"]), int(row["size"])
        order = market.orders.get(order_id)
        if order is None:
            self.fault(market, "unknown_order", ts, dirty=True)
            return
        filled = order.filled > 0
        if size > order.size and not filled:
            self.fault(market, "cancel_too_large", ts, dirty=True)
        withdrawn = min(size, order.size)
        if not filled and not snapshot:
            market.near(order.side, market.depth(order), -withdrawn)
            self.flash(market, order_id, order, withdrawn, ts)
        self.restate(market, order_id, order, order.size - withdrawn, ts)
        if size >= order.size:
            del market.orders[order_id]
        else:
            order.size -= size

    def modify(self, market: Market, row: Any, snapshot: bool, ts: int) -> None:
        order_id, price, size = int(row["order_id"]), int(row["price"]), int(row["size"])
        order = market.orders.get(order_id)
        if order is None:
            self.fault(market, "unknown_order", ts, dirty=True)
            self.put_order(market, row, snapshot)
            return
        count = order.filled == 0 and not snapshot
        self.restate(market, order_id, order, size, ts)
        side = -1 if row["side"] == b"A" else 1
        if (side, price) == (order.side, order.price):
            delta, order.size = size - order.size, size
            if count:
                market.near(side, market.depth(order), delta)
            return
        if count:
            self.flash(market, order_id, order, order.size, ts)
            market.near(order.side, market.depth(order), -order.size)
        order.side, order.price, order.size = side, price, size
        if count:
            market.near(side, market.depth(order), size)

    # Events.

    def own(self, market: Market, order_id: int) -> bool:
        """Is the order an aggressor of the open event?"""
        return order_id != 0 and any(a.order_id == order_id for a in market.event.aggressors)

    def trade(self, market: Market, row: Any, ts: int) -> None:
        event, order_id, price = market.event, int(row["order_id"]), int(row["price"])
        event.traded = True
        self.counts["trades"] += 1
        known = [a for a in event.aggressors if a.order_id == order_id]
        if order_id == 0:
            known = [a for a in event.aggressors[-1:] if a.order_id == 0]
        if known:
            aggressor = known[0]
            aggressor.levels += price != aggressor.price_last
        elif len(event.aggressors) == AGGRESSORS_MAX:
            event.overrun = True
            return
        else:
            side = {b"B": 1, b"A": -1}.get(row["side"], 0)
            kind = self.kind(market, order_id, side, ts)
            aggressor = Aggressor(order_id, kind, side, price, int(row["sequence"]))
            event.aggressors.append(aggressor)
        aggressor.size += int(row["size"])
        aggressor.price_last = price

    def kind(self, market: Market, order_id: int, side: int, ts: int) -> int:
        if side == 0:
            return AUCTION if order_id == 0 and not market.open_at(ts) else IMPLIED
        if order_id in market.orders:
            return MODIFIED_LIMIT
        others = market.event.aggressors
        return STOP if others and 0 < order_id < others[0].order_id else NEW

    def fill(self, market: Market, row: Any) -> None:
        event, order_id, size = market.event, int(row["order_id"]), int(row["size"])
        event.traded = True
        order = market.orders.get(order_id)
        if order is not None:
            order.filled = min(order.filled + size, U32_MAX)
        if self.own(market, order_id):
            return
        self.counts["orphan_fills"] += order is None
        if not event.aggressors:
            event.stray += size
            return
        event.aggressors[-1].filled += size
        if len(event.fills()) == FILLS_MAX:
            event.overrun = True
            return
        fill = {"order_id": order_id, "price": int(row["price"]), "size": size, "hidden": 0}
        fill |= {"whole": 0, "follows": 0}
        fill["hidden_total"] = order.hidden if order else 0
        fill["refills"] = order.refills if order else 0
        fill["side"] = order.side if order else {b"B": 1, b"A": -1}.get(row["side"], 0)
        event.aggressors[-1].fills.append(fill)

    def flash(self, market: Market, order_id: int, order: Order, size: int, ts: int) -> None:
        """Contracts of an order are withdrawn that may have been large and new."""
        if market.echoes[order.side].went(order_id, order, ts):
            market.sums["flash_bid" if order.side > 0 else "flash_ask"] += size

    def restate(self, market: Market, order_id: int, order: Order, shown: int, ts: int) -> None:
        """The exchange says what is displayed of a filled order: more than it had left is new."""
        if order.filled == 0:
            return
        hidden = shown - (order.size - order.filled)
        filled, order.filled = order.filled, 0
        if hidden <= 0 or self.own(market, order_id):
            if order.refills == 0:
                order.before = min(order.before + filled, U32_MAX)
                mine = [f for f in market.event.fills() if f["order_id"] == order_id]
                if shown == 0 and hidden == 0 and mine:
                    follows = market.echoes[order.side].filled_out(order_id, order, ts)
                    mine[-1] |= {"whole": order.before, "follows": follows}
            return
        self.counts["iceberg_orders"] += order.refills == 0
        self.counts["iceberg_refills"] += 1
        self.counts["hidden_size"] += hidden
        order.refills = min(order.refills + 1, REFILLS_MAX)
        order.hidden = min(order.hidden + hidden, U32_MAX)
        market.sums["hidden_bid" if order.side > 0 else "hidden_ask"] += hidden
        for aggressor in reversed(market.event.aggressors):
            for fill in reversed(aggressor.fills):
                if fill["order_id"] == order_id:
                    fill["hidden"] += hidden
                    fill["hidden_total"], fill["refills"] = order.hidden, order.refills
                    aggressor.hidden += hidden
                    aggressor.refills += 1
                    return

    def end_event(self, market: Market, ts: int) -> None:
        event, before = market.event, market.touch()
        self.counts["events"] += 1
        market.look(count_flow=not market.crossed())
        if market.crossed() and market.open_at(ts):
            self.fault(market, "crossed", ts, dirty=True)
        judged = [a for a in event.aggressors if a.kind not in (AUCTION, IMPLIED)]
        if event.stray or sum(a.size for a in judged) != sum(a.filled for a in judged):
            self.fault(market, "trade_fill_mismatch", ts, dirty=False)
        if event.overrun:
            self.fault(market, "event_overrun", ts, dirty=False)
        for aggressor in event.aggressors:
            self.execute(market, aggressor, ts, before)
        if any(a.kind != AUCTION for a in event.aggressors):
            market.last_trade = ts
        market.event = Event()

    def execute(self, market: Market, a: Aggressor, ts: int, before: dict[str, int]) -> None:
        if a.kind not in (AUCTION, IMPLIED):
            name = "buy" if a.side > 0 else "sell"
            market.sums[name] += a.size
            market.sums[name + "_count"] += 1
            market.sums["stop_" + name] += a.size if a.kind == STOP else 0
            market.sums["sweep_" + name] += a.size if a.levels >= 2 else 0
        self.counts["aggressors"] += 1
        if a.kind != AUCTION:
            self.counts["traded_size"] += a.size
            self.counts["swept_2"] += a.levels == 2
            self.counts["swept_3_or_more"] += a.levels >= 3
        self.counts["stops"] += a.kind == STOP
        self.counts["modified_limits"] += a.kind == MODIFIED_LIMIT
        rest = market.orders.get(a.order_id)
        self.put(
            market,
            EXECUTION,
            ts,
            side=a.side,
            aggressor=a.kind,
            sequence_first=a.sequence,
            order_id=a.order_id,
            size=a.size,
            hidden=a.hidden,
            resting=rest.size if rest else 0,
            levels=a.levels,
            refills=a.refills,
            price_first=a.price,
            price_last=a.price_last,
            fills=[dict(fill) for fill in a.fills],
            **dict(zip(BEFORE, (before[name] for name in TOUCH), strict=True)),
        )

    def put(self, market: Market, kind: int, ts: int, **own: Any) -> None:
        """Append a row: what every kind of row has, then what its own kind adds."""
        before = market.touch() if kind == FAULT else market.start
        now = ts - 1 if kind == PANE else ts  # A pane's end is exclusive.
        state = DIRTY * bool(market.dirty) | CROSSED * market.crossed()
        state |= LATE * (now < market.root.pane_end - NS_PER_S) | OPENED * market.open_at(now)
        row: dict[str, Any] = dict.fromkeys(EVAL_DTYPE.names or (), 0)
        row |= {name: market.sums[name] for name in SUMS} | market.touch()
        row |= dict(zip(BEFORE, (before[name] for name in TOUCH), strict=True))
        row |= {"kind": kind, "state": state, "ts_event": ts, "ts_recv": market.ts_recv}
        row |= {"root": market.root.index, "slot": market.slot, "sequence_last": market.sequence}
        row |= {"instrument_id": market.instrument_id, "fills": [], "depth": []}
        row |= {"ofi": list(market.ofi), "faults": list(market.faults)}
        del row["fill_first"], row["fill_stop"]
        self.rows.append(row | own)
        market.faults = [0] * FAULTS

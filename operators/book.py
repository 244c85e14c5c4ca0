"""Book: exact order books of a shard, and from them the evaluation rows.

In: `MboRows` with wire faults noted, and control items. Out: `Evaluations` in their place, `Gap`
messages where a book turned dirty or sound, and every other item unchanged.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from operators import book_checks, book_snapshot
from operators import book_kernel as kernel
from operators import book_state as state_of
from operators.book_config import BookConfig
from operators.book_head import COUNTERS
from operators.book_levels import Rest, best_of
from operators.book_state import Book as Columns
from operators.model.book_check import VERIFY, BookCheck, verify_of
from operators.model.controls import GAP, FeedGap, gap_of
from operators.model.evaluations import (
    DEPTH_DTYPE,
    DIRTY_NAMES,
    EVAL_DTYPE,
    FAULT,
    FAULTS,
    FILL_DTYPE,
)
from operators.model.items import (
    Control,
    Definition,
    Evaluations,
    Instrument,
    MarketStatus,
    MboRows,
    Report,
    Tick,
)
from operators.model.records import MBO_DTYPE, NS_PER_S
from operators.model.signals import Gap
from operators.model.streams import GAPS, Flowing, Message

_TRADING = 7
_NOT_CONTINUOUS = frozenset({1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 15})
"""DBN StatusAction values outside continuous trading."""
_OUTRIGHT = re.compile(r"[A-Z0-9]{1,6}[FGHJKMNQUVXZ]\d{1,2}")
"""Symbol of a future on CME Globex: product, month letter, one or two digits of the year. Spreads
join two of them, options add a space, class letter and strike."""
_FUTURE = "F"
"""DBN's instrument class of an outright future."""
_VERIFIED_NS = 86_400 * NS_PER_S
"""Time between two checks of a book: what one refutes may be wrong since the one before."""


class Book:
    """Orders, levels, open events and open panes of all instruments of one shard.

    A book is not to be trusted once a record does not fit, once a control says that data of its
    feed is missing, or once history refutes it (control `verify`): then what was under way is
    discarded, and rows are dirty until the book is cleared and, if a snapshot begins there, whole.
    A gap concerns the instruments that it names, also those that come only later, or all that are
    known by then. An instrument that comes later and was not named starts with an empty book, as
    one newly listed would.

    State: 32 bytes per resting order at 25–50 % fill of the table, 24 per level, about 2,000 per
    instrument; in a snapshot 24 per order. Of gaps, the instruments that are still to come. An
    instrument without an `Instrument` item before its
    first record becomes a root of its own.

    References:
        Databento, `mbo` schema; facts on events in `docs/semantics.md`.
    """

    STATE_VERSION: ClassVar[int] = 5

    def __init__(self, config: BookConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._roots: tuple[str, ...] = ()
        self._root_of: dict[str, int] = {}
        self._symbols: list[str] = []
        self._slot_of: dict[int, int] = {}
        self._feeds: list[str] = []
        self._awaited: dict[int, FeedGap] = {}
        """Instruments that a gap named before there was a record of them."""
        self._checks: list[BookCheck] | None = None
        """What the books hold, by slot, while nothing changes them; no part of the state."""
        self._columns: Columns = state_of.empty_book(config.levels_published)
        if state is not None:
            self._restore(state)
        # The head stays where it is; asking an array for its address costs more than a kernel call.
        self._head_at = self._columns.address

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of the shard in feed order → the same with records replaced by evaluations."""
        out: list[Flowing] = []
        for item in items:
            if isinstance(item, MboRows):
                self._on_rows(item, out)
                continue
            if isinstance(item, Tick):
                self._on_tick(item, out)
            elif isinstance(item, Instrument):
                self._assign(item.feed, item.instrument_id, item.root, item.symbol, out)
            elif isinstance(item, Control) and item.name == GAP:
                self._on_gap(item, out)
            elif isinstance(item, Control) and item.name == VERIFY:
                self._on_verify(item, out)
            elif isinstance(item, Definition):
                self._on_definition(item)
            elif isinstance(item, MarketStatus):
                self._on_status(item)
            out.append(item)
        return out

    def snapshot(self) -> dict[str, Any]:
        """Copied plain data: compact orders, open events, panes and names."""
        self._columns = book_snapshot.shrunk(self._columns)
        return {
            "names": self._roots,
            "symbols": tuple(self._symbols),
            "feeds": tuple(self._feeds),
            "awaited": tuple(
                (key, gap.reason, gap.from_ns, gap.to_ns) for key, gap in self._awaited.items()
            ),
            "roots": self._columns.roots[: len(self._roots)].copy(),
            **book_snapshot.pack(self._columns, np.array(list(self._slot_of), np.int64)),
        }

    def report(self) -> Report:
        """Totals of executions and the state of each book, prices in 1e-9."""
        facts: dict[str, Any] = {
            "aggressors" if name == "aggressors_seen" else name: self._columns.count(name)
            for name in COUNTERS
        }
        facts["instruments"] = {
            int(self._columns.instruments["instrument_id"][slot]): self._facts_of(slot)
            for slot in range(len(self._symbols))
        }
        return Report("book", facts)

    def depth(self, feed: str, instrument_id: int, levels: int) -> tuple[list[Rest], list[Rest]]:
        """Bids and asks as the last record left them, best first; empty if nothing is known."""
        number = self._feeds.index(feed) if feed in self._feeds else -1
        slot = self._slot_of.get(_key(number, instrument_id))
        if slot is None:
            return [], []
        sides, arena = self._columns.sides, self._columns.arena
        bids, asks = (best_of(sides[line], arena, levels) for line in (2 * slot, 2 * slot + 1))
        return bids, [(-key, *rest) for key, *rest in asks]  # type: ignore[misc]

    def _on_rows(self, item: MboRows, out: list[Flowing]) -> None:
        assert item.rows.dtype == MBO_DTYPE, "rows are market-by-order records"
        self._checks = None
        rows = np.ascontiguousarray(item.rows)
        faults = np.zeros(rows.size, np.uint16) if item.faults is None else item.faults
        faults = np.ascontiguousarray(faults, np.uint16)
        assert faults.size == rows.size, "faults are noted per row"
        feed = self._feed(item.feed)
        for first in range(0, rows.size, self._config.rows_max):
            stop = min(first + self._config.rows_max, rows.size)
            self._apply(rows[first:stop], faults[first:stop], feed, item, out)
        self._emit(item.feed, out)

    def _apply(
        self,
        rows: NDArray[np.void],
        faults: NDArray[np.uint16],
        feed: int,
        item: MboRows,
        out: list[Flowing],
    ) -> None:
        entries = self._columns.count("entries")
        if (entries + rows.size) * 10 > self._columns.orders.size * 7:
            self._columns = state_of.grow_orders(self._columns, rows.size)
        rows_at, faults_at = _address(rows), _address(faults)
        start = 0
        while True:
            why = kernel.apply_rows(self._head_at, feed, rows_at, faults_at, start, rows.size)
            if why == kernel.DONE:
                return
            start = self._columns.count("next_row")
            self._grow(why, rows[start], item, out)

    def _grow(self, why: int, row: np.void, item: MboRows, out: list[Flowing]) -> None:
        if why == kernel.NEED_INSTRUMENT:
            text = str(row["instrument_id"])
            self._assign(item.feed, int(row["instrument_id"]), text, text, out)
        elif why == kernel.NEED_LEVELS:
            self._columns = state_of.grow_levels(self._columns)
        elif why == kernel.NEED_EVENTS:
            self._columns = state_of.grow_events(self._columns)
        elif why == kernel.NEED_BOOKS:
            self._columns = state_of.grow_books(self._columns)
        else:
            self._emit(item.feed, out)

    def _on_tick(self, item: Tick, out: list[Flowing]) -> None:
        feed = self._feed(item.feed)
        root, roots = 0, len(self._roots)
        while root < roots:
            root = kernel.tick(self._head_at, feed, item.ts_event, root, roots)
            self._emit(item.feed, out)

    def _on_gap(self, item: Control, out: list[Flowing]) -> None:
        gap, feed = gap_of(item), self._feed(item.feed)
        if gap.instruments is None:
            slots = [slot for key, slot in self._slot_of.items() if key >> 32 == feed]
        else:
            keys = [_key(feed, instrument_id) for instrument_id in gap.instruments]
            slots = sorted(self._slot_of[key] for key in keys if key in self._slot_of)
            for key in keys:
                if key not in self._slot_of and len(self._awaited) < self._config.instruments_max:
                    self._awaited[key] = replace(gap, instruments=None)
        for slot in slots:
            self._distrust(slot, item.feed, gap, item.ts_event, out)

    def _on_verify(self, item: Control, out: list[Flowing]) -> None:
        """Compare a book that is trusted with what history says that it holds."""
        told = verify_of(item)
        if told is None:
            return
        instrument_id, check = told
        slot = self._slot_of.get(_key(self._feed(item.feed), instrument_id))
        if slot is None:
            return
        instrument = self._columns.instruments[slot]
        if instrument["dirty"] or instrument["in_snapshot"]:
            return
        if self._checks is None:
            # History tells all books at once: one pass over the orders serves them all.
            self._checks = book_checks.checks(self._columns)
        own = self._checks[slot] if slot < len(self._checks) else BookCheck()
        if own == check:
            return
        since_ns = item.ts_event - _VERIFIED_NS
        gap = FeedGap(reason="seam", from_ns=since_ns, to_ns=item.ts_event, instruments=None)
        self._distrust(slot, item.feed, gap, item.ts_event, out)

    def _distrust(
        self, slot: int, feed: str, gap: FeedGap, ts_event: int, out: list[Flowing]
    ) -> None:
        """From here on the instrument's book waits for a snapshot."""
        self._emit(feed, out)
        dirty = 1 + DIRTY_NAMES.index(gap.reason, FAULTS)
        why = kernel.distrust(self._head_at, slot, dirty, ts_event)
        assert why == kernel.DONE, "the output was just handed on"
        self._emit(feed, out, gap)

    def _on_definition(self, item: Definition) -> None:
        slot = self._slot_of.get(_key(self._feed(item.feed), item.instrument_id))
        if slot is not None:
            self._set_outright(slot, item.instrument_class == _FUTURE)

    def _set_outright(self, slot: int, outright: bool) -> None:
        """Whether it may be a front future. One that may no longer is none from here on."""
        self._columns.futures["outright"][slot] = outright
        roots = self._columns.roots
        root = self._columns.instruments["root"][slot]
        if not outright and roots["front"][root] == slot:
            roots["front"][root] = -1

    def _on_status(self, item: MarketStatus) -> None:
        slot = self._slot_of.get(_key(self._feed(item.feed), item.instrument_id))
        if slot is not None:
            if item.action == _TRADING:
                self._columns.instruments["halted"][slot] = 0
            elif item.action in _NOT_CONTINUOUS:
                self._columns.instruments["halted"][slot] = 1

    def _emit(self, feed: str, out: list[Flowing], missing: FeedGap | None = None) -> None:
        """Hand on what the kernel appended, as arrays of its own.

        Args:
            feed: Whose rows they are.
            out: Where to.
            missing: What they are about, if the source has said that data is missing.
        """
        columns, head = self._columns, self._columns.head
        size, fills = columns.count("out_rows"), columns.count("out_fills_rows")
        if not size:
            return
        depth = None
        if levels := columns.count("out_depth_rows"):
            depth = np.frombuffer(columns.out_depth[:levels].tobytes(), DEPTH_DTYPE)
        # By way of bytes: numpy copies structured arrays field by field, ten times slower.
        rows = np.frombuffer(columns.out[:size].tobytes(), EVAL_DTYPE)
        fill_rows = np.frombuffer(columns.out_fills[:fills].tobytes(), FILL_DTYPE)
        if columns.count("out_faults"):
            for index in np.flatnonzero(rows["kind"] == FAULT):
                gap = self._gap(rows[index], feed, missing)
                out.append(Message(GAPS, gap.root, 0, gap))
        head["out_rows"] = head["out_fills_rows"] = head["out_faults"] = 0
        head["out_depth_rows"] = 0
        out.append(Evaluations(feed, rows, fill_rows, self._roots, depth=depth))

    def _gap(self, row: np.void, feed: str, missing: FeedGap | None) -> Gap:
        dirty, sequence = int(row["aggressor"]), int(row["sequence_last"])
        symbol = self._symbols[row["slot"]]
        reason = DIRTY_NAMES[dirty - 1] if dirty else "snapshot"
        if missing is not None:
            text = f"{symbol}: data is missing after sequence {sequence} ({reason})"
        elif dirty:
            text = f"{symbol}: the book cannot be trusted since sequence {sequence} ({reason})"
        else:
            text = f"{symbol}: the book is whole again from sequence {sequence}"
        return Gap(
            root=self._roots[row["root"]],
            feed=feed,
            instrument_id=int(row["instrument_id"]),
            symbol=symbol,
            ts_event=int(row["ts_event"]),
            sequence=sequence,
            change="opened" if dirty else "closed",
            reason=reason,
            text=text,
            ts_from=None if missing is None else missing.from_ns,
            ts_to=None if missing is None else missing.to_ns,
        )

    def _feed(self, feed: str) -> int:
        if feed not in self._feeds:
            self._feeds.append(feed)
        return self._feeds.index(feed)

    def _assign(
        self, feed: str, instrument_id: int, root: str, symbol: str, out: list[Flowing]
    ) -> None:
        """Give an instrument its slot and root, or a known one a new symbol: roots are sticky."""
        key = _key(self._feed(feed), instrument_id)
        slot = self._slot_of.setdefault(key, len(self._symbols))
        if slot < len(self._symbols):
            if symbol != self._symbols[slot]:
                # Ids are reused: what another contract has traded does not count.
                self._symbols[slot] = symbol
                self._set_outright(slot, False)
                self._columns.futures["traded"][slot] = 0
                self._set_outright(slot, bool(_OUTRIGHT.fullmatch(symbol)))
            return
        assert slot < self._config.instruments_max, "more instruments than instruments_max"
        self._symbols.append(symbol)
        index = self._root(root, feed)
        self._columns = state_of.with_instrument(self._columns, key, instrument_id, index)
        self._set_outright(slot, bool(_OUTRIGHT.fullmatch(symbol)))
        if (gap := self._awaited.pop(key, None)) is not None:
            self._distrust(slot, feed, gap, gap.to_ns, out)

    def _root(self, root: str, feed: str) -> int:
        if root not in self._root_of:
            index = self._root_of[root] = len(self._roots)
            self._roots += (root,)
            if index == self._columns.roots.size:
                self._columns = state_of.grow_roots(self._columns)
            self._columns.roots["feed"][index] = self._feed(feed)
        return self._root_of[root]

    def _restore(self, state: dict[str, Any]) -> None:
        self._roots = state["names"]
        self._root_of = {name: index for index, name in enumerate(self._roots)}
        self._symbols = list(state["symbols"])
        self._slot_of = {int(key): slot for slot, key in enumerate(state["keys"])}
        self._feeds = list(state["feeds"])
        self._awaited = {
            key: FeedGap(reason=reason, from_ns=from_ns, to_ns=to_ns, instruments=None)
            for key, reason, from_ns, to_ns in state["awaited"]
        }
        levels = self._config.levels_published
        self._columns = book_snapshot.unpack(state, state["roots"], levels)

    def _facts_of(self, slot: int) -> dict[str, Any]:
        columns = self._columns
        instrument = columns.instruments[slot]
        return {
            "symbol": self._symbols[slot],
            "orders": int(instrument["orders"]),
            "bid_levels": int(columns.sides["levels"][2 * slot]),
            "ask_levels": int(columns.sides["levels"][2 * slot + 1]),
            "best_bid": self._best(2 * slot),
            "best_ask": self._best(2 * slot + 1),
            "unknown_orders": int(instrument["unknown"]),
            "last_sequence": int(instrument["last_sequence"]),
            "last_ts_recv": int(instrument["last_ts_recv"]),
        }

    def _best(self, line: int) -> int | None:
        side = self._columns.sides[line]
        if not side["levels"]:
            return None
        key = int(self._columns.arena["key"][side["first"] + side["levels"] - 1])
        return -key if line % 2 else key


def _key(feed: int, instrument_id: int) -> int:
    """Instruments of two feeds are two instruments."""
    return feed << 32 | instrument_id


def _address(array: NDArray[Any]) -> int:
    """Address of a contiguous array; as bytes, since a structured one describes its fields too."""
    return int(array.view(np.uint8).__array_interface__["data"][0])

"""Book: exact order books of a shard, and from them the evaluation rows.

In: `MboRows` with wire faults noted, and control items. Out: `Evaluations` in their place, `Gap`
messages where a book turned dirty or sound, and every other item unchanged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from operators import book_kernel as kernel
from operators import book_snapshot
from operators import book_state as state_of
from operators.book_head import COUNTERS
from operators.book_state import Book as Columns
from operators.model.evaluations import (
    DEPTH_DTYPE,
    EVAL_DTYPE,
    FAULT,
    FAULT_NAMES,
    FILL_DTYPE,
)
from operators.model.items import (
    Definition,
    Evaluations,
    Instrument,
    MarketStatus,
    MboRows,
    Report,
    Tick,
)
from operators.model.records import MBO_DTYPE
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
LEVELS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class BookConfig:
    """Bounds of the book."""

    rows_max: int = 8192
    """Records applied in one kernel call, at least 1: bounds how far tables are grown ahead."""
    instruments_max: int = 1_000_000
    """Instruments of one shard, at least 1 and at most 1,000,000."""
    levels_published: int = 20
    """Prices of each side of a root's front future that go out with its seconds, 0…100; 0 none."""

    def __post_init__(self) -> None:
        if self.rows_max < 1:
            raise ValueError(f"rows_max must be at least 1, was {self.rows_max}")
        if not 1 <= self.instruments_max <= 1_000_000:
            raise ValueError(
                f"instruments_max must be from 1 to 1000000, was {self.instruments_max}"
            )
        if not 0 <= self.levels_published <= LEVELS_MAX:
            raise ValueError(
                f"levels_published must be from 0 to {LEVELS_MAX}, was {self.levels_published}"
            )


class Book:
    """Orders, levels, open events and open panes of all instruments of one shard.

    State: 32 bytes per resting order at 25–50 % fill of the table, 24 per level, about 900 per
    instrument; in a snapshot 24 per order. An instrument without an `Instrument` item before its
    first record becomes a root of its own.

    References:
        Databento, `mbo` schema; facts on events in `docs/semantics.md`.
    """

    STATE_VERSION: ClassVar[int] = 2

    def __init__(self, config: BookConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._roots: tuple[str, ...] = ()
        self._root_of: dict[str, int] = {}
        self._symbols: list[str] = []
        self._slot_of: dict[int, int] = {}
        self._feeds: list[str] = []
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
                self._assign(item.feed, item.instrument_id, item.root, item.symbol)
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

    def _on_rows(self, item: MboRows, out: list[Flowing]) -> None:
        assert item.rows.dtype == MBO_DTYPE, "rows are market-by-order records"
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
            self._assign(item.feed, int(row["instrument_id"]), text, text)
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

    def _emit(self, feed: str, out: list[Flowing]) -> None:
        """Hand on what the kernel appended, as arrays of its own."""
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
                gap = self._gap(rows[index], feed)
                out.append(Message(GAPS, gap.root, 0, gap))
        head["out_rows"] = head["out_fills_rows"] = head["out_faults"] = 0
        head["out_depth_rows"] = 0
        out.append(Evaluations(feed, rows, fill_rows, self._roots, depth=depth))

    def _gap(self, row: np.void, feed: str) -> Gap:
        dirty = int(row["aggressor"])
        symbol = self._symbols[row["slot"]]
        reason = FAULT_NAMES[dirty - 1] if dirty else "snapshot"
        text = (
            f"{symbol}: the book cannot be trusted since sequence {row['sequence_last']} ({reason})"
            if dirty
            else f"{symbol}: the book is whole again from sequence {row['sequence_last']}"
        )
        return Gap(
            root=self._roots[row["root"]],
            feed=feed,
            instrument_id=int(row["instrument_id"]),
            symbol=symbol,
            ts_event=int(row["ts_event"]),
            sequence=int(row["sequence_last"]),
            change="opened" if dirty else "closed",
            reason=reason,
            text=text,
        )

    def _feed(self, feed: str) -> int:
        if feed not in self._feeds:
            self._feeds.append(feed)
        return self._feeds.index(feed)

    def _assign(self, feed: str, instrument_id: int, root: str, symbol: str) -> None:
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

"""Which root an instrument belongs to, and which shard carries it.

A root is what is judged together: futures of a product, their spreads and all their options. The
table learns from settings, symbol mappings, file headers and definitions; records are sent to the
shard of their instrument's root, and what is known of an instrument goes ahead of its first one.
"""

from dataclasses import astuple, dataclass, field
from typing import Any, ClassVar

import numpy as np

from connectors.databento.header import Header
from connectors.databento.messages import SymbolMapping
from connectors.root_rules import RootsConfig, root_assigned, root_defined, root_symbolised
from connectors.shard_table import ShardTable
from operators.model.errors import FeedError, StateError
from operators.model.items import (
    Control,
    Definition,
    Instrument,
    MarketStatus,
    MboRows,
    Statistic,
    Tick,
)
from operators.model.records import MboBatch
from operators.model.signals import Gap
from operators.model.streams import GAPS, Flowing, Message

Sharded = tuple[int, Flowing]
"""A shard and what goes to it."""

Routed = SymbolMapping | Definition | MarketStatus | Statistic | Tick | Control
"""What the table learns from or passes on, apart from records."""


@dataclass(slots=True)
class _Known:
    """What is known of one instrument."""

    symbol: str
    """The id as text while nothing names it."""
    subscription: str = ""
    root: str = ""
    origin: str = ""
    introduced: bool = False
    """Its `Instrument` item and first record have gone out: the root stays."""
    contradicted_by: str = ""
    """Root that something named later, already published."""
    definition: Definition | None = None
    """This and the next two: the newest, kept back until the first record."""
    status: MarketStatus | None = None
    statistics: dict[int, Statistic] = field(default_factory=dict)


class RootTable:
    """Roots and shards of one feed's instruments. State: about 300 bytes each, in plain data.

    The root of an instrument is, in this order: what the settings assign to its subscription or
    symbol; what its definition says; what its symbol says; a root of its own, named by the id.
    Once a record has gone out it stays, and what contradicts it is published as a gap, reason
    `reassigned`. Only when the id gets another symbol it is another instrument, and may move.
    """

    STATE_VERSION: ClassVar[int] = 1

    def __init__(self, feed: str, config: RootsConfig, state: dict[str, Any] | None = None) -> None:
        self._feed = feed
        self._config = config
        self._known: dict[int, _Known] = {}
        self._table = ShardTable(config.shards)
        self._symbols: dict[int, str] = {}
        self._changes: list[tuple[int, int, str]] = []
        self._changed_until_ns = -1
        self.unknown_roots = 0
        """Instruments that got a root of their own because nothing named one."""
        self.reassigned = 0
        """Instruments whose root was contradicted, or changed, after their first record."""
        self.superseded = 0
        """Definitions, states and statistics replaced by newer ones before the first record."""
        if state is not None:
            self._restore(state)

    def on_header(self, header: Header, *, resumed: bool = False) -> list[Sharded]:
        """Learn the mappings of a file; `Instrument` items of those that it renames.

        Args:
            header: of the file whose records follow.
            resumed: the snapshot this table was restored from was taken after this header.
        """
        names: dict[int, list[tuple[int, int, str]]] = {}
        for each in sorted(header.intervals, key=lambda interval: interval.start_ns):
            changes = names.setdefault(each.instrument_id, [])
            if not changes or changes[-1][2] != each.symbol:
                changes.append((each.start_ns, each.instrument_id, each.symbol))
        self._symbols = {each: changes[0][2] for each, changes in names.items()}
        self._changes = sorted(one for changes in names.values() for one in changes[1:])
        if resumed:
            self._take_changes(self._changed_until_ns)
            return []
        self._changed_until_ns = -1
        return self._rename([names[each][0] for each in self._known if each in names])

    def on_item(self, item: Routed) -> list[Sharded]:
        """The item with its shard; every shard for what concerns all.

        What concerns an instrument without a record so far is kept until there is one.
        """
        if isinstance(item, Tick | Control):
            return [(shard, item) for shard in range(self._config.shards)]
        known = self._known.get(item.instrument_id) or self._learn(item.instrument_id)
        if isinstance(item, SymbolMapping):
            return self._on_mapping(item, known)
        out = self._on_definition(item, known) if isinstance(item, Definition) else []
        if known.introduced:
            return [*out, (self._config.shard(known.root), item)]
        self._keep(item, known)
        return out

    def on_rows(self, rows: MboBatch) -> list[Sharded]:
        """Split records by shard, in shard order, and introduce the instruments new among them.

        Args:
            rows: shape (n,), MBO_DTYPE, read-only.

        Returns:
            `Instrument` of each new instrument and what was kept for it, then `MboRows`.
        """
        out: list[Sharded] = []
        while self._changes:
            ts_ns = self._changes[0][0]
            later = np.flatnonzero(rows["ts_recv"] >= np.uint64(ts_ns))
            if later.size == 0:
                break
            out += self._split(rows[: later[0]])
            out += self._rename(self._take_changes(ts_ns))
            rows = rows[later[0] :]
        return out + self._split(rows)

    def snapshot(self) -> dict[str, Any]:
        """Copy of what was learnt, but for the header's mappings: those are read again."""
        return {
            "version": self.STATE_VERSION,
            "changed_until_ns": self._changed_until_ns,
            "counts": (self.unknown_roots, self.reassigned, self.superseded),
            "known": tuple((each, _plain(known)) for each, known in self._known.items()),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        if state["version"] != self.STATE_VERSION:
            found = f"root table has version {state['version']}, expected {self.STATE_VERSION}"
            raise StateError(f"feed {self._feed}: {found}; start with a fresh recovery store")
        self._changed_until_ns = state["changed_until_ns"]
        self.unknown_roots, self.reassigned, self.superseded = state["counts"]
        for instrument_id, plain in state["known"]:
            self._known[instrument_id] = known = _from_plain(plain)
            if not known.root:
                known.root, known.origin = self._decide(instrument_id, known, known.definition)
            if known.introduced:
                self._table.enter(instrument_id, self._config.shard(known.root))

    def _split(self, rows: MboBatch) -> list[Sharded]:
        out: list[Sharded] = []
        parts = self._table.split(rows, lambda each, ts: out.extend(self._introduce(each, ts)))
        out += [(shard, MboRows(self._feed, part)) for shard, part in parts]
        return out

    def _introduce(self, instrument_id: int, ts_event: int) -> list[Sharded]:
        """`Instrument` and everything kept for it, ahead of its first record."""
        known = self._known.get(instrument_id) or self._learn(instrument_id)
        known.introduced = True
        self.unknown_roots += known.origin == "unknown"
        shard = self._config.shard(known.root)
        self._table.enter(instrument_id, shard)
        kept = (known.definition, known.status, *known.statistics.values())
        known.definition, known.status, known.statistics = None, None, {}
        first = self._instrument(instrument_id, known, ts_event)
        return [first, *((shard, item) for item in kept if item is not None)]

    def _learn(self, instrument_id: int) -> _Known:
        if len(self._known) >= self._config.instruments_max:
            bound = f"expected at most {self._config.instruments_max} instruments"
            raise FeedError(f"feed {self._feed}: {bound}, found one more: {instrument_id}")
        known = _Known(self._symbols.get(instrument_id, str(instrument_id)))
        known.root, known.origin = self._decide(instrument_id, known, None)
        self._known[instrument_id] = known
        return known

    def _decide(
        self, instrument_id: int, known: _Known, definition: Definition | None
    ) -> tuple[str, str]:
        """Root and origin from the best of what is known."""
        root = root_assigned(self._config, (known.subscription, known.symbol))
        if root is not None:
            return root, "setting"
        if definition is not None:
            root = root_defined(self._config, definition)
            if root is not None:
                return root, "definition"
        root = root_symbolised(self._config, known.symbol)
        if root is None:
            return str(instrument_id), "unknown"
        mapped = known.subscription or instrument_id in self._symbols
        return root, "mapping" if mapped else "symbol"

    def _on_mapping(self, mapping: SymbolMapping, known: _Known) -> list[Sharded]:
        """Take the raw symbol, or the subscription where only that is a name."""
        names = [name for name in (mapping.symbol, mapping.subscription) if not _is_id(name)]
        if not names:
            return []
        if not known.introduced:
            known.subscription = mapping.subscription
        elif known.symbol == names[0]:
            return []
        return self._rename([(mapping.ts_event, mapping.instrument_id, names[0])])

    def _on_definition(self, item: Definition, known: _Known) -> list[Sharded]:
        """Take the root from the definition, or publish that it contradicts the one in use."""
        renamed = item.symbol not in ("", known.symbol)
        known.symbol = item.symbol or known.symbol
        if not known.introduced:
            known.root, known.origin = self._decide(item.instrument_id, known, item)
            return []
        out: list[Sharded] = []
        if renamed:
            out.append(self._instrument(item.instrument_id, known, item.ts_event))
        # A setting is the user's will: only another setting can contradict it.
        if known.origin != "setting" or item.asset in self._config.products:
            root = root_defined(self._config, item) or known.root
            out += self._contradict(item.instrument_id, known, root, item.ts_event)
        return out

    def _rename(self, names: list[tuple[int, int, str]]) -> list[Sharded]:
        """Give instruments new symbols, (ts, id, symbol) each; announce those with records."""
        out: list[Sharded] = []
        for ts_event, instrument_id, symbol in names:
            known = self._known.get(instrument_id)
            if known is None or (known.introduced and known.symbol == symbol):
                continue
            was_named = not _is_id(known.symbol)
            known.symbol = symbol
            root, origin = self._decide(instrument_id, known, known.definition)
            if not known.introduced:
                known.root, known.origin = root, origin
                continue
            out += self._contradict(instrument_id, known, root, ts_event)
            if was_named:
                # Ids are reused: another name means another instrument, not a correction.
                known.root, known.origin, known.contradicted_by = root, origin, ""
                self._table.enter(instrument_id, self._config.shard(root))
            out.append(self._instrument(instrument_id, known, ts_event))
        return out

    def _contradict(
        self, instrument_id: int, known: _Known, root: str, ts_event: int
    ) -> list[Sharded]:
        """Gap on the root in use, once for each other root that is named."""
        if root in (known.root, known.contradicted_by):
            return []
        known.contradicted_by = root
        self.reassigned += 1
        name = f"instrument {instrument_id} ({known.symbol})"
        gap = Gap(
            root=known.root,
            feed=self._feed,
            instrument_id=instrument_id,
            symbol=known.symbol,
            ts_event=ts_event,
            sequence=0,
            change="opened",
            reason="reassigned",
            text=f"{name} belongs to root {root} by what came later",
        )
        return [(self._config.shard(known.root), Message(GAPS, known.root, 0, gap))]

    def _instrument(self, instrument_id: int, known: _Known, ts_event: int) -> Sharded:
        facts = (known.symbol, known.root, known.origin, ts_event)
        return self._config.shard(known.root), Instrument(self._feed, instrument_id, *facts)

    def _keep(self, item: Definition | MarketStatus | Statistic, known: _Known) -> None:
        if isinstance(item, Definition):
            self.superseded += known.definition is not None
            known.definition = item
        elif isinstance(item, MarketStatus):
            self.superseded += known.status is not None
            known.status = item
        else:
            self.superseded += item.stat_type in known.statistics
            known.statistics[item.stat_type] = item

    def _take_changes(self, until_ns: int) -> list[tuple[int, int, str]]:
        """Symbols that change up to `until_ns`; from now on they have changed."""
        due = [change for change in self._changes if change[0] <= until_ns]
        self._changes = self._changes[len(due) :]
        self._changed_until_ns = until_ns
        self._symbols.update((instrument_id, symbol) for _, instrument_id, symbol in due)
        return due


def reintroduced(state: dict[str, Any]) -> dict[str, Any]:
    """A snapshot of a `RootTable` that decides on roots, and introduces instruments, once more.

    For steps that have forgotten them, or that work by other roots.
    """
    known = [(each, _from_plain(plain)) for each, plain in state["known"]]
    for _, one in known:
        one.root, one.origin, one.introduced, one.contradicted_by = "", "", False, ""
    return {**state, "known": tuple((each, _plain(one)) for each, one in known)}


def _is_id(name: str) -> bool:
    return not name or name.isdigit()


def _plain(known: _Known) -> tuple[Any, ...]:
    kept = [each and astuple(each) for each in (known.definition, known.status)]
    statistics = tuple(astuple(each) for each in known.statistics.values())
    return (
        *(known.symbol, known.subscription, known.root, known.origin),
        *(known.introduced, known.contradicted_by, *kept, statistics),
    )


def _from_plain(plain: tuple[Any, ...]) -> _Known:
    *facts, definition, status, statistics = plain
    known = _Known(*facts)
    known.definition = definition and Definition(*definition)
    known.status = status and MarketStatus(*status)
    known.statistics = {each[3]: Statistic(*each) for each in statistics}
    return known

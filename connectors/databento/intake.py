"""The end of a feed's path: new records get their ticks, go on the tape and only then into shards.

Live records, history and the tape itself come in here; what goes out depends on their order alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from connectors.databento.books_seam import BooksDelivered
from connectors.databento.header import Header
from connectors.databento.live_config import is_continuous
from connectors.databento.messages import (
    CONTROL_PREFIX,
    NAMES,
    Notice,
    Rare,
    Skipped,
    SymbolMapping,
    system_record,
    tick_record,
)
from connectors.databento.positions import Positions
from connectors.databento.ticks import TickMaker
from connectors.databento.week import ClosedHours, Week
from connectors.root_rules import RootsConfig
from connectors.roots import RootTable, Sharded
from connectors.tape.tape import Tape
from connectors.tape.writer import TapeFull
from operators.model.calibration_record import CALIBRATION, completed_by
from operators.model.controls import DELAYED, FeedGap, delayed_of, gap_controls
from operators.model.errors import StateError
from operators.model.items import Control, Definition, MarketStatus, Statistic, Tick
from operators.model.records import (
    F_SNAPSHOT,
    RTYPE_DEFINITION,
    RTYPE_STATISTICS,
    RTYPE_STATUS,
    MboBatch,
)

REPLAY_BEGAN: Final = "ifd replay began"
REPLAY_ENDED: Final = "ifd replay ended"
SNAPSHOT_OWED: Final = "ifd snapshot owed "
"""Followed by the reason. These four are system records on the tape; they go no further."""
SNAPSHOT_WHOLE: Final = "ifd snapshot whole"
FIRST: Final = "first"
"""Reason of the snapshot that a feed begins with: nothing is missing."""

_POSITIONED: Final[dict[type, int]] = {
    Definition: RTYPE_DEFINITION,
    MarketStatus: RTYPE_STATUS,
    Statistic: RTYPE_STATISTICS,
}

_Held = tuple[bytes | memoryview, MboBatch | Rare]
"""Bytes for the tape, and what they are."""


@dataclass(frozen=True, slots=True)
class IntakeConfig:
    """What a feed's records are turned into."""

    feed: str
    grace_ns: int
    """Ticks trail the feed's time by so much."""
    roots: RootsConfig
    week: Week


@dataclass(slots=True)
class IntakeCounts:
    """What has gone out, or no further, since the feed's first start."""

    records: int = 0
    """Market-by-order records."""
    others: dict[str, int] = field(default_factory=dict)
    """Name of the record type, or of what became of it → other records."""

    def add(self, name: str, count: int = 1) -> None:
        """Count others."""
        self.others[name] = self.others.get(name, 0) + count


class Intake:
    """One feed's end of path. State: positions, clock, root table, mappings, counts, marks.

    What comes in is held until `flush` has it on the tape. On a full disk it stays held, and
    nothing more may be handed in.
    """

    STATE_VERSION: ClassVar[int] = 2

    def __init__(
        self, config: IntakeConfig, tape: Tape | None, state: dict[str, Any] | None = None
    ) -> None:
        """Begin with nothing, or where `state` was taken by `snapshot`.

        Raises:
            StateError: `state` is of another version.
        """
        self.feed = config.feed
        self._grace_ns = config.grace_ns
        self._tape = tape
        self._held: list[_Held] = []
        self._held_rows = 0
        if state is not None and state["version"] != self.STATE_VERSION:
            found = f"state has version {state['version']}, expected {self.STATE_VERSION}"
            raise StateError(f"feed {self.feed}: {found}; start with a fresh recovery store")
        of = state or {}
        self.positions = Positions(of.get("positions"), feed=config.feed)
        self.books = BooksDelivered(of.get("books", ()))
        self.ticks = TickMaker(config.feed, config.grace_ns, of.get("ticks"))
        self.table = RootTable(config.feed, config.roots, of.get("roots"))
        self.hours = ClosedHours(config.week)
        self.owed: str | None = of.get("owed")
        """Why a snapshot is owed, or under way; empty if none is; None before the first start."""
        self.delayed: bool = of.get("delayed", False)
        """What goes out is marked as coming from history."""
        self.calibration: str = of.get("calibration", "")
        """Version of the table of `p_move` that went out last; empty: none did."""
        records, others = of.get("counts", (0, {}))
        self.counts = IntakeCounts(records, dict(others))
        self._mapped: dict[int, tuple[str, str]] = dict(of.get("mapped", ()))
        self._rolling = {
            asked: each for each, (asked, _) in self._mapped.items() if is_continuous(asked)
        }
        self._ticks_before = self.ticks.snapshot()

    @property
    def is_blocked(self) -> bool:
        """The disk took nothing of what is held; `flush` tries again."""
        return bool(self._held)

    @property
    def held_rows(self) -> int:
        """Market-by-order records that are held."""
        return self._held_rows

    def rows(self, rows: MboBatch) -> None:
        """New market-by-order records, shape (n,), MBO_DTYPE, read-only."""
        for part in self.ticks.cut(self.hours.accept(rows)):
            if isinstance(part, Tick):
                self._hold(part, tick_record(part.ts_event))
            else:
                self._held.append((part.view(np.uint8).data, part))
                self._held_rows += part.size

    def item(self, item: Rare, raw: bytes) -> bool:
        """Any other new record and its bytes; whether a continuous contract became another one."""
        if isinstance(item, SymbolMapping):
            return self._mapping(item, raw)
        if isinstance(item, Notice | Skipped):
            self.counts.add(str(item.name))
        else:
            self._hold(item, raw)
        return False

    def clock(self, ts_ns: int) -> None:
        """A reading of the gateway's clock. Never while a replay is under way."""
        tick = self.ticks.on_clock(ts_ns)
        if tick is not None:
            self._hold(tick, tick_record(tick.ts_event))

    def gap(self, reason: str, to_ns: int, instruments: tuple[int, ...] | None = None) -> None:
        """Data is missing from the newest record on to `to_ns`."""
        from_ns = max(self.positions.newest_ns, *map(_newest_of, self._held), 0)
        gap = FeedGap(reason=reason, from_ns=from_ns, to_ns=to_ns, instruments=instruments)
        for control in gap_controls(self.feed, to_ns, gap):
            self.control(control)

    def control(self, control: Control) -> None:
        """A control record, in its place."""
        text = f"{CONTROL_PREFIX}{control.name} {control.value}"
        self._hold(control, system_record(control.ts_event, text))

    def mark(self, text: str) -> None:
        """One of the four marks, so that a reader of the tape knows what was under way."""
        self._take_mark(text)
        notice = Notice("system", self.ticks.clock_ns, text, 255)
        self._hold(notice, system_record(notice.ts_event, text))

    def flush(self) -> list[Sharded]:
        """Write what is held to the tape, then give it out; nothing if the disk is full."""
        if not self._held:
            return []
        if self._tape is not None:
            data = [raw for raw, _ in self._held]
            try:
                self._tape.append(data[0] if len(data) == 1 else b"".join(data))
            except TapeFull:
                return []
        held, self._held, self._held_rows = self._held, [], 0
        self._ticks_before = self.ticks.snapshot()
        out: list[Sharded] = []
        for raw, item in held:
            out += self._deliver(item, raw)
        return out

    def again(self, recorded: Iterable[tuple[Any, Any]]) -> list[Sharded]:
        """What stood on the tape behind the state, each with its position: given out once more."""
        out: list[Sharded] = []
        for _, piece in recorded:
            if isinstance(piece, Header):
                continue
            item, raw = piece if isinstance(piece, tuple) else (piece, b"")
            if isinstance(item, np.ndarray):
                # The ticks among them are on the tape, too; this moves the clock.
                self.ticks.cut(item)
            elif isinstance(item, Tick):
                self.ticks.on_clock(item.ts_event + self._grace_ns)
            elif isinstance(item, SymbolMapping):
                self._know(item)
            elif isinstance(item, Notice):
                self._take_mark(item.text)
            out += self._deliver(item, raw)
        self._ticks_before = self.ticks.snapshot()
        return out

    def snapshot(self) -> dict[str, Any]:
        """Plain copy of the state after what was given out last."""
        return {
            "version": self.STATE_VERSION,
            "positions": self.positions.snapshot(),
            "books": self.books.snapshot(),
            # What is held has moved the clock, and will come again.
            "ticks": self._ticks_before,
            "roots": self.table.snapshot(),
            "owed": self.owed,
            "delayed": self.delayed,
            "calibration": self.calibration,
            "counts": (self.counts.records, dict(self.counts.others)),
            "mapped": tuple(self._mapped.items()),
        }

    def _hold(self, item: Rare, raw: bytes) -> None:
        self._held.append((raw, item))

    def _deliver(self, item: MboBatch | Rare, raw: bytes | memoryview) -> list[Sharded]:
        if isinstance(item, np.ndarray):
            self.positions.note(item)
            self.books.note(item)
            self.counts.records += item.size
            return self.table.on_rows(item)
        if isinstance(item, Notice | Skipped):
            return []
        rtype = _POSITIONED.get(type(item))
        if rtype is not None and not isinstance(item, Tick | Control):
            self.positions.note_rare(rtype, item.instrument_id, item.ts_event, bytes(raw))
        if isinstance(item, Control) and item.name == DELAYED:
            self.delayed = delayed_of(item)
        if isinstance(item, Control) and item.name == CALIBRATION:
            self.calibration = completed_by(item) or self.calibration
        self.counts.add(NAMES[type(item)])
        return self.table.on_item(item)

    def _mapping(self, item: SymbolMapping, raw: bytes) -> bool:
        """Hold a mapping that says something new; every session says them all."""
        if self._mapped.get(item.instrument_id) == (item.subscription, item.symbol):
            self.counts.add("mapping-repeated")
            return False
        known = self._rolling.get(item.subscription, item.instrument_id)
        self._know(item)
        self._hold(item, raw)
        return known != item.instrument_id

    def _know(self, item: SymbolMapping) -> None:
        self._mapped[item.instrument_id] = item.subscription, item.symbol
        if is_continuous(item.subscription):
            self._rolling[item.subscription] = item.instrument_id

    def _take_mark(self, text: str) -> None:
        if text == REPLAY_BEGAN:
            self.positions.replay_began()
            self.owed = self.owed or ""
        elif text == REPLAY_ENDED:
            self.positions.replay_ended()
        elif text == SNAPSHOT_WHOLE:
            self.owed = ""
        elif text.startswith(SNAPSHOT_OWED):
            self.owed = text.removeprefix(SNAPSHOT_OWED)


def _newest_of(held: _Held) -> int:
    """Newest ts_event of market-by-order records that are no snapshot's; 0 without."""
    rows = held[1]
    if not isinstance(rows, np.ndarray):
        return 0
    ts = rows["ts_event"][(rows["flags"] & F_SNAPSHOT) == 0]
    return int(ts.max()) if ts.size else 0

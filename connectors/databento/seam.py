"""The seam between what was delivered before a cut and the replay that follows it."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from connectors.databento import seam_kernel as kernel
from connectors.databento.positions import Positions, RareKey, as_words, rare_chained
from connectors.databento.positions_kernel import CHANNEL_SLOTS, COUNT, KEY, TS, enter
from operators.model.records import RTYPE_SYMBOL_MAPPING, TS_UNDEF, MboBatch

_BROKEN_KEPT: Final = 64
_FAULTS: Final = {
    kernel.FEWER: "expected {missing} more records at its position",
    kernel.OTHER: "expected the records delivered at its position, found others",
    kernel.BEHIND: "expected nothing older after its position, found a record that is",
}


class Seam:
    """Drops from a replay what was delivered before, and says whether the two fit.

    Asked for with an inclusive `start`, a replay repeats records already delivered, and may order
    instruments differently. Each instrument has its position: P the newest ts_event delivered, N
    the records since the first one at P, H their hash. Of its records, those before the first at
    P and the N from there on are dropped; the rest goes on, equal records among them included.

    Proven, for every instrument with P at or after `start`: that the replay holds its N records
    with hash H, so that what follows them is what followed in the market. Also that the replay
    reaches back to `start`, or 64 anchors if that is later: it began no later than the first
    instant from there on at which a record is known to have been delivered.

    Assumed: that the order of records within an instrument is the market's, before the cut and in
    the replay; that of an instrument with P before `start` nothing between P and `start` was
    missing (`Positions.resume_ns` says why). The last is watched: a missing record is one that lies
    before the newest of its channel, and how far is the channel's disorder. If one turns up in the
    older half of its channel's window (from `start` to its newest record), others may lie before
    the window: then `short` is true, and the replay should be asked for again with twice the
    margin. New records of a quiet instrument lie after the newest of its channel, however old its
    own position, and cannot look like that.

    A snapshot's records pass untouched. What is in it and is replayed, of an instrument of which
    nothing else has been delivered since, is dropped by ts_recv.
    """

    def __init__(self, positions: Positions, start_ns: int) -> None:
        """A copy of `positions` as they are now, and the ts_event the replay was asked from."""
        positions.replay_began()
        self._positions = positions
        self._start_ns = start_ns
        self._table = positions.table()
        self._runs = np.zeros(self._table.shape[0], np.uint64)
        placed = self._table[:, COUNT] != 0
        self._table[~placed, COUNT] = kernel.FLOORED
        expected = placed & (self._table[:, TS] >= np.uint64(start_ns))
        self._channels = _windows(positions.channels(), start_ns)
        self._tallies = np.zeros(kernel.TALLIES, np.uint64)
        self._tallies[kernel.PENDING] = expected.sum()
        self._tallies[kernel.FIRST] = TS_UNDEF
        self._broken = np.zeros((_BROKEN_KEPT, 3), np.uint64)
        self._keep = np.empty(0, np.bool_)
        self._rare = positions.rare()
        self._rare_repeated: dict[RareKey, tuple[int, int]] = {}
        self._rare_pending = {key for key, each in self._rare.items() if each[0] >= start_ns}
        self._rare_faults: list[tuple[int, str]] = []
        self._anchor_ns = next((ts for ts in positions.anchors() if ts >= start_ns), None)
        nothing = positions.newest_ns == 0 and not self._rare
        self._provable = nothing or self._anchor_ns is not None or bool(self._rare_pending)
        self._closed = False
        self._closing = ""
        self.assumed = int(placed.sum() - expected.sum())
        """Instruments whose position lies before `start`."""
        self.rare_repeated = 0
        """Rarer records dropped."""

    @property
    def state(self) -> Literal["open", "proven", "broken"]:
        """Whether replay and deliveries fit: `open` while that is not known."""
        if self.reason:
            return "broken"
        return "proven" if self._is_whole() else "open"

    @property
    def reason(self) -> str:
        """Why it is broken, in one line; empty if it is not."""
        count = int(self._tallies[kernel.BROKEN]) + len(self._rare_faults)
        if count == 0:
            return self._closing
        more = f" (and {count - 1} more)" if count > 1 else ""
        if self._rare_faults:
            return self._rare_faults[0][1] + more
        instrument_id, fault, missing = (int(each) for each in self._broken[0])
        return f"instrument {instrument_id}: {_FAULTS[fault].format(missing=missing)}{more}"

    @property
    def broken_instruments(self) -> tuple[int, ...] | None:
        """Instruments that did not fit; None if it is not known which, or they are too many."""
        count = int(self._tallies[kernel.BROKEN])
        if count > _BROKEN_KEPT or (self._closing and not self._missing()):
            return None
        found = {int(each) for each in self._broken[:count, 0]}
        found |= {instrument_id for instrument_id, _ in self._rare_faults}
        if self._closing:
            found |= set(self._missing())
        return tuple(sorted(found))

    @property
    def short(self) -> bool:
        """A missing record lay so far back that others may lie before the replay."""
        return bool(self._tallies[kernel.SHORT])

    @property
    def disorder_ns(self) -> int:
        """How far before the newest of its channel a missing record lay, at most."""
        return int(self._tallies[kernel.DISORDER])

    @property
    def repeated(self) -> int:
        """Records dropped because they had been delivered."""
        return int(self._tallies[kernel.REPEATED])

    def accept(self, rows: MboBatch) -> MboBatch:
        """The records that were not delivered before, in their order, read-only.

        Of an instrument that does not fit, everything from there on is among them: whoever reads
        on has to tell that its book is not to be trusted.

        Args:
            rows: shape (n,), MBO_DTYPE, read-only: the next ones of the replay, or of what
                follows it.
        """
        if self._closed:
            return rows
        if self._keep.size < rows.size:
            self._keep = np.empty(rows.size, np.bool_)
        tables = (self._table, self._runs, self._channels, self._tallies, self._broken, self._keep)
        kept = kernel.accept(as_words(rows), np.uint64(self._start_ns), *tables)
        if kept == rows.size:
            return rows
        passed = rows[self._keep[: rows.size]]
        passed.flags.writeable = False
        return passed

    def accept_rare(self, rtype: int, instrument_id: int, ts_event: int, raw: bytes) -> bool:
        """Whether this definition, status or statistic was not delivered before.

        Symbol mappings always pass, and so does what is older than the replay: both say again what
        is so, which may be heard twice.
        """
        key = (rtype, instrument_id)
        known = self._rare.get(key)
        if (
            self._closed
            or known is None
            or rtype == RTYPE_SYMBOL_MAPPING
            or ts_event < self._start_ns
        ):
            return True
        position_ns, count, chain = known
        seen, run = self._rare_repeated.get(key, (0, 0))
        if ts_event > position_ns:
            if seen or position_ns >= self._start_ns:
                self._on_rare_fault(key, kernel.FEWER, count - seen)
            del self._rare[key]
            return True
        if seen or ts_event == position_ns:
            seen, run = seen + 1, rare_chained(run, rtype, raw)
            self._rare_repeated[key] = seen, run
            if seen == count:
                del self._rare[key]
                self._rare_pending.discard(key)
                if run != chain:
                    self._on_rare_fault(key, kernel.OTHER, 0)
        self.rare_repeated += 1
        return False

    def close(self) -> None:
        """The replay is complete: what it has not shown by now it does not hold.

        What comes from here on is new and passes.
        """
        self._closed = True
        if self._is_whole():
            if not self.reason:
                self._positions.replay_ended()
            return
        missing = self._missing()
        first_ns = int(self._tallies[kernel.FIRST])
        if missing:
            lacks = f"instrument {missing[0]}: expected the records delivered at its position"
            self._closing = f"{lacks}, found none ({len(missing)} such instruments)"
        elif not self._provable:
            self._closing = f"nothing delivered lies at or after the start {self._start_ns}"
        else:
            found = "nothing" if first_ns == TS_UNDEF else f"{first_ns} as its first"
            self._closing = f"expected a replay from {self._anchor_ns} or before, found {found}"

    def _is_whole(self) -> bool:
        """Whether every position has been found, and the replay began early enough."""
        if not self._provable or self._rare_pending or self._tallies[kernel.PENDING] != 0:
            return False
        return self._anchor_ns is None or int(self._tallies[kernel.FIRST]) <= self._anchor_ns

    def _missing(self) -> list[int]:
        """Instruments whose records at the position have not all been replayed."""
        table = self._table
        wanted = (table[:, COUNT] & ~kernel.FLOORED != 0) & (table[:, TS] >= self._start_ns)
        found = table[wanted & (table[:, KEY] != 0), KEY]
        return sorted({int(key) - 1 for key in found} | {each for _, each in self._rare_pending})

    def _on_rare_fault(self, key: RareKey, fault: int, missing: int) -> None:
        rtype, instrument_id = key
        self._rare_pending.discard(key)
        text = _FAULTS[fault].format(missing=missing)
        fault_text = f"instrument {instrument_id}, record type {rtype}: {text}"
        if len(self._rare_faults) < _BROKEN_KEPT:
            self._rare_faults.append((instrument_id, fault_text))


def _windows(channels: list[tuple[int, int]], start_ns: int) -> NDArray[np.uint64]:
    """Shape (CHANNEL_SLOTS, 3): key, newest delivered, the middle between `start_ns` and it."""
    rows = [
        (key, newest, start_ns + (newest - start_ns) // 2 if newest > start_ns else 0)
        for key, newest in channels
    ]
    table = np.zeros((CHANNEL_SLOTS, 3), np.uint64)
    if rows:
        enter(np.array(rows, np.uint64), table)
    return table

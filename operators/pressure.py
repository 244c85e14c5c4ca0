"""Pressure: rolling windows and quality at every evaluation row.

In: `Evaluations` from the book. Out: the same with `windows`, `mids2` and `quality`; one message of
the pressure stream per root and second, and every other item unchanged.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from operators import pressure_kernel as kernel
from operators import pressure_snapshot
from operators.model.evaluations import EVAL_DTYPE, FAULT_NAMES, FAULTS
from operators.model.items import Evaluations, Instrument, Report, Tick
from operators.model.signals import Quality
from operators.model.streams import Flowing
from operators.pressure_config import PressureConfig
from operators.pressure_seconds import Second, gather, message_of

_SLOTS_MIN = 64
_ENTRIES_MIN = 1024
_LONGEST = kernel.WINDOWS - 1
_WORDS = EVAL_DTYPE.itemsize // 8
_KEPT_FIELDS = (
    *("pane", "records", "score", "counted", "root", "instrument_id", "known", "dirty", "faulty"),
    *("traded", "price_last", "price_open", "price_high", "price_low"),
)
_NO_GROUPS = np.zeros(0, np.int64)
_NO_PRICES = np.zeros((0, kernel.PRICE_COLUMNS), np.int64)


class Pressure:
    """Sums over 5 s, 30 s, 1, 5 and 15 min of event time at each row, in O(1).

    A row stands in the open pane p of its root: the second of the root's newest row, or the one
    after the last closed pane if that is later. Its window of W seconds is the sum over the
    instrument's panes p − W + 1 … p, the open one up to and including the row. A pane row closes
    its pane. A late row between two panes without rows may count as earlier than the book's clock.

    Quality, with n_k and n the instrument's faults of kind k and records, each halved every
    `half_life_s` of its root's clock:

        q = Π_k (1 − weight_k · min(1, n_k / (n + records_min) / limit_k)), dirty: ≤ dirty_max

    State: about 1.2 kB per instrument and 152 bytes per pane with a row within 15 minutes; in a
    snapshot about 50 and 20. Instruments that fell idle give their panes back as others go on.

    References:
        R. Cont, A. Kukanov, S. Stoikov: The price impact of order book events (2014), for the
        order-flow imbalance that is summed here.
    """

    STATE_VERSION: ClassVar[int] = 3

    def __init__(self, config: PressureConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._settings = np.zeros(1, kernel.SETTINGS_DTYPE)
        for name in ("half_life_s", "records_min", "dirty_max", "weights", "limits"):
            self._settings[name] = getattr(config, name)
        self._symbols: dict[tuple[str, int], str] = {}
        self._seconds: dict[int, Second] = {}
        self._roots = np.zeros(0, kernel.ROOT_DTYPE)
        self._instruments = np.zeros(0, kernel.INSTRUMENT_DTYPE)
        self._running = np.zeros((0, kernel.WINDOWS, kernel.SUMS), np.int64)
        self._rates = np.zeros((0, FAULTS), np.float64)
        self._totals = np.zeros((0, FAULTS), np.int64)
        self._entries = _entries(_ENTRIES_MIN)
        self._counts = np.zeros(kernel.COUNTS, np.int64)
        self._counts[kernel.FREE] = -1
        if state is not None:
            self._restore(state)

    def on_items(self, items: Sequence[Flowing]) -> list[Flowing]:
        """Items of the shard in order → the same, evaluations with windows and quality."""
        out: list[Flowing] = []
        for item in items:
            if isinstance(item, Evaluations):
                self._on_rows(item, out)
                continue
            out.append(item)
            if isinstance(item, Tick):
                self._on_tick(item, out)
            elif isinstance(item, Instrument):
                self._symbols[item.feed, item.instrument_id] = item.symbol
        return out

    def snapshot(self) -> dict[str, Any]:
        """Copied plain data: per instrument its figures, the panes of all packed, open groups."""
        counts = self._counts.copy()
        slots, live = int(counts[kernel.SLOTS]), int(counts[kernel.LIVE])
        # Where in the pool a pane lies depends on how the input was cut: not part of the state.
        counts[kernel.FREE], counts[kernel.USED] = -1, live
        faulty = np.flatnonzero(self._totals[:slots].any(axis=1))
        state: dict[str, Any] = {
            "symbols": tuple(self._symbols.items()),
            "counts": counts,
            "roots": self._roots.copy(),
            **{name: self._instruments[name][:slots].copy() for name in _KEPT_FIELDS},
            "mid2": self._instruments["mids2"][:slots, _LONGEST].copy(),
            "fault_slots": faulty,
            "rates": self._rates[faulty],
            "totals": self._totals[faulty],
            "panes": pressure_snapshot.pack(self._instruments, self._entries, self._counts),
            "groups": tuple(
                (number, second.root, second.name, second.feed, second.ts, tuple(second.lines))
                for number, second in self._seconds.items()
            ),
        }
        if self._entries.shape[0] > 8 * (live + _ENTRIES_MIN):
            self._load(state["panes"], live)
        return state

    def report(self) -> Report:
        """Quality of each instrument at its last row, and panes held."""
        slots = int(self._counts[kernel.SLOTS])
        known = np.flatnonzero(self._instruments["known"][:slots]).tolist()
        symbols = {instrument_id: name for (_, instrument_id), name in self._symbols.items()}
        return Report(
            "pressure",
            {
                "panes": int(self._counts[kernel.LIVE]),
                "instruments": {
                    int(self._instruments["instrument_id"][slot]): asdict(
                        self._quality(slot, symbols)
                    )
                    for slot in known
                },
            },
        )

    def _on_rows(self, item: Evaluations, out: list[Flowing]) -> None:
        rows = np.ascontiguousarray(item.rows)
        n = rows.size
        self._hold(rows, len(item.roots))
        windows = np.empty((n, kernel.WINDOWS, kernel.SUMS), np.int64)
        mids2 = np.empty((n, kernel.WINDOWS), np.int64)
        quality = np.empty(n, np.float64)
        groups, prices = _NO_GROUPS, _NO_PRICES
        if self._config.publish:
            groups = np.empty(n, np.int64)
            prices = np.empty((n, kernel.PRICE_COLUMNS), np.int64)
        done = np.empty(n, np.int64)
        completed = kernel.weigh_rows(
            rows,
            rows.view(np.int64).reshape(n, _WORDS),
            self._settings,
            self._roots,
            self._instruments,
            self._running,
            self._rates,
            self._totals,
            self._entries,
            self._counts,
            windows,
            mids2,
            quality,
            groups,
            prices,
            done,
        )
        windows.flags.writeable = mids2.flags.writeable = quality.flags.writeable = False
        weighed = replace(item, windows=windows, mids2=mids2, quality=quality)
        out.append(weighed)
        if groups.size:
            gather(self._seconds, weighed, groups, prices)
            for number in done[:completed].tolist():
                out.append(message_of(self._seconds.pop(number), self._symbols))

    def _on_tick(self, item: Tick, out: list[Flowing]) -> None:
        """The book closed all panes up to the tick before it handed it on: none is missing."""
        for number, second in sorted(self._seconds.items(), key=lambda pair: pair[1].root):
            if second.feed == item.feed and second.ts <= item.ts_event:
                del self._seconds[number]
                self._roots["group"][second.root] = -1
                out.append(message_of(second, self._symbols))

    def _quality(self, slot: int, symbols: dict[int, str]) -> Quality:
        instrument = self._instruments[slot]
        instrument_id = int(instrument["instrument_id"])
        return Quality(
            instrument_id=instrument_id,
            symbol=symbols.get(instrument_id) or str(instrument_id),
            score=float(instrument["score"]),
            dirty=bool(instrument["dirty"]),
            faults={
                name: count
                for name, count in zip(FAULT_NAMES, self._totals[slot].tolist(), strict=True)
                if count
            },
        )

    def _hold(self, rows: NDArray[np.void], roots: int) -> None:
        """Make room for the rows' instruments and panes, and for so many roots."""
        slots = int(rows["slot"].max(initial=0)) + 1
        if slots > self._instruments.size:
            self._hold_slots(max(slots, 2 * self._instruments.size, _SLOTS_MIN))
        if (known := self._roots.size) < roots:
            more = np.zeros(roots - known, kernel.ROOT_DTYPE)
            more["pane"] = more["closed"] = kernel.NEVER
            more["group"] = -1
            self._roots = np.concatenate([self._roots, more])
        needed = int(self._counts[kernel.LIVE]) + rows.size
        if needed > self._entries.shape[0]:
            wider = _entries(max(needed, 2 * self._entries.shape[0]))
            wider[: len(self._entries)] = self._entries
            self._entries = wider

    def _hold_slots(self, slots: int) -> None:
        more = slots - self._instruments.size
        instruments = np.zeros(more, kernel.INSTRUMENT_DTYPE)
        instruments["leaving"] = instruments["last"] = -1
        self._instruments = np.concatenate([self._instruments, instruments])
        self._running = _with_lines(self._running, more)
        self._rates = _with_lines(self._rates, more)
        self._totals = _with_lines(self._totals, more)

    def _restore(self, state: dict[str, Any]) -> None:
        self._symbols = dict(state["symbols"])
        self._counts = state["counts"].copy()
        self._roots = state["roots"].copy()
        slots = int(self._counts[kernel.SLOTS])
        self._hold_slots(max(slots, _SLOTS_MIN))
        for name in _KEPT_FIELDS:
            self._instruments[name][:slots] = state[name]
        self._instruments["mids2"][:slots, _LONGEST] = state["mid2"]
        self._rates[state["fault_slots"]] = state["rates"]
        self._totals[state["fault_slots"]] = state["totals"]
        self._load(state["panes"], int(self._counts[kernel.LIVE]))
        for number, root, name, feed, ts, lines in state["groups"]:
            if self._config.publish:
                self._seconds[number] = Second(root, name, feed, ts, list(lines))
            else:
                self._roots["group"][root] = -1

    def _load(self, panes: NDArray[np.uint8], live: int) -> None:
        """Chains and running sums from packed panes."""
        instruments = self._instruments
        instruments["leaving"] = instruments["last"] = -1
        instruments["mids2"] = instruments["mids2"][:, _LONGEST:]
        self._running[:] = 0
        self._entries = pressure_snapshot.unpack(
            panes, instruments, self._running, live, self._counts
        )


def _entries(pool: int) -> NDArray[np.int64]:
    return np.zeros((pool, kernel.ENTRY_COLUMNS), np.int64)


def _with_lines(array: NDArray[Any], more: int) -> NDArray[Any]:
    return np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])

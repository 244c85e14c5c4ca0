"""What kind each instrument is: its class and tick, by feed and id, and by slot for the kernel."""

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from operators.baseline_history import CLASS_NAMES
from operators.baseline_state import grown, no_instruments
from operators.model.items import Definition

_CLASS_OF: Final = {"F": 0, "S": 1, "C": 2, "P": 3}
_OTHER: Final = CLASS_NAMES.index("OTHER")
_OPTION: Final = re.compile(r"^\S+ ([CP])-?\d+(\.\d+)?$")


class InstrumentClasses:
    """Class and tick of each instrument, and a copy of them by slot for the kernel."""

    def __init__(self, instruments_max: int) -> None:
        self._max = instruments_max
        self._known: dict[str, dict[int, tuple[int, int, bool]]] = {}
        self._packed: dict[str, tuple[NDArray[np.uint32], NDArray[np.int64]]] = {}
        self._feeds: list[str] = []
        self.forgotten = 0
        """Instruments whose class was forgotten."""
        self.arrays = no_instruments(0)

    def learn(self, definition: Definition) -> None:
        """A definition is final: it stands until another one."""
        class_ = _CLASS_OF.get(definition.instrument_class, _OTHER)
        known = (class_, max(definition.tick_e9 or 0, 0), True)
        self._set(definition.feed, definition.instrument_id, known)

    def learn_symbol(self, feed: str, instrument_id: int, symbol: str) -> None:
        """A symbol tells the class until a definition does."""
        _, tick, defined = self._known.get(feed, {}).get(instrument_id, (_OTHER, 0, False))
        if not defined:
            self._set(feed, instrument_id, (class_of_symbol(symbol), tick, False))

    def feed_number(self, feed: str) -> int:
        """Number of a feed in this process."""
        if feed not in self._feeds:
            self._feeds.append(feed)
        return self._feeds.index(feed)

    def resolve(self, feed: str, instrument_id: int, slot: int) -> None:
        """Brings what is known of an instrument to its slot."""
        if self.arrays.key.size <= slot:
            self.arrays = grown(self.arrays, no_instruments(2 * (slot + 1)))
        key = (self.feed_number(feed) << 32) | instrument_id
        class_, tick, _ = self._known.get(feed, {}).get(instrument_id, (_OTHER, 0, False))
        self.arrays.key[slot] = key
        self.arrays.class_[slot] = class_
        self.arrays.tick_e9[slot] = tick

    def snapshot(self) -> tuple[int, tuple[tuple[str, Any, Any], ...]]:
        """Forgotten, and per feed the ids and what is known of each, oldest first."""
        for feed, known in self._known.items():
            if feed not in self._packed:
                ids = np.fromiter(known, np.uint32, len(known))
                self._packed[feed] = (ids, np.array(list(known.values()), np.int64).reshape(-1, 3))
        feeds = tuple((f, ids.copy(), of.copy()) for f, (ids, of) in self._packed.items())
        return self.forgotten, feeds

    def restore(self, state: tuple[int, tuple[tuple[str, Any, Any], ...]]) -> None:
        """Takes back what `snapshot` gave."""
        self.forgotten, feeds = state
        for feed, ids, of in feeds:
            known = [(int(c), int(tick), bool(defined)) for c, tick, defined in of.tolist()]
            self._known[feed] = dict(zip(ids.tolist(), known, strict=True))

    def _set(self, feed: str, instrument_id: int, what: tuple[int, int, bool]) -> None:
        known = self._known.setdefault(feed, {})
        if known.get(instrument_id) == what:
            return
        gone = [instrument_id]
        if instrument_id not in known and len(known) == self._max:
            gone.append(next(iter(known)))
            del known[gone[1]]
            self.forgotten += 1
        known[instrument_id] = what
        self._packed.pop(feed, None)
        number = self.feed_number(feed) << 32
        for one in gone:
            self.arrays.key[self.arrays.key == (number | one)] = -1


def class_of_symbol(symbol: str) -> int:
    """Class by CME's way of writing raw symbols: `ESH4`, `ESH4-ESM4`, `ESM4 C4800`, `UD:1V: …`."""
    if option := _OPTION.match(symbol):
        return _CLASS_OF[option[1]]
    if symbol.startswith("UD:") or symbol.isdecimal() or not symbol:
        return _OTHER
    return _CLASS_OF["S"] if "-" in symbol or ":" in symbol else _CLASS_OF["F"]

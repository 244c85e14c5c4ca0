"""What options are listed: kind, strike, expiry and future of each, by feed and id."""

import re
from collections import Counter
from typing import Any, Final, NamedTuple

from operators.model.items import Definition, Instrument, Statistic
from operators.options.columns import BARE, COMBINED, OPTION, PLAIN

OPEN_INTEREST: Final = 9
"""DBN's StatType of it."""
_OPTION_SYMBOL: Final = re.compile(r"^\S+ [CP]-?\d+(\.\d+)?$")
_COMBINED_CLASSES: Final = ("T", "M")
"""DBN's: option spread, mixed spread."""


class Listed(NamedTuple):
    """One option, or what is like one. The terms are 0 where they are not known."""

    kind: int
    call: int = 0
    strike_e9: int = 0
    expiry_ns: int = 0
    underlying_id: int = 0
    point_value_e9: int = 0
    currency: str = ""


Key = tuple[str, int]
"""(Feed, instrument)."""


class Listing:
    """Options and option spreads of the shard, as definitions say, else symbols.

    An instrument that is neither is not kept. State: a row per option, and its open interest if the
    exchange has told it.
    """

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self._known: dict[Key, Listed] = {}
        self._written_on: Counter[Key] = Counter()
        """Options by their future."""
        self._open_interest: dict[Key, int] = {}
        self._packed: tuple[Any, ...] | None = None
        if state is not None:
            for key, values in state["listed"]:
                self._known[key] = listed = Listed(*values)
                self._written_on[key[0], listed.underlying_id] += 1
            self._open_interest = dict(state["open_interest"])

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, item: Definition | Instrument | Statistic) -> Key | None:
        """Take an item in; the instrument if what it is has changed, else None."""
        key = item.feed, item.instrument_id
        if isinstance(item, Statistic):
            if item.stat_type == OPEN_INTEREST and key in self._known and item.quantity is not None:
                self._open_interest[key] = item.quantity
                self._packed = None
            return None
        before = self._known.get(key)
        now = _of_definition(item) if isinstance(item, Definition) else _of_symbol(item, before)
        if now == before:
            return None
        self._packed = None
        if before is not None:
            self._written_on[item.feed, before.underlying_id] -= 1
        if now is not None:
            self._written_on[item.feed, now.underlying_id] += 1
        if now is None:
            del self._known[key]
            self._open_interest.pop(key, None)
        else:
            self._known[key] = now
        return key

    def of(self, feed: str, instrument_id: int) -> Listed:
        """What is known of an instrument; PLAIN if it is no option."""
        return self._known.get((feed, instrument_id), _PLAIN)

    def is_written_on(self, feed: str, instrument_id: int) -> bool:
        """Whether there are options on it."""
        return self._written_on[feed, instrument_id] > 0

    def open_interest(self, feed: str, instrument_id: int) -> int | None:
        """Contracts open, None where the exchange has not told."""
        return self._open_interest.get((feed, instrument_id))

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        if self._packed is None:
            listed = tuple((key, tuple(values)) for key, values in self._known.items())
            self._packed = (listed, tuple(self._open_interest.items()))
        listed, open_interest = self._packed
        return {"listed": listed, "open_interest": open_interest}


_PLAIN: Final = Listed(PLAIN)


def _of_definition(item: Definition) -> Listed | None:
    if item.instrument_class in _COMBINED_CLASSES:
        return Listed(COMBINED)
    if item.instrument_class not in ("C", "P"):
        return None
    strike_e9, expiry_ns = item.strike_price_e9, item.expiration_ns
    if strike_e9 is None or strike_e9 <= 0 or expiry_ns is None:
        return Listed(BARE)
    return Listed(
        OPTION,
        1 if item.instrument_class == "C" else -1,
        strike_e9,
        expiry_ns,
        item.underlying_id or 0,
        item.point_value_e9 or 0,
        item.currency,
    )


def _of_symbol(item: Instrument, before: Listed | None) -> Listed | None:
    """A symbol tells that there is an option until a definition tells which; never the terms."""
    if before is not None and before.kind != BARE:
        return before
    if _OPTION_SYMBOL.match(item.symbol):
        return Listed(BARE)
    return Listed(COMBINED) if item.symbol.startswith("UD:") else None

"""Which instruments are spreads of futures, as definitions say, else symbols."""

from typing import Any, Final

from operators.model.items import Definition, Instrument

_CLASS: Final = "S"
"""DBN's: future spread. Those of options are known to what options do."""
_OF_OPTIONS: Final = "UD:"
_NONE: Final[frozenset[int]] = frozenset()


class Spreads:
    """Spreads by feed. Their price is a difference: who buys one buys a month and sells another.

    State: the ids of spreads, and of what a definition tells otherwise than its symbol.
    """

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self._spreads: dict[str, set[int]] = {}
        self._defined: set[tuple[str, int]] = set()
        """Their symbols are not asked."""
        if state is not None:
            self._spreads = {feed: set(ids) for feed, ids in state["spreads"]}
            self._defined = set(state["defined"])

    def of(self, feed: str) -> set[int] | frozenset[int]:
        """Ids of the spreads of a feed."""
        return self._spreads.get(feed, _NONE)

    def learn(self, item: Definition | Instrument) -> None:
        """Take in what an instrument is; a definition outweighs a symbol."""
        key = item.feed, item.instrument_id
        if isinstance(item, Definition):
            is_spread = item.instrument_class == _CLASS
            known = is_spread == is_spread_symbol(item.symbol)
            (self._defined.discard if known else self._defined.add)(key)
        elif key in self._defined:
            return
        else:
            is_spread = is_spread_symbol(item.symbol)
        if is_spread:
            self._spreads.setdefault(item.feed, set()).add(item.instrument_id)
        elif item.feed in self._spreads:
            self._spreads[item.feed].discard(item.instrument_id)

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        return {
            "spreads": tuple((feed, tuple(sorted(ids))) for feed, ids in self._spreads.items()),
            "defined": tuple(sorted(self._defined)),
        }


def is_spread_symbol(symbol: str) -> bool:
    """Whether a symbol names several legs, as ESM6-ESU6 and CL:BF Z5-G6-J6 do."""
    return (
        "-" in symbol
        and " C" not in symbol
        and " P" not in symbol
        and not (symbol.startswith(_OF_OPTIONS))
    )

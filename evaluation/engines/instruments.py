"""What each instrument is to the engines that are compared: its class and strike."""

from typing import Final, NamedTuple

from operators.baseline_history import CLASS_NAMES
from operators.baseline_instruments import class_of_symbol
from operators.model.items import Definition, Instrument
from operators.model.streams import Flowing

FUTURE: Final = "F"
SPREAD: Final = "S"
CALL: Final = "C"
PUT: Final = "P"
OTHER: Final = ""
_OF_SYMBOL: Final = {"FUT": FUTURE, "SPREAD": SPREAD, "CALL": CALL, "PUT": PUT}


class Listed(NamedTuple):
    """An instrument."""

    class_: str
    """F, S, C, P, or empty for all others."""
    strike: str
    """1e-9 points as text; the symbol where there is none."""


_UNKNOWN: Final = Listed(OTHER, "")


class Listing:
    """Instruments of a tape by id, from definitions, else from symbols."""

    def __init__(self) -> None:
        self._known: dict[int, Listed] = {}
        self._defined: set[int] = set()

    def on_item(self, item: Flowing) -> None:
        """Learn from definitions and mappings; all else has no part."""
        if isinstance(item, Definition):
            self._defined.add(item.instrument_id)
            self._known[item.instrument_id] = _of_definition(item)
        elif isinstance(item, Instrument) and item.instrument_id not in self._defined:
            name = CLASS_NAMES[class_of_symbol(item.symbol)]
            self._known[item.instrument_id] = Listed(_OF_SYMBOL.get(name, OTHER), item.symbol)

    def of(self, instrument_id: int) -> Listed:
        """What is known of it."""
        return self._known.get(instrument_id, _UNKNOWN)


def _of_definition(item: Definition) -> Listed:
    class_ = item.instrument_class if item.instrument_class in "FSCP" else OTHER
    if class_ in (CALL, PUT) and item.strike_price_e9 is not None:
        return Listed(class_, str(item.strike_price_e9))
    return Listed(class_, item.symbol)

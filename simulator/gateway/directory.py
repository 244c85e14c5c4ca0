"""Which instruments the market has, and which of them a symbol means.

References:
    Databento, "Symbology": raw symbols, instrument ids, parents, continuous contracts.
"""

import re
from dataclasses import dataclass
from typing import Final

_FUTURE: Final = re.compile(r"([A-Z0-9]+?)([FGHJKMNQUVXZ])(\d{1,2})")
_CONTINUOUS: Final = re.compile(r"([A-Z0-9]+)\.([CVN])\.(\d{1,2})")
_PARENT: Final = re.compile(r"([A-Z0-9]+)\.(FUT|OPT)")
_FUTURE_CLASSES: Final = ("F", "S")
_OPTION_CLASSES: Final = ("C", "P", "T", "M")
_MONTHS: Final = "FGHJKMNQUVXZ"
FOREVER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument, as far as the market says."""

    instrument_id: int
    symbol: str
    """Raw symbol; empty where nothing names the instrument."""
    asset: str = ""
    instrument_class: str = ""
    """DBN's letter: F future, S spread, C call, P put, T and M combinations of options."""
    expiration_ns: int = FOREVER


def instrument_of(instrument_id: int, symbol: str) -> Instrument:
    """What a raw symbol alone tells: options have a blank, spreads a dash or a colon."""
    first = symbol.replace(":", "-").split("-")[0].split(" ")[0]
    match = _FUTURE.fullmatch(first)
    asset = match[1] if match else first
    if " " in symbol:
        return Instrument(instrument_id, symbol, asset, symbol.split(" ")[1][:1])
    if "-" in symbol or ":" in symbol:
        return Instrument(instrument_id, symbol, asset, "S")
    return Instrument(instrument_id, symbol, asset, "F" if match else "")


class Directory:
    """All instruments of a market. State: one entry each."""

    def __init__(self) -> None:
        self._instruments: dict[int, Instrument] = {}
        self._by_symbol: dict[str, list[Instrument]] = {}
        """Made when it is asked for."""

    def __len__(self) -> int:
        return len(self._instruments)

    def add(self, instrument: Instrument) -> None:
        """Take what is known best of an instrument: its definition rather than its name."""
        known = self._instruments.get(instrument.instrument_id)
        if known is None or not known.symbol or instrument.expiration_ns != FOREVER:
            self._instruments[instrument.instrument_id] = instrument
            self._by_symbol = {}

    def symbol(self, instrument_id: int) -> str:
        """Raw symbol; the id itself where there is none."""
        known = self._instruments.get(instrument_id)
        return known.symbol if known is not None and known.symbol else str(instrument_id)

    def everything(self) -> list[Instrument]:
        """All instruments, by id."""
        return sorted(self._instruments.values(), key=lambda each: each.instrument_id)

    def resolve(self, stype_in: str, symbol: str, ts: int) -> list[Instrument]:
        """What `symbol` means at `ts`, by id; empty if nothing.

        Continuous contracts rank outright futures that have not expired by expiration. Ranks by
        volume (`v`) and open interest (`n`) are the same here: front months are the busiest.
        """
        if stype_in == "instrument_id":
            number = int(symbol) if symbol.isascii() and symbol.isdecimal() else -1
            found = self._instruments.get(number)
            return [] if found is None else [found]
        if stype_in == "parent":
            match = _PARENT.fullmatch(symbol)
            if match is None:
                return []
            classes = _FUTURE_CLASSES if match[2] == "FUT" else _OPTION_CLASSES
            return [
                each
                for each in self.everything()
                if each.asset == match[1] and each.instrument_class in classes
            ]
        if stype_in == "continuous":
            return self._continuous(symbol, ts)
        if not self._by_symbol:
            for each in self.everything():
                self._by_symbol.setdefault(each.symbol, []).append(each)
        return self._by_symbol.get(symbol, [])

    def _continuous(self, symbol: str, ts: int) -> list[Instrument]:
        match = _CONTINUOUS.fullmatch(symbol.upper())
        if match is None:
            return []
        futures = [
            each
            for each in self._instruments.values()
            if each.asset == match[1] and each.instrument_class == "F" and each.expiration_ns > ts
        ]
        futures.sort(key=lambda each: (each.expiration_ns, _month(each.symbol)))
        rank = int(match[3])
        return futures[rank : rank + 1]


def _month(symbol: str) -> tuple[int, int, str]:
    """Orders contracts of which only the symbol is known; one digit of a year is taken as it is."""
    match = _FUTURE.fullmatch(symbol)
    return (int(match[3]), _MONTHS.index(match[2]), symbol) if match else (100, 0, symbol)

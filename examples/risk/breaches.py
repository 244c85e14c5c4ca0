"""Breaches: an exposure above its limit that a signal stands against.

A signal says that an institution pushes a root up or down. It is a breach when the desk is on the
other side with more than the limit, or with a position that cannot be valued: what is not known is
not taken for small. A breach is opened once per signal and cleared when the signal closes or is
retracted. A missing message clears nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from examples.holdings import Holding, by_root
from examples.journal import Entry
from examples.message import SIDES, Message, price


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachesConfig:
    """How much may stand against a signal."""

    limit: Decimal = Decimal(1_000_000)
    """Currency units of a root without a limit of its own, at least 0."""
    limits: Mapping[str, Decimal] = field(default_factory=dict)
    """Root → currency units, at least 0."""

    def __post_init__(self) -> None:
        for name, value in (("limit", self.limit), *self.limits.items()):
            if not value >= 0:
                raise ValueError(f"{name}: a limit must be at least 0, was {value}")


@dataclass(frozen=True, slots=True)
class Exposure:
    """Net exposure of a root."""

    notional: Decimal
    """Signed currency units of the holdings that could be valued."""
    unvalued: tuple[str, ...]
    """Symbols of the holdings that could not."""
    direction: int
    """1 long, -1 short, 0 none; of the contracts where something could not be valued."""


class Breaches:
    """Decides about breaches. State: those that are open."""

    def __init__(self, config: BreachesConfig, holdings: Sequence[Holding]) -> None:
        self._config = config
        self._holdings = by_root(holdings)
        self._open: dict[str, Entry] = {}

    def take(self, message: Message) -> list[Entry]:
        """Entries of one message."""
        value = message.value
        cleared = self._clear_replaced(message)
        if value is None:
            # Nothing is known of this revision; an open breach stays open.
            return cleared
        name = value["id"]
        if value["action"] == "IGNORE":
            is_open = name in self._open and not cleared
            return [*cleared, *([self._clear(name, value["change"])] if is_open else [])]
        if message.is_outdated or value["action"] == "MONITOR" or name in self._open:
            return cleared
        return [*cleared, *self._breach(value)]

    def apply(self, entry: Entry) -> None:
        """Take an entry into the state."""
        if entry["change"] == "opened":
            self._open[entry["signal_id"]] = entry
        else:
            self._open.pop(entry["signal_id"], None)

    def exposure(self, value: Mapping[str, Any]) -> Exposure:
        """Exposure of a signal's root at the signal's price."""
        total, contracts, unvalued = Decimal(0), Decimal(0), []
        for one in self._holdings.get(value["root"], ()):
            notional = one.notional(value["contract"], price(value, "price"))
            contracts += one.contracts * one.delta
            if notional is None:
                unvalued.append(one.symbol)
            else:
                total += notional
        leading = contracts if unvalued else total
        return Exposure(total, tuple(unvalued), (leading > 0) - (leading < 0))

    def _breach(self, value: dict[str, Any]) -> list[Entry]:
        found = self.exposure(value)
        limit = self._config.limits.get(value["root"], self._config.limit)
        is_against = found.direction * SIDES[value["side"]] < 0
        if not is_against or (abs(found.notional) <= limit and not found.unvalued):
            return []
        return [
            {
                "kind": "breach",
                "change": "opened",
                "signal_id": value["id"],
                "root": value["root"],
                "side": value["side"],
                "strength": value["strength"],
                "probability": value["probability"],
                "ts_event": value["ts_event"],
                "exposure": f"{found.notional:f}",
                "limit": str(limit),
                "currency": value["contract"]["currency"],
                "unvalued": list(found.unvalued),
                "text": _text(value, found, limit),
            }
        ]

    def _clear_replaced(self, message: Message) -> list[Entry]:
        if message.replaced is None:
            return []
        mine = [name for name, one in self._open.items() if one["root"] == message.at.root]
        return [self._clear(name, "generation_ended") for name in mine]

    def _clear(self, name: str, reason: str) -> Entry:
        root = self._open[name]["root"]
        return {
            "kind": "breach",
            "change": "cleared",
            "signal_id": name,
            "root": root,
            "reason": reason,
        }


def _text(value: Mapping[str, Any], found: Exposure, limit: Decimal) -> str:
    held = "long" if found.direction > 0 else "short"
    amount = f"{abs(found.notional):,.0f} {value['contract']['currency']}"
    unknown = f", and {', '.join(found.unvalued)} cannot be valued" if found.unvalued else ""
    return (
        f"{held} {value['root']} for {amount}{unknown}, limit {limit:,.0f}, against a "
        f"{value['strength']} {value['side']} signal"
    )

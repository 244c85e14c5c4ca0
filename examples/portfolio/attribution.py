"""Attribution: which holdings a signal touches, and on which side of it they stand.

One entry per signal revision and holding of its root. The table is what the entries add up to:
for each holding the latest revision of every signal, those for it and those against it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from examples.holdings import Holding, by_root
from examples.journal import Entry
from examples.message import SIDES, Message, price

SIGNALS_KEPT: Final = 100_000
"""So many signals count in the table; then the oldest leaves it and stays in the journal."""
COLUMNS: Final = (
    "account",
    "root",
    "symbol",
    "contracts",
    "exposure",
    "open_for",
    "open_against",
    "closed",
    "retracted",
    "probability_for_max",
    "probability_against_max",
    "size_for",
    "size_against",
    "notional_for",
    "notional_against",
    "ts_last",
)

Row = dict[str, Any]
Key = tuple[str, str]
"""(account, symbol)"""


class Attribution:
    """State: the latest entries of each signal."""

    def __init__(self, holdings: Sequence[Holding]) -> None:
        self._holdings = holdings
        self._by_root = by_root(holdings)
        self._latest: OrderedDict[str, dict[Key, Entry]] = OrderedDict()

    def take(self, message: Message) -> list[Entry]:
        """One entry per holding of the signal's root."""
        value = message.value
        ended = self._ended(message)
        if value is None or message.is_outdated or not SIDES[value["side"]]:
            return ended
        touched = self._by_root.get(message.at.root, ())
        return [*ended, *(_entry(value, one) for one in touched)]

    def apply(self, entry: Entry) -> None:
        """Take an entry into the state."""
        name, key = entry["signal_id"], (entry["account"], entry["symbol"])
        held = self._latest.setdefault(name, {})
        # An end says only that: what it ended stays known.
        held[key] = {**held.get(key, {}), **entry}
        self._latest.move_to_end(name)
        while len(self._latest) > SIGNALS_KEPT:
            self._latest.popitem(last=False)

    def table(self) -> list[Row]:
        """A row per holding, in the order of the file."""
        found: dict[Key, list[Entry]] = {}
        for entries in self._latest.values():
            for key, entry in entries.items():
                found.setdefault(key, []).append(entry)
        return [_row(one, found.get((one.account, one.symbol), [])) for one in self._holdings]

    def _ended(self, message: Message) -> list[Entry]:
        """Of a generation that is over nothing will be heard any more."""
        if message.replaced is None:
            return []
        return [
            {"kind": "ended", "signal_id": name, "account": key[0], "symbol": key[1],
             "change": "closed", "reason": "generation_ended"}
            for name, entries in self._latest.items()
            for key, entry in entries.items()
            if entry["root"] == message.at.root and entry["change"] in ("opened", "updated")
        ]  # fmt: skip


def _entry(value: Mapping[str, Any], one: Holding) -> Entry:
    notional = one.notional(value["contract"], price(value, "price"))
    sign = (one.contracts * one.delta > 0) - (one.contracts * one.delta < 0)
    stands = {1: "for", -1: "against", 0: "neither"}[sign * SIDES[value["side"]]]
    return {
        "kind": "attribution",
        "signal_id": value["id"],
        "revision": value["revision"],
        "change": value["change"],
        "account": one.account,
        "root": one.root,
        "symbol": one.symbol,
        "contracts": str(one.contracts),
        "exposure": None if notional is None else f"{notional:f}",
        "side": value["side"],
        "stands": stands,
        "signal_symbol": value["contract"]["symbol"],
        "signal_size": value["size"],
        "signal_notional": value["contract"].get("notional"),
        "currency": value["contract"]["currency"],
        "probability": value["probability"],
        "ts_event": value["ts_event"],
    }


def _row(one: Holding, entries: Sequence[Entry]) -> Row:
    is_open = [e for e in entries if e["change"] in ("opened", "updated")]
    sides = {name: [e for e in is_open if e["stands"] == name] for name in ("for", "against")}
    valued = [e for e in entries if e["exposure"] is not None]
    latest = max(valued, key=lambda e: int(e["ts_event"]), default=None)
    row: Row = {
        "account": one.account,
        "root": one.root,
        "symbol": one.symbol,
        "contracts": float(one.contracts),
        "exposure": None if latest is None else float(Decimal(latest["exposure"])),
        "closed": sum(e["change"] == "closed" for e in entries),
        "retracted": sum(e["change"] == "retracted" for e in entries),
        "ts_last": max((e["ts_event"] for e in entries), key=int, default=None),
    }
    for name, own in sides.items():
        row[f"open_{name}"] = len(own)
        row[f"probability_{name}_max"] = max((e["probability"] for e in own), default=None)
        row[f"size_{name}"] = sum(e["signal_size"] for e in own)
        row[f"notional_{name}"] = sum(e["signal_notional"] or 0.0 for e in own)
    return {name: row[name] for name in COLUMNS}

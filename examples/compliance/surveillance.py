"""Surveillance record: every signal revision and notable execution, joined to each other.

A record says what was claimed, on which evidence, and where the tape shows it: instrument, range of
the feed's sequence numbers, instants, order ids. An execution belongs to a signal when the evidence
lies on its instrument and shares sequence numbers or order ids with it. Topics are read side by
side, so either may come first; the later one of the two carries the link.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from examples.journal import Entry, position_of
from examples.message import Message, Position

KEPT_MAX: Final = 2_000
"""Records of each kind and root that a later one may be joined to; then the oldest is let go."""


DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the tape something lies."""

    instrument_id: int
    sequence_first: int
    sequence_last: int
    ts_last: int
    """ns since the epoch."""
    order_ids: frozenset[str]

    def meets(self, other: "Place") -> bool:
        """Whether both speak of the same records or orders of one instrument."""
        # Numbers of the feed begin anew each week.
        if abs(self.ts_last - other.ts_last) > DAY_NS or self.instrument_id != other.instrument_id:
            return False
        shares = self.sequence_first <= other.sequence_last
        shares = shares and other.sequence_first <= self.sequence_last
        return shares or not self.order_ids.isdisjoint(other.order_ids)


@dataclass(frozen=True, slots=True)
class _Kept:
    name: dict[str, Any]
    """What a later record calls it by."""
    places: tuple[Place, ...]


class Surveillance:
    """Makes records. State: the places of the newest records of each root."""

    def __init__(self) -> None:
        self._signals: dict[str, deque[_Kept]] = {}
        self._executions: dict[str, deque[_Kept]] = {}

    def take(self, message: Message) -> list[Entry]:
        """What was missing before the message, if anything, then its record."""
        at = message.at
        found: list[Entry] = []
        if message.replaced is not None:
            found.append({"kind": "generation", "root": at.root, "replaced": message.replaced})
        if message.missing is not None:
            first, last = message.missing
            found.append({"kind": "missing", "root": at.root, "seqs": [first, last]})
        if message.value is None:
            found.append({"kind": "unreadable", "root": at.root})
        elif at.stream == "signals":
            found.append(self._signal(message, message.value))
        else:
            found.append(self._execution(message, message.value))
        return found

    def apply(self, entry: Entry) -> None:
        """Take a record into the state."""
        at = position_of(entry)
        if entry["kind"] == "signal":
            name = {"id": entry["signal_id"], "revision": entry["revision"]}
            places = tuple(_place(item) for item in entry["value"]["evidence"])
            _keep(self._signals, at.root, _Kept(name, places))
        elif entry["kind"] == "execution":
            _keep(self._executions, at.root, _Kept(_seq(at), (_execution_place(entry["value"]),)))

    def _signal(self, message: Message, value: dict[str, Any]) -> Entry:
        places = [_place(item) for item in value["evidence"]]
        joined = _joined(places, self._executions.get(message.at.root, ()))
        return {
            "kind": "signal",
            **_common(message, value),
            "signal_id": value["id"],
            "revision": value["revision"],
            "change": value["change"],
            "params": value["params"],
            "tape": [_tape(item) for item in value["evidence"]],
            "order_ids": sorted({str(i) for item in value["evidence"] for i in item["order_ids"]}),
            "executions": joined,
            "value": value,
        }

    def _execution(self, message: Message, value: dict[str, Any]) -> Entry:
        place = _execution_place(value)
        return {
            "kind": "execution",
            **_common(message, value),
            "tape": [_tape(value)],
            "order_ids": sorted(place.order_ids),
            "signals": _joined([place], self._signals.get(message.at.root, ())),
            "value": value,
        }


def _common(message: Message, value: Mapping[str, Any]) -> Entry:
    return {
        "root": message.at.root,
        "ts_event": value["ts_event"],
        "ts_published_ns": str(message.ts_published_ns),
        "is_outdated": message.is_outdated,
    }


def _place(item: Mapping[str, Any]) -> Place:
    return Place(
        item["instrument_id"],
        item["sequence_first"],
        item["sequence_last"],
        int(item["ts_last"]),
        frozenset(str(number) for number in item["order_ids"]),
    )


def _execution_place(value: Mapping[str, Any]) -> Place:
    passive = {str(fill.get("order_id")) for fill in value["fills"] if isinstance(fill, dict)}
    return Place(
        value["instrument_id"],
        value["sequence_first"],
        value["sequence_last"],
        int(value["ts_event"]),
        # Implied and auction trades have no aggressor of their own.
        frozenset(passive | {value["order_id"]}) - {"0", "None"},
    )


def _tape(item: Mapping[str, Any]) -> Entry:
    names = ("detector", "instrument_id", "symbol", "sequence_first", "sequence_last")
    times = ("ts_first", "ts_last", "ts_event")
    return {name: item[name] for name in (*names, *times) if name in item}


def _seq(at: Position) -> dict[str, Any]:
    return {"generation": at.generation, "seq": at.seq}


def _joined(places: Sequence[Place], kept: Iterable[_Kept]) -> list[dict[str, Any]]:
    """Names of the kept records that lie where one of the places does, oldest first."""
    return [
        one.name for one in kept if any(mine.meets(its) for mine in places for its in one.places)
    ]


def _keep(records: dict[str, deque[_Kept]], root: str, one: _Kept) -> None:
    records.setdefault(root, deque(maxlen=KEPT_MAX)).append(one)

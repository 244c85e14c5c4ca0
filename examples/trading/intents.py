"""Order intents: what a desk would want to do about a signal. Nothing is ever sent to anyone.

Of each signal at most one intent is opened, whatever is read twice, by whichever generation. It
ends when the signal does: `exit` when the signal closed by itself, `cancel` when its data proved
bad or a revision that might have said so is missing.

Position here is the sum of open intents, as if each had been filled: the cautious reading for a
program that hears of no fills.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from examples.journal import Entry
from examples.message import SIDES, Message

NS_PER_S: Final = 1_000_000_000
IDS_KEPT: Final = 100_000
"""So many ended signals are remembered, some months of them; then the oldest is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentsConfig:
    """Limits. What exceeds one is refused, and the refusal is journalled with its reason."""

    contracts: int = 1
    """Contracts of one intent, at least 1."""
    contracts_max: int = 5
    """Of a root, long or short, over all open intents, at least 1."""
    per_minute_max: int = 10
    """Intents in any 60 s of event time over all roots, at least 1."""
    probability_min: float = 0.0
    """0…1. Probabilities are a ranking until `calibration` says otherwise."""
    quality_min: float = 0.5
    """Feed quality, 0…1."""
    age_s_max: float = 30.0
    """Wall time since the signal was published, at least 0; 0: any age, also what was published
    late, for walking through."""

    def __post_init__(self) -> None:
        for name in ("contracts", "contracts_max", "per_minute_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, was {getattr(self, name)}")
        for name in ("probability_min", "quality_min"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, was {getattr(self, name)}")
        if not self.age_s_max >= 0:
            raise ValueError(f"age_s_max must be at least 0, was {self.age_s_max}")


class Intents:
    """Decides about intents. State: open ones, ids of ended ones, the last minute's instants."""

    def __init__(self, config: IntentsConfig, clock_ns: Callable[[], int]) -> None:
        """`clock_ns` gives wall time, ns since the epoch."""
        self._config = config
        self._clock_ns = clock_ns
        self._open: dict[str, Entry] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._refused: OrderedDict[str, str] = OrderedDict()
        self._instants: deque[int] = deque(maxlen=config.per_minute_max)

    def take(self, message: Message) -> list[Entry]:
        """Entries of one message: intents that end, then at most one that opens."""
        ended = self._orphans(message)
        value = message.value
        if value is None or message.is_outdated:
            return ended
        if value["action"] == "IGNORE":
            is_open = value["id"] in self._open and not any(
                entry["signal_id"] == value["id"] for entry in ended
            )
            return [*ended, *([self._end(value["id"], value["change"])] if is_open else [])]
        # MONITOR: no reason to begin anything, and none to end what has begun.
        if value["action"] == "MONITOR" or value["id"] in self._open or value["id"] in self._ended:
            return ended
        reason = self._objection(message, value)
        if reason is None:
            return [*ended, _intent(value, self._config.contracts)]
        # Each revision is refused anew; one line per reason is enough.
        if self._refused.get(value["id"]) == reason[0]:
            return ended
        return [*ended, {"kind": "refused", "signal_id": value["id"], "root": value["root"],
                         "reason": reason[0], "text": reason[1]}]  # fmt: skip

    def apply(self, entry: Entry) -> None:
        """Take an entry into the state."""
        name = entry["signal_id"]
        if entry["kind"] == "intent":
            self._open[name] = entry
            self._instants.append(int(entry["ts_event"]))
            self._refused.pop(name, None)
        elif entry["kind"] == "refused":
            _remember(self._refused, name, entry["reason"])
        else:
            self._open.pop(name, None)
            _remember(self._ended, name, None)

    def position(self, root: str) -> int:
        """Contracts of a root over all open intents; below 0 is short."""
        return sum(
            SIDES[one["side"]] * one["contracts"]
            for one in self._open.values()
            if one["root"] == root
        )

    def _orphans(self, message: Message) -> list[Entry]:
        """Ends of intents whose signal may have ended unheard, or will never be heard of again."""
        at = message.at
        if message.replaced is not None:
            reason = "generation_ended"
        elif not message.is_whole and not message.is_outdated:
            reason = "message_missing"
        else:
            return []
        mine = [name for name, one in self._open.items() if one["root"] == at.root]
        return [self._end(name, reason) for name in mine]

    def _end(self, name: str, reason: str) -> Entry:
        one = self._open[name]
        return {
            "kind": "exit" if reason == "closed" else "cancel",
            "intent_id": one["intent_id"],
            "signal_id": name,
            "root": one["root"],
            "symbol": one["symbol"],
            "reason": reason,
        }

    def _objection(self, message: Message, value: dict[str, Any]) -> tuple[str, str] | None:
        """Short name and text of the first limit that an intent would exceed."""
        limits = self._config
        age_s = (self._clock_ns() - message.ts_published_ns) / NS_PER_S
        if limits.age_s_max and age_s > limits.age_s_max:
            return "too_old", f"published {age_s:.0f} s ago, at most {limits.age_s_max:g} s"
        if limits.age_s_max and message.is_late:
            return "late", "published while its feed lagged beyond the limit"
        if value.get("delayed"):
            return "delayed", "made from history while the live feed was away"
        if value["quality"] < limits.quality_min:
            return "quality", f"quality {value['quality']}, at least {limits.quality_min:g}"
        if value["probability"] < limits.probability_min:
            text = f"probability {value['probability']}, at least {limits.probability_min:g}"
            return "probability", text
        now = self.position(value["root"])
        then = now + SIDES[value["side"]] * limits.contracts
        if abs(then) > limits.contracts_max:
            return (
                "position",
                f"{then} contracts of {value['root']}, at most {limits.contracts_max}",
            )
        first_ns = self._instants[0] if len(self._instants) == self._instants.maxlen else 0
        if first_ns and int(value["ts_event"]) - first_ns < 60 * NS_PER_S:
            return "rate", f"more than {limits.per_minute_max} intents within 60 s"
        return None


def intent_id(signal_id: str) -> str:
    """Id of a signal's one intent: the same in every run, so that a broker can refuse a copy."""
    return sha256(f"ifd-example-intent/{signal_id}".encode()).hexdigest()[:16]


def _intent(value: dict[str, Any], contracts: int) -> Entry:
    return {
        "kind": "intent",
        "intent_id": intent_id(value["id"]),
        "signal_id": value["id"],
        "root": value["root"],
        "symbol": value["contract"]["symbol"],
        "instrument_id": value["contract"]["instrument_id"],
        "side": value["side"],
        "contracts": contracts,
        "limit_price": value["price"],
        "ts_event": value["ts_event"],
        "probability": value["probability"],
        "strength": value["strength"],
        "because": value.get("reasons", [])[:3],
    }


def _remember(names: OrderedDict[str, Any], name: str, value: Any) -> None:
    names[name] = value
    names.move_to_end(name)
    while len(names) > IDS_KEPT:
        names.popitem(last=False)

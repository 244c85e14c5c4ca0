"""Labels as events to be found, refused where they do not belong to their tape."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.facts import TapeFacts
from operators.model.errors import ConfigError
from operators.model.records import NS_PER_S
from simulator.institutions import Label

GRACE_NS: Final = 30 * NS_PER_S
"""A signal so long after a behaviour's end still belongs to it, ns."""
IDS_MOST: Final = 256
"""Ids that a label holds of each instrument: with so many, others of its orders may have traded."""
SIDES: Final = {"buy": 1, "sell": -1, "none": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One labelled behaviour on one tape."""

    tape: str
    kind: str
    institutional: bool
    """False: a look-alike."""
    root: str
    side: int
    """+1 buys, −1 sells, 0 is not directional."""
    ts_start: int
    ts_end: int
    difficulty: str
    """easy, medium or hard; empty where nobody says."""
    regime: str

    @property
    def stop_ns(self) -> int:
        """The last instant at which a signal belongs to it."""
        return self.ts_end + GRACE_NS

    @property
    def is_sought(self) -> bool:
        """Whether a signal of its side should be there."""
        return self.institutional and self.side != 0

    def holds(self, ts: int) -> bool:
        """Whether a signal at `ts` belongs to it."""
        return self.ts_start <= ts <= self.stop_ns


def events_of(labels: Iterable[Label], facts: TapeFacts, tape: str) -> tuple[Event, ...]:
    """The labels of a tape in order of their starts.

    Raises:
        ConfigError: A label tells of a root, a time or orders that the tape does not have.
    """
    events = []
    for number, label in enumerate(labels, 1):
        if why := _mismatch(label, facts):
            raise ConfigError(
                f"labels of {tape}: label {number} ({label.kind} on {label.root}) does not match"
                f" the tape: {why}; expected the labels that were written with it"
            )
        events.append(
            Event(
                tape=tape,
                kind=label.kind,
                institutional=label.institutional,
                root=label.root,
                side=SIDES[label.side],
                ts_start=int(label.ts_start),
                ts_end=int(label.ts_end),
                difficulty=label.difficulty,
                regime=label.regime,
            )
        )
    return tuple(sorted(events, key=lambda event: (event.ts_start, event.root)))


def _mismatch(label: Label, facts: TapeFacts) -> str:
    """Why a label cannot be of the tape; empty if it can."""
    if label.root not in facts.roots:
        return f"root was {label.root}, the tape has {', '.join(facts.roots) or 'none'}"
    start, end = int(label.ts_start), int(label.ts_end)
    if end < facts.ts_first or start > facts.ts_last:
        return f"time was {start} to {end}, the tape has {facts.ts_first} to {facts.ts_last}"
    ids = [int(each) for each in label.order_ids]
    if label.executed > 0 and 0 < len(ids) < IDS_MOST and not facts.has_traded(ids):
        return f"none of its {len(ids)} orders, the first {ids[0]}, traded on the tape"
    return ""


def sought(events: Sequence[Event]) -> list[Event]:
    """Those that a signal should find."""
    return [event for event in events if event.is_sought]

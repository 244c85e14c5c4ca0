"""Which signals found which labels: one signal counts once, and so does a label."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from evaluation.alarms import Alarm
from evaluation.facts import TapeFacts
from evaluation.labels import Event
from operators.model.records import NS_PER_S

NS_PER_HOUR: Final = 3600 * NS_PER_S


class Verdict(Enum):
    """What became of a signal."""

    FOUND = "found"
    """It is the first one of its side within a label that was not found yet."""
    REPEATED = "repeated"
    """It is within a label of its side that was found before: neither good nor bad."""
    OPPOSED = "opposed"
    """It is within an institution's time, which is on the other side or on none."""
    LOOK_ALIKE = "look_alike"
    """Something innocent is going on."""
    FALSE = "false"
    """Nothing labelled is going on."""


class Find(NamedTuple):
    """A label that is sought, and the signal that found it."""

    event: Event
    ts: int | None
    """Of the signal; None: it was missed."""

    @property
    def delay_fraction(self) -> float | None:
        """(signal − start) / duration, 1 and more after its end; None if it was missed."""
        if self.ts is None:
            return None
        return (self.ts - self.event.ts_start) / max(1, self.event.ts_end - self.event.ts_start)


class Judged(NamedTuple):
    """A signal and what became of it."""

    alarm: Alarm
    verdict: Verdict
    event: Event | None
    """What it found, repeated, opposed or was misled by."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Labels and signals of some tapes, laid beside each other."""

    finds: tuple[Find, ...]
    judged: tuple[Judged, ...]


def match(events: Sequence[Event], alarms: Iterable[Alarm]) -> Matched:
    """Match the signals of a tape, in order of time, with its labels.

    A label is found by a signal of its side and root in [start, end + 30 s]. Of several labels
    that a signal could find it finds the one that ends first.
    """
    found: dict[int, int] = {}
    by_root: dict[str, list[int]] = {}
    for index, event in enumerate(events):
        by_root.setdefault(event.root, []).append(index)
    judged = []
    for alarm in sorted(alarms, key=lambda alarm: alarm.ts):
        open_ = [i for i in by_root.get(alarm.root, ()) if events[i].holds(alarm.ts)]
        verdict, which = _judge(alarm, open_, events, found)
        if verdict is Verdict.FOUND and which is not None:
            found[which] = alarm.ts
        judged.append(Judged(alarm, verdict, None if which is None else events[which]))
    finds = [Find(event, found.get(i)) for i, event in enumerate(events) if event.is_sought]
    return Matched(tuple(finds), tuple(judged))


def _judge(
    alarm: Alarm, open_: list[int], events: Sequence[Event], found: dict[int, int]
) -> tuple[Verdict, int | None]:
    right = [i for i in open_ if events[i].is_sought and events[i].side == alarm.side]
    if new := [i for i in right if i not in found]:
        return Verdict.FOUND, min(new, key=lambda i: events[i].ts_end)
    if right:
        return Verdict.REPEATED, right[0]
    if others := [i for i in open_ if events[i].institutional]:
        return Verdict.OPPOSED, others[0]
    if open_:
        return Verdict.LOOK_ALIKE, open_[0]
    return Verdict.FALSE, None


def joined(parts: Iterable[Matched]) -> Matched:
    """Several tapes as one."""
    finds: list[Find] = []
    judged: list[Judged] = []
    for part in parts:
        finds += part.finds
        judged += part.judged
    return Matched(tuple(finds), tuple(judged))


def unlabelled_hours(events: Sequence[Event], facts: TapeFacts) -> dict[str, float]:
    """Root → hours of the tape on which nothing is labelled, look-alikes counted as labels."""
    return {
        root: sum(end - begin for begin, end in free_spans(events, facts, root)) / NS_PER_HOUR
        for root in facts.roots
    }


def free_spans(events: Sequence[Event], facts: TapeFacts, root: str) -> list[tuple[int, int]]:
    """Begin and end, ns, of each stretch of a root on which nothing is labelled."""
    found, begin = [], facts.ts_first
    for start, stop in sorted((e.ts_start, e.stop_ns) for e in events if e.root == root):
        found.append((begin, min(start, facts.ts_last)))
        begin = max(begin, stop)
    found.append((begin, facts.ts_last))
    return [span for span in found if span[0] < span[1]]


def labelled_hours(events: Iterable[Event]) -> float:
    """Hours on which one of the events or more is going on, each root and tape by itself."""
    total = 0
    places: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for event in events:
        places.setdefault((event.tape, event.root), []).append((event.ts_start, event.stop_ns))
    for spans in places.values():
        end = 0
        for start, stop in sorted(spans):
            total += max(0, stop - max(start, end))
            end = max(end, stop)
    return total / NS_PER_HOUR

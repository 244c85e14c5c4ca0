"""Controls: what the source of a feed tells the operators in the stream, and how it is written.

`gap`: data is missing; instruments are not to be trusted before their next clear and snapshot.
`delayed`: what follows comes from history. Both are part of the input: they are on the tape, and a
replay of it meets them at the same place.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from operators.model.items import Control

GAP: Final = "gap"
DELAYED: Final = "delayed"
REASONS: Final = ("snapshot", "aged_out", "skipped", "seam", "no_tape", "roll")
"""Why data is missing: the feed starts anew from a snapshot; the replay does not reach so far back;
the gateway left records out; what was replayed does not join what was there; there is no tape; a
continuous contract became another one."""
UNKNOWN_REASON: Final = "gap"
INSTRUMENTS_MAX: Final = 16
"""Instruments that one control names: it must fit into the text of a system record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedGap:
    """Data of a feed that is missing or proved bad."""

    reason: str
    """One of REASONS, or UNKNOWN_REASON."""
    from_ns: int
    """The last instant that is whole: what is later, up to the control, is not to be trusted."""
    to_ns: int
    """From when on data is complete again, as changes: the books are not before a snapshot."""
    instruments: tuple[int, ...] | None
    """Ids; None is every instrument of the feed that is known by then."""


def gap_controls(feed: str, ts_event: int, gap: FeedGap) -> list[Control]:
    """The gap as controls for the stream: one, or several where it names many instruments."""
    named: Sequence[tuple[int, ...] | None] = [None]
    if gap.instruments is not None:
        ids = gap.instruments
        named = [ids[i : i + INSTRUMENTS_MAX] for i in range(0, len(ids), INSTRUMENTS_MAX)]
    return [
        Control(feed, ts_event, GAP, _json(gap.reason, gap.from_ns, gap.to_ns, part))
        for part in named
    ]


def gap_of(control: Control) -> FeedGap:
    """What a `gap` says. One that cannot be read is taken for the worst: all, from its own time."""
    try:
        value = json.loads(control.value)
        named = value["instruments"]
        return FeedGap(
            reason=value["reason"] if value["reason"] in REASONS else UNKNOWN_REASON,
            from_ns=int(value["from_ns"]),
            to_ns=int(value["to_ns"]),
            instruments=None if named is None else tuple(sorted({int(one) for one in named})),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        ts = control.ts_event
        return FeedGap(reason=UNKNOWN_REASON, from_ns=ts, to_ns=ts, instruments=None)


def delayed_control(feed: str, ts_event: int, *, on: bool) -> Control:
    """The control that says where history begins (`on`) and where it ends."""
    return Control(feed, ts_event, DELAYED, json.dumps({"on": on}, separators=(",", ":")))


def delayed_of(control: Control) -> bool:
    """What a `delayed` says. One that cannot be read is taken for the worst: it is history."""
    try:
        return json.loads(control.value)["on"] is not False
    except (ValueError, KeyError, TypeError, RecursionError):
        return True


def _json(reason: str, from_ns: int, to_ns: int, ids: tuple[int, ...] | None) -> str:
    value = {"reason": reason, "from_ns": from_ns, "to_ns": to_ns, "instruments": ids}
    return json.dumps(value, separators=(",", ":"))

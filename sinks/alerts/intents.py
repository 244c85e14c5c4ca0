"""Intent: what the policy wants one receiver to be told. Its id is a hash of what it says."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sinks.alerts.brief import Brief, brief_of_plain

Kind = Literal["alert", "repeat", "closed", "retracted", "digest", "test"]
FOLLOWING: Final = ("closed", "retracted")
"""Kinds that make sense only after their alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One notification to one receiver."""

    id: str
    """20 hexadecimal digits; the Message-ID and idempotency key are made of it."""
    kind: Kind
    receiver: str
    ts_event: int
    """Event time at which the policy decided, ns since the epoch: its age counts from here."""
    briefs: tuple[Brief, ...]
    """The signals it is about, oldest first; of a digest, those listed."""
    follows: tuple[str, ...] = ()
    """Ids of the intents that told of the signal first and last: if neither arrived it is moot."""
    reasons: tuple[str, ...] = ()
    """Of a digest: why each of `briefs` was held back."""
    totals: dict[str, int] = field(default_factory=dict)
    """Of a digest: reason → signals held back, listed or not."""

    @property
    def root(self) -> str:
        """Root of its signals; empty if they are of several."""
        roots = {brief.root for brief in self.briefs}
        return roots.pop() if len(roots) == 1 else ""

    @property
    def signal_id(self) -> str:
        """Its signal; empty if it is about several."""
        return self.briefs[0].id if len(self.briefs) == 1 else ""

    def text(self) -> str:
        """JSON of everything."""
        plain: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "receiver": self.receiver,
            "ts_event": self.ts_event,
            "briefs": [brief.plain() for brief in self.briefs],
            "follows": self.follows,
            "reasons": self.reasons,
            "totals": self.totals,
        }
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def intent_of_text(text: str) -> Intent:
    """The intent that gave `text`. Raises ValueError, KeyError or TypeError for any other."""
    plain = json.loads(text)
    plain["briefs"] = tuple([brief_of_plain(brief) for brief in plain["briefs"]])
    for name in ("reasons", "follows"):
        plain[name] = tuple(plain[name])
    return Intent(**plain)


def intent_of(
    kind: Kind, receiver: str, ts_event: int, briefs: Iterable[Brief], follows: tuple[str, ...] = ()
) -> Intent:
    """An intent about signals, with its id.

    The same revisions for the same receiver are the same intent; a repeat is one of its instant.
    """
    told = tuple(briefs)
    when = ts_event if kind in ("repeat", "test") else 0
    parts = [kind, receiver, when, *sorted(f"{brief.id}/{brief.revision}" for brief in told)]
    return Intent(
        id=_id(parts),
        kind=kind,
        receiver=receiver,
        ts_event=ts_event,
        briefs=told,
        follows=follows,
    )


def digest_of(
    receiver: str,
    ts_event: int,
    listed: Iterable[tuple[Brief, str]],
    totals: dict[str, int],
) -> Intent:
    """A digest of what was held back, with its id; `listed` gives each signal and the reason."""
    pairs = tuple(listed)
    counts = [f"{reason}={count}" for reason, count in sorted(totals.items())]
    parts = ["digest", receiver, ts_event, *counts, *[brief.id for brief, _ in pairs]]
    return Intent(
        id=_id(parts),
        kind="digest",
        receiver=receiver,
        ts_event=ts_event,
        briefs=tuple([brief for brief, _ in pairs]),
        reasons=tuple([reason for _, reason in pairs]),
        totals=dict(sorted(totals.items())),
    )


def _id(parts: list[Any]) -> str:
    text = "|".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()

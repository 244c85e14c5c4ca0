"""Tracks: the open signals, who was told of each, and which inhibitions they cause.

Signals that were closed lately are kept apart: they can still be retracted, and whoever was told of
one is told of that.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from sinks.alerts.brief import Brief, brief_of_plain
from sinks.alerts.policy_config import InhibitConfig

TRACKS_MAX: Final = 10_000
CLOSED_MAX: Final = 2_000

Told = tuple[tuple[str, ...], int, str, tuple[str, ...]]
"""Ids of the intents that told of it first and last, the rank told, and its group: path, labels."""


@dataclass(slots=True)
class Track:
    """One open signal."""

    brief: Brief
    told: dict[str, Told] = field(default_factory=dict)
    """By receiver."""
    listed: set[str] = field(default_factory=set)
    """Receivers in whose digests it has been counted."""
    causes: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """Inhibitions of which it is a source: rule, labels that must be equal."""


class Tracks:
    """State: at most 10,000 open signals; the oldest makes room, counted. And 2,000 closed ones."""

    def __init__(self, rules: tuple[InhibitConfig, ...], state: Any = None) -> None:
        self._rules = rules
        self._tracks: dict[str, Track] = {}
        self._closed: dict[str, Track] = {}
        self._sources: dict[tuple[int, tuple[str, ...]], dict[str, None]] = {}
        self.forgotten: int = 0
        """Open signals that had no place."""
        if state is not None:
            self.forgotten, tracks, closed = state
            for plain, told, listed in tracks:
                track = self.update(brief_of_plain(plain))
                track.told, track.listed = _told(told), set(listed)
            for plain, told, listed in closed:
                track = Track(brief_of_plain(plain), _told(told), set(listed))
                self._closed[track.brief.id] = track

    def __len__(self) -> int:
        return len(self._tracks)

    def get(self, signal_id: str) -> Track | None:
        """The open signal of that id."""
        return self._tracks.get(signal_id)

    def update(self, brief: Brief) -> Track:
        """Take a revision of an open signal."""
        track = self._tracks.get(brief.id)
        if track is None:
            while len(self._tracks) >= TRACKS_MAX:
                self.end(next(iter(self._tracks)))
                self.forgotten += 1
            track = self._tracks[brief.id] = Track(brief)
        self._unlink(track)
        track.brief = brief
        track.causes = tuple(
            [
                (n, _labels(brief, rule))
                for n, rule in enumerate(self._rules)
                if rule.source.accepts(brief)
            ]
        )
        for cause in track.causes:
            self._sources.setdefault(cause, {})[brief.id] = None
        return track

    def closed(self, signal_id: str) -> Track | None:
        """The signal of that id that was closed."""
        return self._closed.get(signal_id)

    def close(self, signal_id: str) -> Track | None:
        """The signal is over, and may still be retracted; what was known of it."""
        track = self._end(signal_id)
        if track is not None:
            self._closed[signal_id] = track
            if len(self._closed) > CLOSED_MAX:
                del self._closed[next(iter(self._closed))]
        return track

    def end(self, signal_id: str) -> Track | None:
        """Nothing more comes of the signal, open or closed; what was known of it."""
        return self._end(signal_id) or self._closed.pop(signal_id, None)

    def inhibits(self, brief: Brief) -> bool:
        """Whether another open signal inhibits alerts about this one."""
        return any(
            rule.target.accepts(brief)
            and any(k != brief.id for k in self._sources.get((n, _labels(brief, rule)), ()))
            for n, rule in enumerate(self._rules)
        )

    def snapshot(self) -> tuple[Any, ...]:
        """Plain copied state."""
        tracks, closed = (
            tuple(
                (track.brief.plain(), tuple(track.told.items()), tuple(sorted(track.listed)))
                for track in some.values()
            )
            for some in (self._tracks, self._closed)
        )
        return self.forgotten, tracks, closed

    def _end(self, signal_id: str) -> Track | None:
        track = self._tracks.pop(signal_id, None)
        if track is not None:
            self._unlink(track)
            track.causes = ()
        return track

    def _unlink(self, track: Track) -> None:
        for cause in track.causes:
            ids = self._sources[cause]
            ids.pop(track.brief.id)
            if not ids:
                del self._sources[cause]


def _told(plain: Any) -> dict[str, Told]:
    return {
        name: (tuple(ids), severity, path, tuple(labels))
        for name, (ids, severity, path, labels) in plain
    }


def _labels(brief: Brief, rule: InhibitConfig) -> tuple[str, ...]:
    return tuple([getattr(brief, name) for name in rule.equal])

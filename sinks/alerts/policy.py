"""Alert policy: which signals become messages to whom, and when. Pure; time is that of the data.

The words are those of Prometheus Alertmanager (routes, group_wait, group_interval, repeat_interval,
inhibition, silence, resolved); what a trader needs besides is severity, least confidence, cooldown,
hourly budget, digest, quiet hours, and silence while the feed is bad.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from operators.model.errors import StateError
from operators.model.items import Tick
from operators.model.signals import FeedStatus, Gap, Signal
from operators.model.streams import Message
from sinks.alerts.brief import Brief, brief_of
from sinks.alerts.feed_health import FeedHealth
from sinks.alerts.groups import Group, Groups, Key
from sinks.alerts.intents import Intent, intent_of
from sinks.alerts.match import rank
from sinks.alerts.policy_config import PolicyConfig
from sinks.alerts.restraint import Budgets, Cooldowns, HeldBack
from sinks.alerts.routes import Route, resolved
from sinks.alerts.tracks import Track, Tracks

REASONS: Final = (
    "delayed", "late", "confidence", "severity", "silenced", "inhibited", "bad_feed",
    "quiet_hours", "cooldown", "group_full", "budget", "retracted", "receiver_gone",
)  # fmt: skip
"""Why a signal that was routed to a receiver was not told to it."""
DIGEST_LATER_NS: Final = 60_000_000_000
_NS_PER_S: Final = 1_000_000_000


class AlertPolicy:
    """Messages and ticks in order → intents, whatever the cuts.

    Every routed (signal revision, receiver) has one fate, and the counts add up:
    `offered = told + merged + known + held.* + waiting`. Closings and retractions are counted
    apart, for they only follow.

    State: at most 10,000 open and 2,000 closed signals, 5,000 groups of 50, 20,000 cooldowns; per
    receiver the instants of an hour's budget and 20 signals held back.

    References:
        Prometheus Alertmanager, "Configuration" (route, inhibit_rule, mute_time_interval).
    """

    STATE_VERSION: ClassVar[int] = 2

    def __init__(self, config: PolicyConfig, state: dict[str, Any] | None = None) -> None:
        """Go on from a snapshot, also under another policy: receivers that are gone are counted.

        Raises:
            StateError: The snapshot is of another version.
        """
        if state is not None and state["version"] != self.STATE_VERSION:
            raise StateError(
                f"alerts: version was {state['version']} in the recovery store, expected "
                f"{self.STATE_VERSION}: start with an empty recovery directory"
            )
        plain = state or dict.fromkeys(
            ("tracks", "groups", "cooldowns", "budgets", "health", "counts")
        )
        self._config = config
        self._root = resolved(config.route)
        self._routes = {route.path: route for route in self._root.nodes()}
        self._zone = ZoneInfo(config.time_zone)
        self._clock_ns: int = plain.get("clock") or 0
        self._counts: Counter[str] = Counter(plain["counts"] or {})
        self._tracks = Tracks(config.inhibit, plain["tracks"])
        self._groups = Groups(plain["groups"])
        self._cooldowns = Cooldowns(plain["cooldowns"])
        self._budgets = Budgets(
            {name: r.budget_per_hour for name, r in config.receivers.items()}, plain["budgets"]
        )
        self._health = FeedHealth(config.bad_feed, plain["health"])
        held = plain.get("held") or {}
        self._held = {
            name: HeldBack(name, round(r.digest_s * _NS_PER_S), held.get(name))
            for name, r in config.receivers.items()
        }

    def on_item(self, item: object) -> list[Intent]:
        """Take what leaves the chain; items that say nothing to alerts are passed over."""
        if isinstance(item, Tick):
            return self._advance(item.ts_event)
        if not isinstance(item, Message):
            return []
        value = item.value
        if isinstance(value, Gap):
            self._health.on_gap(value)
            return []
        if isinstance(value, FeedStatus):
            self._health.on_status(value)
            return self._advance(value.ts_event)
        if isinstance(value, Signal):
            intents = self._advance(value.ts_event)
            intents += self._on_signal(value, item.late)
            # What need not wait goes at once.
            return intents + self._advance(value.ts_event)
        return []

    def counts(self) -> dict[str, int]:
        """`signals`, `unrouted`, `offered`, `told`, `merged`, `known`, `held.REASON`, … A copy."""
        now = {"waiting": self._groups.waiting(), "forgotten": self._tracks.forgotten}
        return dict(self._counts) | now

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        return {
            "version": self.STATE_VERSION,
            "clock": self._clock_ns,
            "counts": dict(self._counts),
            "tracks": self._tracks.snapshot(),
            "groups": self._groups.snapshot(),
            "cooldowns": self._cooldowns.snapshot(),
            "budgets": self._budgets.snapshot(),
            "health": self._health.snapshot(),
            "held": {name: held.snapshot() for name, held in self._held.items()},
        }

    # What a signal brings.

    def _on_signal(self, signal: Signal, late: bool) -> list[Intent]:
        self._counts["signals"] += 1
        brief = brief_of(signal, self._config.severity.of(signal), late=late)
        if signal.change == "retracted":
            return self._on_retracted(brief)
        if signal.change == "closed":
            return self._on_closed(brief)
        targets = self._targets(brief)
        track = self._tracks.update(brief)
        if not targets:
            self._counts["unrouted"] += 1
        for receiver, route in targets.items():
            self._counts["offered"] += 1
            self._offer(track, receiver, route)
        return []

    def _targets(self, brief: Brief) -> dict[str, Route]:
        """Receiver → the first route that leads to it."""
        targets: dict[str, Route] = {}
        for route in self._root.leaves(brief):
            for receiver in route.receivers:
                targets.setdefault(receiver, route)
        return targets

    def _offer(self, track: Track, receiver: str, route: Route) -> None:
        brief = track.brief
        if self._groups.replace(receiver, brief):
            self._counts["merged"] += 1
            return
        told = track.told.get(receiver)
        if told is not None and rank(brief.severity) <= told[1]:
            self._counts["known"] += 1
            return
        reason = self._blocked(brief, receiver, self._clock_ns)
        if not reason and told is None and self._cooldowns.is_on(receiver, brief, self._clock_ns):
            reason = "cooldown"
        if not reason and not self._groups.add(route, receiver, brief, self._clock_ns):
            reason = "group_full"
        if reason:
            self._hold(brief, receiver, reason)
        else:
            self._cooldowns.start(receiver, brief, self._clock_ns, route.cooldown_ns)

    def _blocked(self, brief: Brief, receiver: str, now_ns: int) -> str:
        """Why a receiver must not be told of this now; empty if it may."""
        config = self._config.receivers[receiver]
        if brief.delayed:
            return "delayed"
        if brief.late and self._config.bad_feed.inhibit:
            return "late"
        if brief.probability < config.confidence_min:
            return "confidence"
        if rank(brief.severity) < rank(config.severity_min):
            return "severity"
        if self._is_silenced(brief, now_ns):
            return "silenced"
        if self._tracks.inhibits(brief):
            return "inhibited"
        if self._health.is_bad_for(brief):
            return "bad_feed"
        return "quiet_hours" if self._is_quiet(receiver, now_ns, brief) else ""

    def _is_silenced(self, brief: Brief, now_ns: int) -> bool:
        return any(
            silence.from_.timestamp() * _NS_PER_S <= now_ns < silence.to.timestamp() * _NS_PER_S
            and silence.match.accepts(brief)
            for silence in self._config.silences
        )

    def _is_quiet(self, receiver: str, now_ns: int, brief: Brief | None = None) -> bool:
        """Whether a receiver is left alone; severe signals come through, digests do not."""
        for name in self._config.receivers[receiver].quiet_hours:
            quiet = self._config.quiet_hours[name]
            through = (
                brief is not None
                and quiet.through != "nothing"
                and rank(brief.severity) >= rank(quiet.through)
            )
            zone = ZoneInfo(quiet.time_zone) if quiet.time_zone else self._zone
            if not through and quiet.contains(now_ns, zone):
                return True
        return False

    def _hold(self, brief: Brief, receiver: str, reason: str) -> None:
        """Count it, and list the signal in the next digest unless it already was."""
        self._counts[f"held.{reason}"] += 1
        track = self._tracks.get(brief.id)
        if track is not None and receiver in track.listed:
            return
        if track is not None:
            track.listed.add(receiver)
        self._held[receiver].add(brief, reason, self._clock_ns)

    def _on_retracted(self, brief: Brief) -> list[Intent]:
        """It follows its alert whatever the hour, the budget or the feed."""
        self._counts["retractions"] += 1
        track = self._tracks.end(brief.id)
        for receiver in self._groups.remove(brief.id):
            self._hold_last(brief, receiver, track)
        if track is None:
            return []
        return [
            intent_of("retracted", receiver, self._clock_ns, [brief], ids)
            for receiver, (ids, *_) in track.told.items()
            if receiver in self._config.receivers
        ]

    def _hold_last(self, brief: Brief, receiver: str, track: Track | None) -> None:
        """It was taken back before it was told."""
        if receiver not in self._held:
            self._counts["held.receiver_gone"] += 1
            return
        self._counts["held.retracted"] += 1
        if track is None or receiver not in track.listed:
            self._held[receiver].add(brief, "retracted", self._clock_ns)

    def _on_closed(self, brief: Brief) -> list[Intent]:
        """What waits goes out as over; who was told hears of it if the route wants it."""
        self._counts["closings"] += 1
        track = self._tracks.close(brief.id)
        for receiver in self._groups.receivers_of(brief.id):
            self._groups.replace(receiver, brief)
        if track is None:
            return []
        return [
            intent_of("closed", receiver, self._clock_ns, [brief], ids)
            for receiver, (ids, _, path, _) in track.told.items()
            if receiver in self._config.receivers and self._route(path).send_resolved
        ]

    def _route(self, path: str) -> Route:
        """The route of a path; the root where an older policy had one."""
        return self._routes.get(path, self._root)

    # What time brings.

    def _advance(self, ts_event: int) -> list[Intent]:
        """Everything due by now, in order of when it was due."""
        self._clock_ns = max(self._clock_ns, ts_event)
        intents: list[Intent] = []
        for when_ns, key, group in self._groups.due(self._clock_ns, self._routes):
            if key[1] not in self._config.receivers:
                self._counts["held.receiver_gone"] += len(self._groups.take(key, when_ns))
                group.open.clear()
            elif group.waiting:
                intents += self._send(when_ns, key, group)
            else:
                intents += self._remind(when_ns, key, group)
        for receiver, held in self._held.items():
            if 0 < held.due_ns <= self._clock_ns:
                if self._is_quiet(receiver, self._clock_ns):
                    held.due_ns = self._clock_ns + DIGEST_LATER_NS
                else:
                    self._counts["digests"] += 1
                    intents.append(held.digest(self._clock_ns))
        return intents

    def _send(self, when_ns: int, key: Key, group: Group) -> Iterable[Intent]:
        """The message of a group: what may still be told, within the budget."""
        path, receiver, labels = key
        briefs = self._allowed(self._groups.take(key, when_ns), receiver, when_ns)
        if not briefs:
            return []
        if not self._budgets.take(receiver, when_ns):
            for brief in briefs:
                self._hold(brief, receiver, "budget")
            return []
        intent = intent_of("alert", receiver, when_ns, briefs)
        self._counts["told"] += len(briefs)
        self._counts["alerts"] += 1
        for brief in briefs:
            track = self._tracks.get(brief.id)
            if track is not None:
                group.open[brief.id] = None
            if (track := track or self._tracks.closed(brief.id)) is not None:
                before = track.told.get(receiver)
                ids = (intent.id,) if before is None else (before[0][0], intent.id)
                track.told[receiver] = (ids, rank(brief.severity), path, labels)
        return [intent]

    def _allowed(self, briefs: list[Brief], receiver: str, now_ns: int) -> list[Brief]:
        """Those that nothing speaks against any more or by now."""
        allowed = []
        for brief in briefs:
            if reason := self._blocked(brief, receiver, now_ns):
                self._hold(brief, receiver, reason)
            else:
                allowed.append(brief)
        return allowed

    def _remind(self, when_ns: int, key: Key, group: Group) -> Iterable[Intent]:
        """What was told and is still open, once more; what must not go is only counted."""
        path, receiver, labels = key
        self._groups.take(key, when_ns)
        # One that was told of again, as more severe, is reminded of where it was told last.
        tracks = [
            track
            for k in group.open
            if (track := self._tracks.get(k)) is not None
            and track.told[receiver][2:] == (path, labels)
        ]
        group.open = {track.brief.id: None for track in tracks}
        if not tracks:
            return []
        briefs = [t.brief for t in tracks if not self._blocked(t.brief, receiver, when_ns)]
        if not briefs or not self._budgets.take(receiver, when_ns):
            self._counts["reminders_held"] += 1
            return []
        self._counts["reminders"] += 1
        return [intent_of("repeat", receiver, when_ns, briefs)]

"""The alert policy as its file says it: receivers, a tree of routes, inhibitions, silences."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sinks.alerts.channels.channel_config import (
    AppriseConfig,
    ChannelConfig,
    EmailConfig,
    SlackConfig,
    SmsConfig,
    WebhookConfig,
)
from sinks.alerts.feed_health import BadFeedConfig
from sinks.alerts.match import Label, Match, Severity, SeverityConfig
from sinks.alerts.quiet_hours import QuietHours

CHANNELS: Final = ("email", "slack", "sms", "webhook", "apprise")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverConfig:
    """One place that is told, over exactly one channel."""

    email: EmailConfig | None = None
    slack: SlackConfig | None = None
    sms: SmsConfig | None = None
    webhook: WebhookConfig | None = None
    apprise: AppriseConfig | None = None
    confidence_min: float = 0.0
    """Signals of less probability are held back, 0…1."""
    severity_min: Severity = "info"
    """Signals below are held back."""
    budget_per_hour: int = 30
    """Alerts within any hour of event time, 1…1,000; what follows an alert is not counted."""
    digest_s: float = 3_600.0
    """What was held back is listed so long after the first of it, 0 (never) or 60…86,400."""
    quiet_hours: tuple[str, ...] = ()
    """Names of spans in which it is left alone."""
    max_age_s: float = 300.0
    """Nothing older is sent, 1…86,400."""
    attempts_max: int = 8
    """Failed attempts after which a message is a dead letter, 1…100."""

    def __post_init__(self) -> None:
        given = [name for name in CHANNELS if getattr(self, name) is not None]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise ValueError(f"must have one channel of {', '.join(CHANNELS)}, found {found}")
        if self.digest_s != 0 and not 60 <= self.digest_s <= 86_400:
            raise ValueError(f"digest_s must be 0 or from 60 to 86400, was {self.digest_s}")
        for name, low, high in (
            ("confidence_min", 0, 1),
            ("budget_per_hour", 1, 1_000),
            ("max_age_s", 1, 86_400),
            ("attempts_max", 1, 100),
        ):
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, was {value}")

    @property
    def channel(self) -> ChannelConfig:
        """The one that is set."""
        for name in CHANNELS:
            if (config := getattr(self, name)) is not None:
                return config  # type: ignore[no-any-return]
        raise AssertionError("a receiver has a channel")

    @property
    def channel_name(self) -> str:
        """Which of the channels it is."""
        return next(name for name in CHANNELS if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteConfig:
    """A node of the tree: what matches goes down it. What is not given, the parent gives."""

    match: Match = field(default_factory=Match)
    receivers: tuple[str, ...] | None = None
    """Empty: nobody."""
    group_by: tuple[Label, ...] | None = None
    """Signals alike in these come in one message; none: each signal is a message."""
    group_wait_s: float | None = None
    """First message of a group waits so long for others, 0…300; critical wants 0 to 2."""
    group_interval_s: float | None = None
    """Next message of a group at the soonest, 0…86,400."""
    repeat_interval_s: float | None = None
    """Reminder of what is still open, 0 (never) or 60…86,400."""
    cooldown_s: float | None = None
    """After an alert none of another signal of that root, side and kind, 0…86,400."""
    send_resolved: bool | None = None
    """Whether the end of a signal is told to those who got its alert."""
    continue_: bool = False
    """Whether the next sibling may match as well."""
    routes: "tuple[RouteConfig, ...]" = ()

    def __post_init__(self) -> None:
        for name, high in (
            ("group_wait_s", 300), ("group_interval_s", 86_400), ("cooldown_s", 86_400),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not 0 <= value <= high:
                raise ValueError(f"{name} must be from 0 to {high}, was {value}")
        repeat = self.repeat_interval_s
        if repeat is not None and repeat != 0 and not 60 <= repeat <= 86_400:
            raise ValueError(f"repeat_interval_s must be 0 or from 60 to 86400, was {repeat}")
        if self.receivers is not None and len(set(self.receivers)) != len(self.receivers):
            raise ValueError(f"receivers must not repeat, were {', '.join(self.receivers)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitConfig:
    """While a signal like `source` is open, alerts like `target` are held back."""

    source: Match
    target: Match
    equal: tuple[Label, ...] = ("root",)
    """Only where both are alike in these."""

    def __post_init__(self) -> None:
        if self.source == self.target:
            raise ValueError("source and target are the same: each signal would inhibit the next")


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceConfig:
    """Alerts like `match` are held back from one instant to another."""

    from_: datetime
    """With its offset from UTC."""
    to: datetime
    """With its offset from UTC; later than `from`."""
    match: Match = field(default_factory=Match)
    comment: str = ""

    def __post_init__(self) -> None:
        for name, value in (("from", self.from_), ("to", self.to)):
            if value.tzinfo is None:
                raise ValueError(f"{name} must have an offset such as Z or -06:00, was {value}")
        if not self.from_ < self.to:
            raise ValueError(f"to must be later than from, was {self.to}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyConfig:
    """Everything that decides who is told what and when."""

    version: Literal[1] = 1
    """Form of the file."""
    time_zone: str = "America/Chicago"
    """IANA name, of the texts and of quiet hours: the exchange's."""
    severity: SeverityConfig = field(default_factory=SeverityConfig)
    bad_feed: BadFeedConfig = field(default_factory=BadFeedConfig)
    receivers: dict[str, ReceiverConfig] = field(default_factory=dict)
    route: RouteConfig = field(default_factory=RouteConfig)
    inhibit: tuple[InhibitConfig, ...] = ()
    silences: tuple[SilenceConfig, ...] = ()
    quiet_hours: dict[str, QuietHours] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_zone(self.time_zone, "time_zone")
        for name, quiet in self.quiet_hours.items():
            if quiet.time_zone:
                check_zone(quiet.time_zone, f"quiet_hours.{name}.time_zone")


def check_zone(name: str, where: str) -> None:
    """Raises ValueError for a zone that is unknown."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{where} must be a zone such as America/Chicago, was {name!r}") from None

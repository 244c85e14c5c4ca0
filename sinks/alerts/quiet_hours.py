"""Quiet hours: spans of the week, in a time zone, in which a receiver is left alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sinks.alerts.match import Severity

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From a local time to another, over midnight if `to` is not after `from`.

    A span over midnight belongs to the day on which it begins. Clock changes are the time zone's.
    """

    from_: time
    to: time
    days: tuple[Day, ...] = DAYS
    """Days on which it begins."""
    time_zone: str = ""
    """IANA name; empty: the policy's."""
    through: Severity | Literal["nothing"] = "critical"
    """From this severity on alerts come through all the same."""

    def __post_init__(self) -> None:
        if self.from_ == self.to:
            raise ValueError(f"to must differ from from, both were {self.to}")
        if not self.days:
            raise ValueError("days must name a day, was empty")

    def contains(self, ts_ns: int, zone: ZoneInfo) -> bool:
        """Whether the instant is within; `zone` is the one that applies."""
        local = datetime.fromtimestamp(ts_ns // _NS_PER_S, UTC).astimezone(zone)
        now, today = local.time(), local.weekday()
        if self.from_ < self.to:
            return DAYS[today] in self.days and self.from_ <= now < self.to
        if now >= self.from_:
            return DAYS[today] in self.days
        return DAYS[today - 1] in self.days and now < self.to

"""Feed health: whether the data that a signal rests on is sound at the moment."""

from dataclasses import dataclass
from typing import Any, Final

from operators.model.signals import FeedStatus, Gap
from sinks.alerts.brief import Brief

SOUND_STATES: Final = ("live", "replay")
GAPS_MAX: Final = 20_000
FEEDS_MAX: Final = 256
ROOTS_MAX: Final = 10_000
_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFeedConfig:
    """When a feed is too bad for alerts about its signals."""

    inhibit: bool = True
    """Whether alerts are held back at all while it is."""
    quality_min: float = 0.5
    """Signals of less feed quality are held back, 0…1."""
    lag_ms_max: float = 5_000.0
    """A live feed further behind is bad, above 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.quality_min <= 1:
            raise ValueError(f"quality_min must be from 0 to 1, was {self.quality_min}")
        if not self.lag_ms_max > 0:
            raise ValueError(f"lag_ms_max must be above 0, was {self.lag_ms_max}")


class FeedHealth:
    """What gaps and status have said. State: the open gaps, the feeds' states, whose root is whose.

    A signal does not say its feed. A root's feed is known from its gaps; until then any bad feed
    counts against it, for silence is cheaper than a false alarm.
    """

    def __init__(self, config: BadFeedConfig, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._gaps: dict[tuple[str, int], None] = {}
        self._bad: dict[str, bool] = {}
        self._feed_of: dict[str, str] = {}
        if state is not None:
            self._gaps = dict.fromkeys((root, number) for root, number in state["gaps"])
            self._bad = dict(state["bad"])
            self._feed_of = dict(state["feed_of"])

    def on_gap(self, gap: Gap) -> None:
        """Data of an instrument is missing or wrong, or whole again."""
        _keep(self._feed_of, gap.root, gap.feed, ROOTS_MAX)
        place = (gap.root, gap.instrument_id)
        if gap.change == "closed":
            self._gaps.pop(place, None)
        elif gap.reason != "reassigned":  # Nothing is missing, and nothing will close it.
            _keep(self._gaps, place, None, GAPS_MAX)

    def on_status(self, status: FeedStatus) -> None:
        """A feed says how it is."""
        lags = status.state == "live" and status.lag_ns > self._config.lag_ms_max * _NS_PER_MS
        late = lags or status.late
        _keep(self._bad, status.feed, late or status.state not in SOUND_STATES, FEEDS_MAX)

    def is_bad_for(self, brief: Brief) -> bool:
        """Whether an alert about this signal had better wait."""
        if not self._config.inhibit:
            return False
        if brief.quality < self._config.quality_min:
            return True
        if any((brief.root, number) in self._gaps for number in brief.instrument_ids):
            return True
        feed = self._feed_of.get(brief.root)
        return self._bad.get(feed, False) if feed is not None else any(self._bad.values())

    def snapshot(self) -> dict[str, Any]:
        """Plain copied state."""
        return {"gaps": tuple(self._gaps), "bad": dict(self._bad), "feed_of": dict(self._feed_of)}


def _keep(table: dict[Any, Any], key: Any, value: Any, count_max: int) -> None:
    """Enter a value; when the table is full its oldest key goes."""
    if key not in table and len(table) >= count_max:
        del table[next(iter(table))]
    table[key] = value

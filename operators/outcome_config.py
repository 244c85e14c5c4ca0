"""Settings of the step `outcome`."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from operators.calendar import Calendar

HORIZONS_MAX: Final = 16
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeConfig:
    """When the market after a signal is looked at, and what counts as not known."""

    calendar: Calendar | None = None
    """The exchange's day; None: only its status tells that it is closed."""
    horizons_s: tuple[int, ...] = (1, 5, 30, 60, 300, 900)
    """Seconds of the data's time after a signal, 1…86,400, ascending, at most 16."""
    wait_ns: int = _NS_PER_S
    """A mid is waited for so long after the horizon, 1e9…60e9: after a second without a row
    nothing has happened, and the mid that stood is that of the horizon."""
    stale_max_ns: int = 60 * _NS_PER_S
    """A mid that stood longer than this at the horizon is none, at least 0."""
    pending_max: int = 256
    """Signals and samples of a root that are followed up at once, at least 1; further samples are
    left out, counted, and outcomes of further signals unknown (`full`)."""
    drift_outcomes: int = 250
    """Outcomes of signals in a block; the last two blocks are watched for drift; at least 10."""
    drift_ece_max: float = 0.05
    """Calibration error over the blocks above which there is an alarm, 0…1."""

    def __post_init__(self) -> None:
        horizons = self.horizons_s
        if not 1 <= len(horizons) <= HORIZONS_MAX or not all(1 <= h <= 86_400 for h in horizons):
            raise ValueError(
                f"horizons_s must be 1 to {HORIZONS_MAX} of 1 to 86,400 s, was {horizons}"
            )
        if any(a >= b for a, b in pairwise(horizons)):
            raise ValueError(f"horizons_s must ascend without repeats, was {horizons}")
        for name, low, high in (
            ("wait_ns", _NS_PER_S, 60 * _NS_PER_S),
            ("stale_max_ns", 0, 86_400 * _NS_PER_S),
            ("pending_max", 1, 100_000),
            ("drift_outcomes", 10, 1_000_000),
            ("drift_ece_max", 0, 1),
        ):
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, was {value}")

"""When pressure counts as persistent."""

from dataclasses import dataclass
from typing import Final

from operators.model.records import NS_PER_S

WINDOW_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPressureConfig:
    """When pressure counts as persistent."""

    drift: float = 1.25
    """k: z of a window that is tolerated for ever, above 0."""
    threshold: float = 10.0
    """h: sum of excess z at which an alarm is given, above 0."""
    spread: float = 1.9
    """σ: long-run standard deviation of z, at least 1, which it is if windows are independent."""
    z_max: float = 4.0
    """A single window's z is clipped to ± this, above `drift`."""
    idle_ns_max: int = 300_000_000_000
    """Without a window for so long the sums start anew, at least five seconds."""

    def __post_init__(self) -> None:
        for name in ("drift", "threshold"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name} must be above 0, was {value}")
        if not self.z_max > self.drift:
            raise ValueError(f"z_max must be above drift, {self.drift}, was {self.z_max}")
        if not self.spread >= 1:
            raise ValueError(f"spread must be at least 1, was {self.spread}")
        if self.idle_ns_max < WINDOW_S * NS_PER_S:
            raise ValueError(
                f"idle_ns_max must be at least {WINDOW_S * NS_PER_S}, was {self.idle_ns_max}"
            )

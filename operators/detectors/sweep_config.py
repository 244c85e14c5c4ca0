"""When aggressors count as a sweep."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """When aggressors count as a sweep."""

    levels_min: int = 3
    """Distinct prices taken, at least 2."""
    size_min: int = 50
    """Contracts from which taking all that was shown at the touch counts, at least 1."""
    coalesce_ns: int = 5_000_000
    """Aggressors of one side no further apart are one sweep, at least 0."""
    per_hour_max: float = 20.0
    """Sweeps that come more often in their instrument are no evidence, above 0, up to 10⁶."""

    def __post_init__(self) -> None:
        for name, bound in (("levels_min", 2), ("size_min", 1), ("coalesce_ns", 0)):
            if (value := getattr(self, name)) < bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.per_hour_max <= 1e6:
            raise ValueError(f"per_hour_max must be above 0, up to 1e6, was {self.per_hour_max}")

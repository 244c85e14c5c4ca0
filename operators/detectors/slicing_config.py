"""When orders of like size count as slices of a larger one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SlicingConfig:
    """When orders of like size count as slices of a larger one."""

    p_max: float = 1e-3
    """Chance of such regularity, 0…0.5, both excluded."""
    orders_min: int = 8
    """Orders of the side and class of size, 4…48."""
    size_min: int = 2
    """Contracts of each, at least 1: single contracts come from everywhere."""
    period_min_s: float = 0.25
    """Shortest period looked for, above 0."""
    period_max_s: float = 120.0
    """Longest, above the shortest."""
    cells_max: int = 1024
    """Sides and classes of instruments watched at once, at least 4; the longest idle goes first."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, evidence is given again after so long, at least 0."""

    def __post_init__(self) -> None:
        for name, bound in (("size_min", 1), ("cells_max", 4), ("repeat_ns", 0)):
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 4 <= self.orders_min <= 48:
            raise ValueError(f"orders_min must be from 4 to 48, was {self.orders_min}")
        if not 0 < self.p_max < 0.5:
            raise ValueError(f"p_max must be above 0 and below 0.5, was {self.p_max}")
        if not self.period_min_s > 0:
            raise ValueError(f"period_min_s must be above 0, was {self.period_min_s}")
        if not self.period_max_s > self.period_min_s:
            raise ValueError(
                f"period_max_s must be above {self.period_min_s}, was {self.period_max_s}"
            )

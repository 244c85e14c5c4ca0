"""When an aggressor order counts as large."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeAggressorConfig:
    """When an aggressor order counts as large."""

    tail_p_max: float = 1e-3
    """Share of the baseline's orders at least as large, 0…0.5, both excluded."""
    size_min: int = 100
    """Contracts that count as large while there is no baseline, at least 1."""

    def __post_init__(self) -> None:
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")
        if self.size_min < 1:
            raise ValueError(f"size_min must be at least 1, was {self.size_min}")

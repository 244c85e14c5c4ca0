"""When flow counts as two-sided."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSidedConfig:
    """When flow counts as two-sided."""

    size_min: int = 60
    """Contracts traded in 60 s, at least 1."""
    balance_min: float = 0.8
    """The smaller of bought and sold as a share of the larger, 0…1, both excluded."""
    tail_p_max: float = 0.1
    """Share of the baseline's panes with as much volume, 0…0.5, both excluded: balance is
    ordinary, much volume with it is not."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, it is told again after so long, at least one second."""

    def __post_init__(self) -> None:
        for name, bound in (("size_min", 1), ("repeat_ns", NS_PER_S)):
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.balance_min < 1:
            raise ValueError(f"balance_min must be above 0 and below 1, was {self.balance_min}")
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")

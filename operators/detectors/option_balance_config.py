"""When option flow counts as balanced."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionBalanceConfig:
    """When option flow counts as balanced."""

    size_min: int = 8
    """Net contracts of each leg in a minute, at least 1."""
    z_min: float = 2.5
    """Of each leg, beyond their mean in standard deviations, above 0."""
    balance_min: float = 0.5
    """The smaller leg's contracts as a share of the larger's, 0…1, both excluded."""
    watched_s_min: float = 60.0
    """Seconds with trades from which what is usual is known, at least 60."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, it is told again after so long, at least one second."""

    def __post_init__(self) -> None:
        bounds = (("size_min", 1), ("watched_s_min", 60), ("repeat_ns", NS_PER_S))
        for name, bound in bounds:
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not self.z_min > 0:
            raise ValueError(f"z_min must be above 0, was {self.z_min}")
        if not 0 < self.balance_min < 1:
            raise ValueError(f"balance_min must be above 0 and below 1, was {self.balance_min}")

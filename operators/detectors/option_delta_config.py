"""When the flow of deltas counts as one-sided."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionDeltaConfig:
    """When the flow of deltas counts as one-sided."""

    size_min: float = 15.0
    """Contracts of the future that the net flow of a minute stands for, above 0."""
    share_min: float = 0.3
    """Net flow as a share of the flow without signs, 0…1, both excluded."""
    z_min: float = 4.0
    """Net flow beyond its mean in standard deviations, above 0."""
    orders_min: int = 4
    """Orders in the window, at least 1."""
    watched_s_min: float = 300.0
    """Seconds with trades from which what is usual is known, at least 60."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, evidence is given again after so long, at least one second."""

    def __post_init__(self) -> None:
        bounds = (("orders_min", 1), ("watched_s_min", 60), ("repeat_ns", NS_PER_S))
        for name, bound in bounds:
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.share_min < 1:
            raise ValueError(f"share_min must be above 0 and below 1, was {self.share_min}")
        for name in ("size_min", "z_min"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name} must be above 0, was {value}")

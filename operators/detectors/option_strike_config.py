"""When pressure on one strike counts."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionStrikeConfig:
    """When pressure on one strike counts."""

    size_min: int = 15
    """Net contracts of the option in a minute, at least 1."""
    z_min: float = 4.5
    """Net contracts beyond their mean at the strike in standard deviations, above 0."""
    orders_min: int = 4
    """Orders of the option in the window, at least 1."""
    watched_s_min: float = 300.0
    """Seconds with trades from which what is usual is known, at least 60."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, evidence is given again after so long, at least one second."""

    def __post_init__(self) -> None:
        bounds = (
            ("size_min", 1),
            ("orders_min", 1),
            ("watched_s_min", 60),
            ("repeat_ns", NS_PER_S),
        )
        for name, bound in bounds:
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not self.z_min > 0:
            raise ValueError(f"z_min must be above 0, was {self.z_min}")

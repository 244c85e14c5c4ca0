"""When order flow counts as one-sided."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFlowConfig:
    """When order flow counts as one-sided."""

    z_min: float = 4.0
    """Robust z of the flow over 30 s against the baseline, above 0."""
    tail_p_max: float = 0.002
    """Share of the baseline's panes with as much, 0…0.5, both excluded: z alone has a long tail."""
    own_z_min: float = 2.5
    """The integrated flow in its own standard deviations, above 0."""
    panes_min: int = 300
    """Panes of an instrument before anything is said, and between two fits of the levels' weights,
    at least 30."""
    half_life_s: float = 14_400.0
    """Of the co-moments of levels and of the flow's variance, at least 60."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, evidence is given again after so long, at least one second."""

    def __post_init__(self) -> None:
        bounds = (("panes_min", 30), ("half_life_s", 60), ("repeat_ns", NS_PER_S))
        for name, bound in bounds:
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")
        for name in ("z_min", "own_z_min"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name} must be above 0, was {value}")

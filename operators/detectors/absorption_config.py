"""When aggression counts as absorbed."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsorptionConfig:
    """When aggression counts as absorbed."""

    z_min: float = 2.5
    """Robust z of absorption over 60 s, above 0."""
    tail_p_max: float = 0.005
    """Share of the baseline's panes with as much, 0…0.5, both excluded: z alone has a long tail."""
    move_spreads_max: float = 1.0
    """Change of the mid over 60 s, in present spreads (one tick in liquid futures), at least 0."""
    size_min: int = 20
    """Net contracts absorbed in 60 s, at least 1."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, evidence is given again after so long, at least one second."""

    def __post_init__(self) -> None:
        for name, bound in (("move_spreads_max", 0), ("size_min", 1), ("repeat_ns", NS_PER_S)):
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")
        if not self.z_min > 0:
            raise ValueError(f"z_min must be above 0, was {self.z_min}")

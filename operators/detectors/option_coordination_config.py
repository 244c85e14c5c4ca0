"""When strikes count as bought together."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionCoordinationConfig:
    """When strikes count as bought together."""

    strikes_min: int = 2
    """Neighbouring strikes, at least 2."""
    each_z_min: float = 1.0
    """Net contracts of each beyond their mean in standard deviations, above 0."""
    even_min: float = 0.5
    """The smallest of them as a share of the largest, 0…1, both excluded: one strike that is bought
    and a neighbour that happens to be are not bought together."""
    z_min: float = 3.75
    """All of them together, in the same, above 0."""
    vega_z_min: float = 2.5
    """Net vega of the expiry beyond its mean in standard deviations, above 0."""
    size_min: float = 5.0
    """Contracts of the future that their flow stands for, above 0."""
    watched_s_min: float = 300.0
    """Seconds with trades from which what is usual is known, at least 60."""
    repeat_ns: int = 10_000_000_000
    """While it lasts, evidence is given again after so long, at least one second."""

    def __post_init__(self) -> None:
        bounds = (("strikes_min", 2), ("watched_s_min", 60), ("repeat_ns", NS_PER_S))
        for name, bound in bounds:
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.even_min < 1:
            raise ValueError(f"even_min must be above 0 and below 1, was {self.even_min}")
        for name in ("each_z_min", "z_min", "vega_z_min", "size_min"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name} must be above 0, was {value}")

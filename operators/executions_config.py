"""When an execution is notable."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionsConfig:
    """When an aggressor order is notable; elected stops and met icebergs always are."""

    levels_min: int = 2
    """Distinct prices that make it a sweep, at least 2."""
    size_min: int = 100
    """Contracts that make it large, baseline or not, at least 1."""
    tail_p_max: float = 1e-3
    """Share of the baseline's orders at least as large that makes it large, 0…0.5, excluded."""

    def __post_init__(self) -> None:
        for name, bound in (("levels_min", 2), ("size_min", 1)):
            if (value := getattr(self, name)) < bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")

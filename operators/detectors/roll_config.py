"""When flow counts as a roll."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class RollConfig:
    """When flow counts as a roll."""

    size_min: int = 50
    """Contracts net in 60 s in each of the two futures, at least 1."""
    balance_min: float = 0.4
    """The smaller net size as a share of the larger, 0…1, both excluded."""
    share_min: float = 0.35
    """Net size as a share of the volume in the future that trades less, 0…1, both excluded."""
    repeat_ns: int = 20_000_000_000
    """While it lasts, it is told again after so long, at least one second."""

    def __post_init__(self) -> None:
        for name, bound in (("size_min", 1), ("repeat_ns", NS_PER_S)):
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        for name in ("balance_min", "share_min"):
            if not 0 < (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be above 0 and below 1, was {value}")

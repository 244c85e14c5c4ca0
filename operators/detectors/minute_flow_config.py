"""When a minute of a front future counts as one-sided."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteFlowConfig:
    """When a minute of a front future counts as one-sided; measures in √contracts."""

    net_min: float = 4.0
    """Net of aggressors from which on there is evidence, above 0."""
    net_full: float = 12.0
    """Net at which its strength is 6, above `net_min`."""
    hidden_min: float = 1.5
    """The same of hidden size that was executed."""
    hidden_full: float = 4.5
    sweep_min: float = 1.5
    """The same of contracts in sweeps."""
    sweep_full: float = 6.0
    strength_step: float = 1.0
    """Evidence is given anew when strength has changed by so much, above 0."""
    repeat_ns: int = 10_000_000_000
    """Or after so long, while it lasts, above 0."""

    def __post_init__(self) -> None:
        for name in ("net", "hidden", "sweep"):
            low, full = getattr(self, f"{name}_min"), getattr(self, f"{name}_full")
            if not low > 0:
                raise ValueError(f"{name}_min must be above 0, was {low}")
            if not full > low:
                raise ValueError(f"{name}_full must be above {name}_min, {low}, was {full}")
        for name in ("strength_step", "repeat_ns"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name} must be above 0, was {value}")

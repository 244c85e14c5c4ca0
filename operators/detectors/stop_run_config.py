"""When elected stops count as a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRunConfig:
    """When elected stops count as a run."""

    count_min: int = 3
    """Stop orders of the side elected in the pane, at least 1."""
    size_min: int = 10
    """Contracts they must trade while there is no baseline, at least 1."""
    share_min: float = 0.75
    """Share of the pane's stop contracts on the side, 0.5…1, 0.5 excluded."""
    tail_p_max: float = 1e-3
    """Share of the baseline's panes with as many stop contracts in 5 s, 0…0.5, excluded."""

    def __post_init__(self) -> None:
        for name in ("count_min", "size_min"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, was {value}")
        if not 0.5 < self.share_min <= 1:
            raise ValueError(f"share_min must be above 0.5 and at most 1, was {self.share_min}")
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")

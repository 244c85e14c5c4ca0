"""When displayed size counts as spoof-like."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoofLikeConfig:
    """When displayed size counts as spoof-like."""

    flash_min: int = 20
    """Contracts of large orders that came and went unfilled in 5 s, at least 1."""
    touch_min: float = 1.0
    """The same as a multiple of what the touch of that side shows, above 0."""
    share_min: float = 0.6
    """Share of the side with more of them in those of both sides, 0.5…1, 0.5 excluded."""
    tail_p_max: float = 0.002
    """Share of the baseline's panes with as much flashing, 0…0.5, both excluded."""
    repeat_ns: int = 5_000_000_000
    """While it lasts, it is told again after so long, at least one second."""

    def __post_init__(self) -> None:
        for name, bound in (("flash_min", 1), ("repeat_ns", NS_PER_S)):
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")
        if not self.touch_min > 0:
            raise ValueError(f"touch_min must be above 0, was {self.touch_min}")
        if not 0.5 < self.share_min <= 1:
            raise ValueError(f"share_min must be above 0.5 and at most 1, was {self.share_min}")

"""How option trades are judged and summed."""

from dataclasses import dataclass

from operators.model.records import NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionFlowConfig:
    """How option trades are judged and summed."""

    window_s: int = 60
    """Flow is summed over so many seconds, 5…900."""
    stale_ns: int = 60_000_000_000
    """A mid older than this is none, at least one second."""
    spread_max: float = 1.0
    """Widest spread of a usable quote as a share of its mid, 0…2, 0 excluded."""
    half_life_s: float = 3_600.0
    """Of what is usual in an expiry, in seconds in which it trades, at least 60."""
    trades_max: int = 4_096
    """Trades of one expiry that are kept in the window, at least 64; of more the oldest leave."""

    def __post_init__(self) -> None:
        if not 5 <= self.window_s <= 900:
            raise ValueError(f"window_s must be from 5 to 900, was {self.window_s}")
        bounds = (("stale_ns", NS_PER_S), ("half_life_s", 60), ("trades_max", 64))
        for name, bound in bounds:
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.spread_max <= 2:
            raise ValueError(f"spread_max must be above 0 and at most 2, was {self.spread_max}")

"""When hidden size counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeIcebergConfig:
    """When hidden size of one resting order counts."""

    refills_min: int = 2
    """Refills of one order, at least 1."""
    hidden_min: int = 50
    """Hidden contracts of one order that count whatever its refills, at least 1."""
    tail_p_max: float = 1e-3
    """Share of the baseline's aggressors that met as many hidden contracts, 0…0.5, excluded."""
    rare_min: int = 10
    """Hidden contracts of one order below which rarity does not count, at least 1."""
    orders_max: int = 4096
    """Orders remembered, at least 1; the longest unseen is forgotten and may be told anew."""

    def __post_init__(self) -> None:
        for name in ("refills_min", "hidden_min", "rare_min", "orders_max"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, was {value}")
        if not 0 < self.tail_p_max < 0.5:
            raise ValueError(f"tail_p_max must be above 0 and below 0.5, was {self.tail_p_max}")

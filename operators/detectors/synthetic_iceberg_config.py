"""When orders that follow each other count as one iceberg."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticIcebergConfig:
    """When orders that follow each other count as one iceberg."""

    tranches_min: int = 3
    """Orders of a chain that were filled, at least 2."""
    p_max: float = 1e-4
    """Chance of such a chain, 0…0.5, both excluded."""
    burst: float = 3.0
    """Orders come so many times as often right after a fill as they do on average, at least 1."""
    chains_max: int = 4096
    """Chains remembered, at least 1; the longest unseen goes first."""

    def __post_init__(self) -> None:
        for name, bound in (("tranches_min", 2), ("burst", 1), ("chains_max", 1)):
            if not (value := getattr(self, name)) >= bound:
                raise ValueError(f"{name} must be at least {bound}, was {value}")
        if not 0 < self.p_max < 0.5:
            raise ValueError(f"p_max must be above 0 and below 0.5, was {self.p_max}")

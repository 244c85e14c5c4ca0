"""What the step `pressure` takes a fault for, and what it publishes."""

from dataclasses import dataclass

from operators.model.evaluations import FAULT_NAMES, FAULTS


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureConfig:
    """What a fault costs, and whether pressure is published."""

    publish: bool = True
    """Make messages of the pressure stream: made and written they take about 17 µs per instrument
    and second, and 65 µs more for the levels of a front future."""
    half_life_s: float = 30.0
    """Faults and records count half as much after so long in event time, over 0."""
    records_min: float = 1_000.0
    """Added to the records a fault is compared with, over 0: what one fault of a quiet instrument
    means is bounded."""
    weights: tuple[float, ...] = (0.5, 0.3, 0.2, 0.5, 0.1, 0.8, 0.6, 0.3, 0.5, 0.5, 0.4, 0.2)
    """Share of the quality that faults of each of FAULT_NAMES can take, 0…1."""
    limits: tuple[float, ...] = (
        *(0.01, 0.01, 0.05, 0.01, 0.5, 0.01),
        *(0.01, 0.01, 0.01, 0.01, 0.01, 0.05),
    )
    """Faults per record at which they take all of it, over 0."""
    dirty_max: float = 0.5
    """Quality of a book known to be wrong is at most this, 0…1."""

    def __post_init__(self) -> None:
        for name in ("half_life_s", "records_min"):
            if not 0 < (value := getattr(self, name)) < 1e9:
                raise ValueError(f"{name} must be over 0 and below 1e9, was {value}")
        if not 0 <= self.dirty_max <= 1:
            raise ValueError(f"dirty_max must be from 0 to 1, was {self.dirty_max}")
        for name, low, high in (("weights", 0.0, 1.0), ("limits", 1e-12, 1e12)):
            values = getattr(self, name)
            if len(values) != FAULTS:
                raise ValueError(f"{name} must have {FAULTS} values, had {len(values)}")
            for kind, value in zip(FAULT_NAMES, values, strict=True):
                if not low <= value <= high:
                    raise ValueError(f"{name} of {kind} must be from {low} to {high}, was {value}")

"""Settings of the step `analyze`."""

from dataclasses import dataclass, field

from operators.model.calibration import Calibration
from operators.signal_book_config import LifeConfig
from operators.weigh_config import WeighConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeConfig:
    """What evidence is worth and how signals live."""

    weights: WeighConfig = field(default_factory=WeighConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    calibration: Calibration | None = None
    """What log-odds mean; None: probabilities are uncalibrated."""
    false_alarms_per_day: float = 92.0
    """Budget of signals of a root in a day of 23 hours on which no institution is at work, above 0:
    with a calibration it sets the threshold."""
    sample_every: int = 16
    """One in so many observations below the threshold is followed up like a signal, at least 1."""
    control_every: int = 300
    """One in so many seconds of a root's front future is, while no signal is open, at least 1."""
    params: str = "unversioned"
    """Version of all settings that can change an output, stated in each signal; not empty."""

    def __post_init__(self) -> None:
        for name in ("sample_every", "control_every"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, was {value}")
        if not self.false_alarms_per_day > 0:
            raise ValueError(
                f"false_alarms_per_day must be above 0, was {self.false_alarms_per_day}"
            )
        if not self.params:
            raise ValueError("params must not be empty, was ''")

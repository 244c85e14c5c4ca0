"""Settings of the step `analyze`."""

from dataclasses import dataclass, field

from operators.signal_book_config import LifeConfig
from operators.weigh_config import WeighConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeConfig:
    """What evidence is worth and how signals live."""

    weights: WeighConfig = field(default_factory=WeighConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    params: str = "unversioned"
    """Version of all settings that can change an output, stated in each signal; not empty."""

    def __post_init__(self) -> None:
        if not self.params:
            raise ValueError("params must not be empty, was ''")

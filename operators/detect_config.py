"""Settings of the step `detect`: those of each detector."""

from dataclasses import dataclass, field

from operators.detectors.absorption_config import AbsorptionConfig
from operators.detectors.large_aggressor_config import LargeAggressorConfig
from operators.detectors.native_iceberg_config import NativeIcebergConfig
from operators.detectors.signed_pressure_config import SignedPressureConfig
from operators.detectors.stop_run_config import StopRunConfig
from operators.detectors.sweep_config import SweepConfig
from operators.executions_config import ExecutionsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectConfig:
    """Settings of all detectors."""

    quality_min: float = 0.8
    """Rows of lower quality give no evidence, 0…1."""
    executions: ExecutionsConfig = field(default_factory=ExecutionsConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    large_aggressor: LargeAggressorConfig = field(default_factory=LargeAggressorConfig)
    native_iceberg: NativeIcebergConfig = field(default_factory=NativeIcebergConfig)
    stop_run: StopRunConfig = field(default_factory=StopRunConfig)
    signed_pressure: SignedPressureConfig = field(default_factory=SignedPressureConfig)
    absorption: AbsorptionConfig = field(default_factory=AbsorptionConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.quality_min <= 1:
            raise ValueError(f"quality_min must be from 0 to 1, was {self.quality_min}")

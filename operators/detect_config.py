"""Settings of the step `detect`: those of each detector."""

from dataclasses import dataclass, field

from operators.detectors.absorption_config import AbsorptionConfig
from operators.detectors.large_aggressor_config import LargeAggressorConfig
from operators.detectors.minute_flow_config import MinuteFlowConfig
from operators.detectors.native_iceberg_config import NativeIcebergConfig
from operators.detectors.option_balance_config import OptionBalanceConfig
from operators.detectors.option_coordination_config import OptionCoordinationConfig
from operators.detectors.option_delta_config import OptionDeltaConfig
from operators.detectors.option_strike_config import OptionStrikeConfig
from operators.detectors.option_vega_config import OptionVegaConfig
from operators.detectors.order_flow_config import OrderFlowConfig
from operators.detectors.quote_churn_config import QuoteChurnConfig
from operators.detectors.roll_config import RollConfig
from operators.detectors.signed_pressure_config import SignedPressureConfig
from operators.detectors.slicing_config import SlicingConfig
from operators.detectors.spoof_like_config import SpoofLikeConfig
from operators.detectors.stop_run_config import StopRunConfig
from operators.detectors.sweep_config import SweepConfig
from operators.detectors.synthetic_iceberg_config import SyntheticIcebergConfig
from operators.detectors.two_sided_config import TwoSidedConfig
from operators.executions_config import ExecutionsConfig
from operators.options.flow_config import OptionFlowConfig


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
    order_flow: OrderFlowConfig = field(default_factory=OrderFlowConfig)
    minute_flow: MinuteFlowConfig = field(default_factory=MinuteFlowConfig)
    slicing: SlicingConfig = field(default_factory=SlicingConfig)
    synthetic_iceberg: SyntheticIcebergConfig = field(default_factory=SyntheticIcebergConfig)
    spoof_like: SpoofLikeConfig = field(default_factory=SpoofLikeConfig)
    quote_churn: QuoteChurnConfig = field(default_factory=QuoteChurnConfig)
    two_sided: TwoSidedConfig = field(default_factory=TwoSidedConfig)
    roll: RollConfig = field(default_factory=RollConfig)
    options: OptionFlowConfig = field(default_factory=OptionFlowConfig)
    option_delta: OptionDeltaConfig = field(default_factory=OptionDeltaConfig)
    option_vega: OptionVegaConfig = field(default_factory=OptionVegaConfig)
    option_strike: OptionStrikeConfig = field(default_factory=OptionStrikeConfig)
    option_coordination: OptionCoordinationConfig = field(default_factory=OptionCoordinationConfig)
    option_balance: OptionBalanceConfig = field(default_factory=OptionBalanceConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.quality_min <= 1:
            raise ValueError(f"quality_min must be from 0 to 1, was {self.quality_min}")

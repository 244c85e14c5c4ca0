"""What evidence is worth."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighConfig:
    """What evidence is worth: log-odds per unit of strength, 0…6. Until calibrated, judgement."""

    bias: float = -1.8
    """Log-odds without evidence, −20…20."""
    relative_signed_pressure: float = 0.60
    """Weights against a baseline, 0…10 each."""
    relative_large_aggressor: float = 0.50
    relative_native_iceberg: float = 0.65
    relative_stop_run: float = 0.35
    relative_absorption: float = 0.55
    relative_order_flow: float = 0.40
    structural_sweep: float = 0.50
    """Weights where absolute thresholds decided, 0…10 each."""
    structural_large_aggressor: float = 0.45
    structural_native_iceberg: float = 0.65
    structural_stop_run: float = 0.30
    structural_synthetic_iceberg: float = 0.60
    structural_net_flow: float = 0.30
    structural_hidden_flow: float = 0.50
    structural_sweep_flow: float = 0.40
    structural_slicing: float = 0.65
    structural_option_delta: float = 0.35
    structural_option_vega: float = 0.60
    structural_option_strike: float = 0.25
    structural_option_coordination: float = 0.90
    veto_spoof_like: float = 0.50
    """What vetoes take off, 0…10 each."""
    veto_quote_churn: float = 0.40
    veto_two_sided: float = 0.50
    veto_roll: float = 0.70
    veto_option_balance: float = 0.60
    rest_share: float = 0.25
    """What further evidence of a group counts beside its strongest, 0…1."""
    rest_max: int = 4
    """So many further pieces of a group count, at least 0."""
    opposed_share: float = 0.5
    """Share of a group's opposite evidence that is taken off, 0…1."""

    def __post_init__(self) -> None:
        if not -20 <= self.bias <= 20:
            raise ValueError(f"bias must be from -20 to 20, was {self.bias}")
        for name in (one.name for one in fields(self)):
            value = getattr(self, name)
            top = 10 if name.startswith(("relative_", "structural_", "veto_")) else 1
            if name not in {"bias", "rest_max"} and not 0 <= value <= top:
                raise ValueError(f"{name} must be from 0 to {top}, was {value}")
        if self.rest_max < 0:
            raise ValueError(f"rest_max must be at least 0, was {self.rest_max}")

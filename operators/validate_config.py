"""Where the step `validate` draws its lines."""

from dataclasses import dataclass

from operators.model.records import SIZE_UNDEF


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateConfig:
    """Where the impossible and the late begin."""

    tolerance_ns: int = 1_000_000
    """A record received before its event by more than this is a fault, at least 0: clocks of
    exchange and capture agree to well under a millisecond."""
    latency_ns_max: int = 5_000_000_000
    """A record received after its event by more than this is a fault, at least 1."""
    ahead_ns_max: int = 3_600_000_000_000
    """An event this far ahead of its receipt is impossible, at least 1 and at most 2^62: it would
    drive the clock of its root."""
    size_max: int = 10_000_000
    """Contracts: a larger order or trade is impossible, 1 to 2^32 − 2."""
    instruments_max: int = 1_000_000
    """Instruments remembered, at least 1; records of further ones are removed and counted."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("tolerance_ns", 0, 2**62),
            ("latency_ns_max", 1, 2**62),
            ("ahead_ns_max", 1, 2**62),
            ("size_max", 1, SIZE_UNDEF - 1),
            ("instruments_max", 1, 2**31),
        ):
            if not low <= (value := getattr(self, name)) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, was {value}")

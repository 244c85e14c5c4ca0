"""Match: which signals a route, a silence or an inhibition is about; and how severe one is."""

from dataclasses import dataclass
from typing import Final, Literal

from operators.model.signals import Signal, Strength
from sinks.alerts.brief import Brief

Severity = Literal["info", "notice", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "notice", "warning", "critical")
"""Ascending."""
STRENGTHS: Final[tuple[Strength, ...]] = ("LOW", "MODERATE", "HIGH", "VERY_HIGH", "EXTREME")
"""Ascending."""
Label = Literal["root", "kind", "side", "strength", "severity", "symbol"]


def rank(severity: str) -> int:
    """0 for info … 3 for critical."""
    return SEVERITIES.index(severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Every condition given must hold; a list holds if the signal's value is one of it."""

    root: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    side: tuple[Literal["buy", "sell", "none"], ...] = ()
    strength: tuple[Strength, ...] = ()
    severity: tuple[Severity, ...] = ()
    symbol: tuple[str, ...] = ()
    strength_min: Strength = "LOW"
    severity_min: Severity = "info"
    confidence_min: float = 0.0
    """Probability at least, 0…1."""
    quality_min: float = 0.0
    """Feed quality at least, 0…1."""
    size_min: int = 0
    """Contracts at least."""
    notional_min: float = 0.0
    """Currency units at least; an unknown notional does not suffice."""
    calibrated: bool | None = None
    warming: bool | None = None

    def __post_init__(self) -> None:
        for name in ("confidence_min", "quality_min"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, was {value}")
        for name in ("size_min", "notional_min"):
            if not 0 <= (value := getattr(self, name)) < float("inf"):
                raise ValueError(f"{name} must be at least 0, was {value}")

    def accepts(self, brief: Brief) -> bool:
        """Whether every condition holds."""
        return (
            all(
                not (allowed := getattr(self, name)) or getattr(brief, name) in allowed
                for name in _LISTS
            )
            and STRENGTHS.index(brief.strength) >= STRENGTHS.index(self.strength_min)
            and rank(brief.severity) >= rank(self.severity_min)
            and brief.probability >= self.confidence_min
            and brief.quality >= self.quality_min
            and brief.size >= self.size_min
            and brief.notional >= self.notional_min
            and self.calibrated in (None, brief.calibrated)
            and self.warming in (None, brief.warming)
        )


_LISTS: Final = ("root", "kind", "side", "strength", "severity", "symbol")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityConfig:
    """From which strength and confidence a signal is notice, warning, critical; below it is info.

    Both must be reached: the class is the highest for which they are.
    """

    notice: Strength = "MODERATE"
    warning: Strength = "HIGH"
    critical: Strength = "VERY_HIGH"
    notice_confidence_min: float = 0.0
    """0…1"""
    warning_confidence_min: float = 0.0
    """0…1"""
    critical_confidence_min: float = 0.0
    """0…1"""

    def __post_init__(self) -> None:
        steps = [STRENGTHS.index(getattr(self, name)) for name in SEVERITIES[1:]]
        if steps != sorted(steps):
            raise ValueError("notice, warning and critical must not need less strength in turn")
        for name in SEVERITIES[1:]:
            if not 0 <= (value := getattr(self, f"{name}_confidence_min")) <= 1:
                raise ValueError(f"{name}_confidence_min must be from 0 to 1, was {value}")

    def of(self, signal: Signal) -> Severity:
        """Severity of a signal."""
        strength = STRENGTHS.index(signal.strength)
        for name in reversed(SEVERITIES[1:]):
            confident = signal.probability >= getattr(self, f"{name}_confidence_min")
            if confident and strength >= STRENGTHS.index(getattr(self, name)):
                return name
        return SEVERITIES[0]

from dataclasses import replace

import pytest

from sinks.alerts.match import Match, SeverityConfig, rank
from tests.sinks.alerts.notices import brief
from tests.sinks.messages import SIGNAL


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({}, True),
        ({"root": ("ES", "NQ")}, True),
        ({"root": ("NQ",)}, False),
        ({"root": ("ES",), "side": ("sell",)}, False),
        ({"kind": ("sweep",), "severity": ("warning",), "symbol": ("ESH4",)}, True),
        ({"strength": ("EXTREME",)}, False),
        ({"strength_min": "HIGH"}, True),
        ({"strength_min": "VERY_HIGH"}, False),
        ({"severity_min": "critical"}, False),
        ({"confidence_min": 0.78}, True),
        ({"confidence_min": 0.79}, False),
        ({"quality_min": 0.99}, False),
        ({"size_min": 420}, True),
        ({"size_min": 421}, False),
        ({"notional_min": 1e9}, False),
        ({"calibrated": True}, False),
        ({"calibrated": False, "warming": False}, True),
    ],
)
def test_every_condition_given_must_hold(conditions, holds):
    assert Match(**conditions).accepts(brief()) is holds


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"confidence_min": 1.1}, "confidence_min must be from 0 to 1, was 1.1"),
        ({"quality_min": -1}, "quality_min must be from 0 to 1, was -1"),
        ({"size_min": -1}, "size_min must be at least 0, was -1"),
        ({"notional_min": float("inf")}, "notional_min must be at least 0, was inf"),
    ],
)
def test_nonsense_is_refused(conditions, said):
    with pytest.raises(ValueError, match=said):
        Match(**conditions)


def test_severity_needs_strength_and_confidence():
    def of(strength, probability, **given):
        signal = replace(SIGNAL, strength=strength, probability=probability)
        return SeverityConfig(**given).of(signal)

    assert [of(s, 0.9) for s in ("LOW", "MODERATE", "HIGH", "VERY_HIGH", "EXTREME")] == [
        "info", "notice", "warning", "critical", "critical",
    ]  # fmt: skip
    assert of("EXTREME", 0.9, critical_confidence_min=0.95) == "warning"
    assert rank("critical") > rank("warning")
    with pytest.raises(ValueError, match="must not need less strength in turn"):
        SeverityConfig(notice="EXTREME")
    with pytest.raises(ValueError, match="warning_confidence_min must be from 0 to 1, was 2"):
        SeverityConfig(warning_confidence_min=2)

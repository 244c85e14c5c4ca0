"""Weigh: evidence of one side of a root → log-odds, probability and their parts."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, NamedTuple

from operators.model.items import Observation
from operators.model.signals import Contribution, Strength

STRENGTHS: Final[tuple[tuple[float, Strength], ...]] = (
    (0.9, "EXTREME"),
    (0.8, "VERY_HIGH"),
    (0.7, "HIGH"),
    (0.6, "MODERATE"),
)
"""Smallest probability of each strength, strongest first."""

PROBABILITY_MIN: Final = 0.6
"""Below it there is no signal."""

KINDS: Final = {
    "sweep": "sweep",
    "large_aggressor": "large",
    "native_iceberg": "iceberg",
    "stop_run": "stop_run",
    "signed_pressure": "pressure",
    "absorption": "absorption",
}
"""Detector → kind of signal that it can dominate."""

OPPOSED: Final = "opposed"
"""Name of the contribution that stands for the same phenomenon on the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighConfig:
    """What evidence is worth: log-odds per unit of strength, 0…6. Until calibrated, judgement."""

    bias: float = -1.8
    """Log-odds without evidence, finite."""
    relative_signed_pressure: float = 0.60
    """Weights against a baseline, 0…10 each."""
    relative_large_aggressor: float = 0.50
    relative_native_iceberg: float = 0.65
    relative_stop_run: float = 0.35
    relative_absorption: float = 0.55
    structural_sweep: float = 0.50
    """Weights where absolute thresholds decided, 0…10 each."""
    structural_large_aggressor: float = 0.45
    structural_native_iceberg: float = 0.65
    structural_stop_run: float = 0.30
    rest_share: float = 0.25
    """What further evidence of a group counts beside its strongest, 0…1."""
    rest_max: int = 4
    """So many further pieces of a group count, at least 0."""
    opposed_share: float = 0.5
    """Share of a group's opposite evidence that is taken off, 0…1."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.bias):
            raise ValueError(f"bias must be finite, was {self.bias}")
        for name in (one.name for one in fields(self)):
            value = getattr(self, name)
            top = 10 if name.startswith(("relative_", "structural_")) else 1
            if name not in {"bias", "rest_max"} and not 0 <= value <= top:
                raise ValueError(f"{name} must be from 0 to {top}, was {value}")
        if self.rest_max < 0:
            raise ValueError(f"rest_max must be at least 0, was {self.rest_max}")


class Weighed(NamedTuple):
    """An observation and its log-odds if it stood alone."""

    value: float
    observation: Observation


class Verdict(NamedTuple):
    """What evidence amounts to."""

    log_odds: float
    probability: float
    contributions: tuple[Contribution, ...]
    """They and the bias add up to log_odds."""
    counted: tuple[Weighed, ...]
    """What contributed, in order of arrival."""
    kind: str
    lead: Observation
    """Strongest piece of that kind."""
    size: int
    """Contracts: the largest total of one detector, since several see the same contracts."""

    def alone(self, kind: str, bias: float) -> float:
        """Probability from the contributions of one kind only."""
        own = sum(c.log_odds for c in self.contributions if KINDS.get(c.detector) == kind)
        return probability_of(bias + own)


def weighed(observation: Observation, config: WeighConfig) -> Weighed:
    """w·strength·quality of one observation."""
    evidence = observation.evidence
    prefix = "structural" if evidence.structural else "relative"
    weight: float = getattr(config, f"{prefix}_{evidence.detector}")
    return Weighed(weight * min(max(evidence.strength, 0.0), 6.0) * evidence.quality, observation)


def weigh(own: Iterable[Weighed], opposing: Iterable[Weighed], config: WeighConfig) -> Verdict:
    """Log-odds = bias + Σ over groups of (max + rest_share·Σ of the next rest_max) − opposition.

    Detectors of a group see the same thing: its pieces count little more than the strongest.
    The same group on the other side takes off `opposed_share` of what it amounts to there, as far
    as there is something here: flow on both sides at once is a market, not an institution. Other
    groups do not oppose: bids that hold against selling are what absorption is.

    Log-odds are rounded to four decimals, so that the last bit of a logarithm never shows.
    """
    against = {group: _total(pieces, config) for group, pieces in _grouped(opposing).items()}
    parts: dict[str, float] = {}
    sizes: dict[str, int] = {}
    chosen: list[tuple[int, Weighed]] = []
    opposed = 0.0
    for group, pieces in _grouped(own).items():
        total = 0.0
        for rank, (order, piece) in enumerate(_strongest(pieces, config)):
            detector = piece.observation.evidence.detector
            part = piece.value if rank == 0 else config.rest_share * piece.value
            parts[detector] = parts.get(detector, 0.0) + part
            total += part
            chosen.append((order, piece))
        opposed += config.opposed_share * min(total, against.get(group, 0.0))
        for _, piece in pieces:
            evidence = piece.observation.evidence
            sizes[evidence.detector] = sizes.get(evidence.detector, 0) + evidence.size
    dominating = max(parts, key=lambda detector: parts[detector])
    if opposed > 0:
        parts[OPPOSED] = -opposed
    contributions = tuple(
        [Contribution(detector=d, log_odds=round(v, 4)) for d, v in parts.items()]
    )
    log_odds = round(config.bias + sum(c.log_odds for c in contributions), 4)
    of_kind = [p for _, p in chosen if p.observation.evidence.detector == dominating]
    return Verdict(
        log_odds=log_odds,
        probability=probability_of(log_odds),
        contributions=contributions,
        counted=tuple([piece for _, piece in sorted(chosen, key=lambda one: one[0])]),
        kind=KINDS[dominating],
        lead=max(of_kind, key=lambda piece: piece.value).observation,
        size=max(sizes.values()),
    )


def probability_of(log_odds: float) -> float:
    """Logistic function, to six decimals; finite for every finite argument."""
    if log_odds >= 0:
        return round(1 / (1 + math.exp(-log_odds)), 6)
    odds = math.exp(log_odds)
    return round(odds / (1 + odds), 6)


def strength_of(probability: float) -> Strength:
    """Name of a probability's class."""
    for bound, name in STRENGTHS:
        if probability >= bound:
            return name
    return "LOW"


_Pieces = list[tuple[int, Weighed]]


def _grouped(pieces: Iterable[Weighed]) -> dict[str, _Pieces]:
    groups: dict[str, _Pieces] = {}
    for order, piece in enumerate(pieces):
        groups.setdefault(piece.observation.evidence.group, []).append((order, piece))
    return groups


def _strongest(pieces: _Pieces, config: WeighConfig) -> _Pieces:
    if len(pieces) > 1:
        pieces = sorted(pieces, key=lambda one: -one[1].value)
    return pieces[: 1 + config.rest_max]


def _total(pieces: _Pieces, config: WeighConfig) -> float:
    first, *rest = (piece.value for _, piece in _strongest(pieces, config))
    return first + config.rest_share * sum(rest)

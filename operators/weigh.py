"""Weigh: evidence of one side of a root → log-odds and their parts."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from operators.model.items import Observation
from operators.model.signals import Contribution, Evidence
from operators.pile import Pile, Ranked, Weighed
from operators.weigh_config import WeighConfig

KINDS: Final = {
    "sweep": "sweep",
    "large_aggressor": "large",
    "native_iceberg": "iceberg",
    "stop_run": "stop_run",
    "signed_pressure": "pressure",
    "absorption": "absorption",
    "order_flow": "pressure",
    "net_flow": "pressure",
    "hidden_flow": "iceberg",
    "sweep_flow": "sweep",
    "slicing": "slicing",
    "synthetic_iceberg": "iceberg",
    "option_delta": "options",
    "option_vega": "options",
    "option_strike": "options",
    "option_coordination": "options",
}
"""Detector → kind of signal that it can dominate."""

_OF_BOOK: Final = frozenset({"order_flow", "absorption"})
_OF_FLOW: Final = frozenset(
    {"signed_pressure", "order_flow", "absorption", "slicing"}
    | {"sweep", "large_aggressor", "stop_run", "net_flow", "sweep_flow"}
)
_OF_OPTIONS: Final = frozenset(name for name, kind in KINDS.items() if kind == "options")
VETOES: Final = {
    "spoof_like": _OF_BOOK,
    "quote_churn": _OF_BOOK,
    "two_sided": _OF_FLOW,
    "roll": frozenset(KINDS) - _OF_OPTIONS,
    "option_balance": _OF_OPTIONS,
}
"""Detector that speaks against an institution's view → detectors whose evidence it takes from."""

OPPOSED: Final = "opposed"
"""Name of the contribution that stands for the same phenomenon on the other side."""


class Verdict(NamedTuple):
    """What evidence amounts to."""

    log_odds: float
    parts: dict[str, float]
    """Detector → what it adds; they and the bias add up to log_odds."""
    chosen: list[Ranked]
    """What contributed."""
    vetoes: tuple[Weighed, ...]
    """What took something away."""
    dominating: str
    """The detector that adds most."""
    size: int
    """Contracts: the largest total of one detector, since several see the same contracts."""

    @property
    def kind(self) -> str:
        """Kind of signal of the dominating detector."""
        return KINDS[self.dominating]

    @property
    def contributions(self) -> tuple[Contribution, ...]:
        """The parts as they are published."""
        return tuple(
            [Contribution(detector=name, log_odds=part) for name, part in self.parts.items()]
        )

    @property
    def counted(self) -> tuple[Weighed, ...]:
        """What contributed, in order of arrival, then what took away."""
        return (*[one.piece for one in sorted(self.chosen, key=_arrival)], *self.vetoes)

    @property
    def lead(self) -> Observation:
        """Strongest piece of the dominating detector."""
        pieces = [one.piece for one in self.chosen if one.piece.detector == self.dominating]
        return max(pieces, key=_value).observation

    def alone(self, kind: str, bias: float) -> float:
        """Log-odds from the contributions of one kind only."""
        return bias + sum(part for name, part in self.parts.items() if KINDS.get(name) == kind)


def weighed(observation: Observation, config: WeighConfig) -> Weighed:
    """w·strength·quality of one observation."""
    evidence = observation.evidence
    weight: float = getattr(config, weight_of(evidence))
    return Weighed(
        weight * scaled(evidence),
        evidence.group,
        evidence.detector,
        evidence.size,
        evidence.ts_last,
        observation,
    )


def weight_of(evidence: Evidence) -> str:
    """Name of the weight that a piece of evidence is multiplied with."""
    prefix = "structural" if evidence.structural else "relative"
    if evidence.detector in VETOES:
        prefix = "veto"
    return f"{prefix}_{evidence.detector}"


def scaled(evidence: Evidence) -> float:
    """What a weight is multiplied with: strength, 0…6, as far as the data is sound."""
    return min(max(evidence.strength, 0.0), 6.0) * evidence.quality


def weigh(
    own: Pile, opposing: Pile, config: WeighConfig, vetoes: Iterable[Weighed] = ()
) -> Verdict:
    """Log-odds = bias + Σ over groups of (max + rest_share·Σ of the next rest_max) − what opposes.

    Detectors of a group see the same thing: its pieces count little more than the strongest.
    The same group on the other side takes off `opposed_share` of what it amounts to there, as far
    as there is something here: flow on both sides at once is a market, not an institution. Other
    groups do not oppose: bids that hold against selling are what absorption is.

    A veto takes its value off what the detectors it concerns (`VETOES`) have added for its
    instrument, as far as there is something left: it can undo evidence, and never more than that.

    Log-odds are rounded to four decimals, so that the last bit of a logarithm never shows. `own`
    must have a piece.
    """
    counted = 1 + config.rest_max
    parts: dict[str, float] = {}
    chosen: list[Ranked] = []
    opposed = 0.0
    added: dict[tuple[str, int], float] = {}
    for group in own.groups():
        total = 0.0
        share = 1.0
        for one in own.strongest(group, counted):
            value, _, detector, _, _, observation = one.piece
            parts[detector] = parts.get(detector, 0.0) + share * value
            place = detector, observation.evidence.instrument_id
            added[place] = added.get(place, 0.0) + share * value
            total += share * value
            share = config.rest_share
            chosen.append(one)
        if against := opposing.strongest(group, counted):
            opposed += config.opposed_share * min(total, _total(against, config))
    dominating = max(parts, key=lambda detector: parts[detector])
    if opposed > 0:
        parts[OPPOSED] = -opposed
    effective = []
    for veto in vetoes:
        taken = _take(veto, added, sum(parts.values()))
        if taken > 0:
            parts[veto.detector] = parts.get(veto.detector, 0.0) - taken
            effective.append(veto)
    parts = {name: round(part, 4) for name, part in parts.items()}
    log_odds = round(config.bias + sum(parts.values()), 4)
    return Verdict(
        log_odds=log_odds,
        parts=parts,
        chosen=chosen,
        vetoes=tuple(effective),
        dominating=dominating,
        size=own.size,
    )


def _arrival(one: Ranked) -> int:
    return one.arrival


def _value(piece: Weighed) -> float:
    return piece.value


def _take(veto: Weighed, added: dict[tuple[str, int], float], left: float) -> float:
    """Take what a veto takes off `added`, at most `left` in all; returns how much that was."""
    taken = 0.0
    instrument_id = veto.observation.evidence.instrument_id
    for (detector, instrument), part in added.items():
        if instrument == instrument_id and detector in VETOES[veto.detector]:
            share = min(part, veto.value - taken, left - taken)
            if share > 0:
                added[detector, instrument] = part - share
                taken += share
    return taken


def _total(pieces: list[Ranked], config: WeighConfig) -> float:
    first, *rest = [one.piece.value for one in pieces]
    return first + config.rest_share * sum(rest)

"""What each weight adds to a verdict: the table that weights are fitted on.

Log-odds are piecewise linear in the weights: given which pieces are the strongest of their group,
log-odds = bias + Σ weight · coefficient. Fitted weights may choose other pieces, so fitting and
choosing take turns.
"""

from dataclasses import fields
from typing import Final

from operators.pile import Pile, Ranked
from operators.weigh import Verdict, scaled, weight_of
from operators.weigh_config import WeighConfig

PREFIXES: Final = ("relative_", "structural_", "veto_")
WEIGHTS: Final = tuple(one.name for one in fields(WeighConfig) if one.name.startswith(PREFIXES))
"""Names of the weights, in the order of the table's columns."""

Coefficients = dict[str, float]


def coefficients(own: Pile, opposing: Pile, config: WeighConfig, verdict: Verdict) -> Coefficients:
    """Weight → coefficient at `verdict`, which is what `weigh` made of the same piles.

    A veto that had nothing left to take has less than its strength says.
    """
    counted = 1 + config.rest_max
    found: Coefficients = {}
    for group in own.groups():
        mine, total = _of_group(own.strongest(group, counted), config)
        _add(found, mine, 1.0)
        if against := opposing.strongest(group, counted):
            theirs, total_there = _of_group(against, config)
            smaller = mine if total <= total_there else theirs
            _add(found, smaller, -config.opposed_share)
    for detector in {veto.detector for veto in verdict.vetoes}:
        name = f"veto_{detector}"
        weight: float = getattr(config, name)
        _add(found, {name: verdict.parts[detector] / weight}, 1.0)
    return found


def _of_group(pieces: list[Ranked], config: WeighConfig) -> tuple[Coefficients, float]:
    found: Coefficients = {}
    total, share = 0.0, 1.0
    for one in pieces:
        evidence = one.piece.observation.evidence
        _add(found, {weight_of(evidence): scaled(evidence)}, share)
        total += share * one.piece.value
        share = config.rest_share
    return found, total


def _add(to: Coefficients, more: Coefficients, share: float) -> None:
    for name, value in more.items():
        to[name] = to.get(name, 0.0) + share * value

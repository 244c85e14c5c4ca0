"""Which simulated markets parameters are fitted on, calibrated on and tested on; never the same.

Seeds are disjoint, and the regimes that are tested are ones that nothing was fitted to. The
sessions that make the baselines have seeds of their own and all regimes, as a month has.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from simulator.regimes import RegimeName

Role = Literal["test", "fit", "calibrate", "history"]
REGIMES: Final[tuple[RegimeName, ...]] = get_args(RegimeName)


@dataclass(frozen=True, slots=True)
class Share:
    """The markets of one role."""

    seeds: range
    regimes: tuple[RegimeName, ...]
    """Its seeds take these in turn."""


SPLIT: Final[dict[Role, Share]] = {
    "test": Share(range(1, 10_000), ("calm", "news")),
    "fit": Share(range(10_000, 20_000), ("normal", "volatile")),
    "calibrate": Share(range(20_000, 30_000), ("normal", "volatile")),
    "history": Share(range(30_000, 40_000), ("normal", "calm", "volatile", "normal", "news")),
}


def role_of(seed: int) -> Role | None:
    """What a seed is for; None: for nothing."""
    return next((role for role, share in SPLIT.items() if seed in share.seeds), None)


def regime_of(seed: int) -> RegimeName:
    """The regime of a seed of any role: they take turns.

    Raises:
        ValueError: The seed is of no role.
    """
    role = role_of(seed)
    if role is None:
        raise ValueError(f"seed must be one of the split's, 1 to 39,999, was {seed}")
    share = SPLIT[role]
    return share.regimes[(seed - share.seeds.start) % len(share.regimes)]


def is_held_out(seed: int, regime: str) -> bool:
    """Whether nothing was fitted or calibrated on the seed or the regime."""
    used = [SPLIT["fit"], SPLIT["calibrate"]]
    return role_of(seed) == "test" and not any(regime in share.regimes for share in used)

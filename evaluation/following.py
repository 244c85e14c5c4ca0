"""Following: what the market did after our signals: simulated trades, and what was worth knowing.

The other engines publish no signals, so nobody follows them up.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evaluation.cases import Case
from evaluation.figures import DIGITS
from operators.model.following import FEE, Following
from operators.model.ranks import Ranks


def after_signals(cases: Sequence[Case], fee: float = FEE) -> dict[str, list[dict[str, Any]]]:
    """`followed`: by horizon to leave at, a simulation. `information`: by horizon.

    Points are compared within root, tape's regime, half hour and class of volatility. Empty where
    nothing was followed up.
    """
    following = Following()
    ranks: dict[int, Ranks] = {}
    for case in cases:
        for one in case.outcomes:
            following.add(asdict(one), case.tape)
            of_horizon = ranks.setdefault(one.horizon_s, Ranks())
            if one.markout_ticks is not None and one.move_ticks is not None:
                of_horizon.add(
                    f"{one.root} {case.regime}".strip(),
                    one.ts_from,
                    one.probability,
                    one.markout_ticks,
                    half_spread_ticks=one.move_ticks - one.markout_ticks,
                    is_signal=not one.sampled,
                )
    horizons = sorted(ranks)
    return {
        "followed": [
            _rounded(asdict(following.followed(enter_s=horizons[0], leave_s=leave_s, fee=fee)))
            for leave_s in horizons[1:]
        ],
        "information": [
            _rounded({"horizon_s": horizon_s, **asdict(ranks[horizon_s].information())})
            for horizon_s in horizons
        ],
    }


def _rounded(value: Any) -> Any:
    """The same with numbers as the report states them."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value

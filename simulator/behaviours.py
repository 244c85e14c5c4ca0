"""What institutions do, how hard it is to see, and what only looks like it.

A behaviour is one or several legs: rows for the kernel that acts them out. Difficulty is the share
of the market's volume it takes, and how cleverly it hides: alike and regular is easy, small and at
random moments is hard.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from operators.model.records import NS_PER_S
from simulator import behaviours_kernel as kinds
from simulator.exchange_state import ASK, BID
from simulator.instruments import InstrumentSpec

Difficulty = Literal["easy", "medium", "hard"]
DIFFICULTIES: Final[tuple[Difficulty, ...]] = ("easy", "medium", "hard")
SHARES: Final = (0.30, 0.15, 0.07)
"""Share of the volume that a slicing institution takes, from easy to hard."""
DURATION_S: Final = (60.0, 180.0)
UNBOUNDED: Final = 2**30

Leg = dict[str, Any]
"""Fields of METAORDER_DTYPE; `period_s`, `duration_s` and `delay_s` stand for their ns."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a behaviour is drawn for."""

    rng: random.Random
    difficulty: int
    """0 easy, 1 medium, 2 hard."""
    side: int
    volume_per_s: float
    """Contracts the crowd is expected to trade in the front month."""
    day_slope: float
    """−1…1: whether activity falls or rises over the next minutes."""
    front: int
    """Index of the front month."""
    following: int | None
    """Of the next month, if it is listed."""
    options: tuple[tuple[int, InstrumentSpec], ...]
    """Options of the front month near the money, with their indices."""

    def by(self, easy: Any, medium: Any, hard: Any) -> Any:
        """The one of the difficulty."""
        return (easy, medium, hard)[self.difficulty]

    def between(self, easy: Any, medium: Any, hard: Any) -> Any:
        """A number of the difficulty's range, an integer if its bounds are."""
        low, high = self.by(easy, medium, hard)
        if isinstance(low, int):
            return self.rng.randint(low, high)
        return self.rng.uniform(low, high)

    def up(self) -> int:
        """1 for a buyer, −1 for a seller."""
        return 1 if self.side == BID else -1


def _sliced(scene: Scene, kind: int, **fields: Any) -> list[Leg]:
    """A size that is a share of the volume, over a minute or three."""
    share = SHARES[scene.difficulty]
    duration_s = scene.rng.uniform(*DURATION_S)
    size = max(8, round(share / (1 - share) * scene.volume_per_s * duration_s))
    period_s = max(scene.rng.uniform(1.0, 4.0), duration_s / size)
    acts = max(1, round(duration_s / period_s))
    leg = {
        "kind": kind,
        "instrument": scene.front,
        "side": scene.side,
        "direction": scene.up(),
        "size": size,
        "slice": max(1, -(-size // acts)),
        "period_s": period_s,
        "duration_s": duration_s,
        "informed": 1.0,
    }
    return [leg | fields]


def _twap(scene: Scene) -> list[Leg]:
    return _sliced(
        scene,
        kinds.TWAP,
        jitter=scene.by(0.05, 0.4, 1.0),
        vary=scene.by(0.0, 0.3, 0.5),
        passive=scene.by(0.0, 0.0, 0.4),
    )


def _vwap(scene: Scene) -> list[Leg]:
    return _sliced(
        scene,
        kinds.VWAP,
        jitter=scene.by(0.3, 0.7, 1.0),
        passive=scene.by(0.1, 0.3, 0.5),
        curve=-scene.day_slope,
    )


def _pov(scene: Scene) -> list[Leg]:
    (leg,) = _sliced(scene, kinds.POV, jitter=scene.by(0.2, 0.6, 1.0))
    leg |= {"share": SHARES[scene.difficulty], "passive": scene.by(0.0, 0.2, 0.4)}
    # It ends with its size; where the market is quiet, at twice the time.
    leg["duration_s"] *= 2
    return [leg]


def _resting(scene: Scene, kind: int, slice_: int, tranches: int, **fields: Any) -> list[Leg]:
    leg = {
        "kind": kind,
        "instrument": scene.front,
        "side": scene.side,
        "direction": scene.up(),
        "slice": slice_,
        "size": slice_ * tranches,
        "period_s": scene.rng.uniform(0.5, 2.0),
        "duration_s": scene.rng.uniform(60.0, 200.0),
        "jitter": 0.3,
        "informed": 1.0,
    }
    return [leg | fields]


def _iceberg(scene: Scene) -> list[Leg]:
    return _resting(
        scene,
        kinds.ICEBERG,
        scene.between((10, 20), (5, 12), (2, 6)),
        scene.between((20, 40), (10, 20), (5, 10)),
    )


def _synthetic_iceberg(scene: Scene) -> list[Leg]:
    return _resting(
        scene,
        kinds.SYNTHETIC_ICEBERG,
        scene.between((6, 15), (4, 10), (2, 6)),
        scene.between((20, 40), (10, 20), (6, 12)),
        delay_s=scene.between((0.002, 0.02), (0.01, 0.1), (0.05, 0.25)),
        vary=scene.by(0.0, 0.0, 0.3),
    )


def _burst(scene: Scene, kind: int, acts: int, period_s: float, **fields: Any) -> list[Leg]:
    leg = {
        "kind": kind,
        "instrument": scene.front,
        "side": scene.side,
        "direction": scene.up(),
        "size": UNBOUNDED,
        "period_s": period_s,
        "duration_s": period_s * (acts - 0.5),
        "jitter": 0.1,
        "informed": 1.0,
    }
    return [leg | fields]


def _sweep(scene: Scene) -> list[Leg]:
    return _burst(
        scene,
        kinds.SWEEP,
        scene.between((2, 3), (1, 2), (1, 1)),
        scene.rng.uniform(0.3, 1.5),
        levels=scene.between((4, 5), (3, 3), (2, 2)),
    )


def _large(scene: Scene) -> list[Leg]:
    """Orders beyond the crowd's largest, or among them where it is hard."""
    acts = scene.between((1, 3), (1, 2), (1, 1))
    size = scene.between((120, 240), (80, 120), (45, 80))
    return _burst(
        scene,
        kinds.LARGE,
        acts,
        scene.rng.uniform(0.5, 3.0),
        slice=size,
        size=size * acts,
        levels=scene.by(10, 8, 6),
    )


def _stop_run(scene: Scene) -> list[Leg]:
    return _burst(
        scene,
        kinds.STOP_RUN,
        scene.between((3, 4), (2, 3), (2, 2)),
        scene.rng.uniform(0.2, 0.8),
        levels=scene.between((10, 14), (6, 9), (3, 5)),
        informed=0.3,
    )


def _absorption(scene: Scene) -> list[Leg]:
    slice_ = scene.between((30, 60), (20, 40), (10, 20))
    return _resting(
        scene,
        kinds.ABSORPTION,
        slice_,
        scene.between((20, 60), (15, 40), (10, 30)),
        levels=scene.by(34, 20, 10),
        period_s=scene.between((0.3, 0.8), (0.5, 1.2), (0.8, 2.0)),
        duration_s=scene.rng.uniform(20.0, 90.0),
    )


def _option_leg(scene: Scene, kind: int, index: int, side: int, **fields: Any) -> Leg:
    leg = {
        "kind": kind,
        "instrument": index,
        "side": side,
        "slice": scene.between((5, 12), (3, 6), (1, 3)),
        "period_s": scene.by(3.0, 4.0, 6.0),
        "duration_s": scene.rng.uniform(40.0, 120.0),
        "jitter": scene.by(0.1, 0.5, 1.0),
        "vary": scene.by(0.1, 0.4, 0.6),
        "informed": 1.0,
    }
    leg |= fields
    leg["size"] = leg["slice"] * max(2, round(leg["duration_s"] / leg["period_s"]))
    return leg


def _at(scene: Scene, class_: str) -> list[tuple[int, InstrumentSpec]]:
    """Options of one class and expiry, from the money outwards."""
    mine = [each for each in scene.options if each[1].instrument_class == class_]
    expiry = scene.rng.choice(sorted({spec.expiration_ns for _, spec in mine}))
    return [each for each in mine if each[1].expiration_ns == expiry]


def _option_buying(scene: Scene) -> list[Leg]:
    """Calls, or puts, of several strikes in turn: bought for where the future goes."""
    strikes = _at(scene, "C" if scene.side == BID else "P")
    count = min(len(strikes), scene.by(4, 3, 2))
    duration_s = scene.rng.uniform(40.0, 120.0)
    return [
        _option_leg(
            scene,
            kinds.OPTION_BUYING,
            index,
            BID,
            direction=scene.up(),
            duration_s=duration_s,
            after_s=0.7 * number,
        )
        for number, (index, _) in enumerate(strikes[:count])
    ]


def _straddle(scene: Scene) -> list[Leg]:
    """A call and a put of one strike, bought or sold alike: for how far, not where."""
    (call, spec), *_ = _at(scene, "C")
    puts = [
        index
        for index, other in scene.options
        if (other.instrument_class, other.strike_e9, other.expiration_ns)
        == ("P", spec.strike_e9, spec.expiration_ns)
    ]
    first = _option_leg(scene, kinds.STRADDLE, call, scene.side)
    return [first, first | {"instrument": puts[0], "after_s": 0.2}] if puts else [first]


def _spread(scene: Scene) -> list[Leg]:
    """One strike bought and the next one sold: hedged from the start."""
    strikes = _at(scene, scene.rng.choice("CP"))
    (near, _), (far, _) = strikes[0], strikes[-1 if len(strikes) < 4 else 3]
    first = _option_leg(scene, kinds.SPREAD_TRADE, near, scene.side)
    return [first, first | {"instrument": far, "side": 1 - scene.side, "after_s": 0.2}]


def _hedge(scene: Scene) -> list[Leg]:
    """Buys as the price rises, sells as it falls."""
    rate = scene.volume_per_s
    return _burst(
        scene,
        kinds.HEDGE,
        scene.rng.randint(40, 100),
        scene.rng.uniform(1.0, 2.0),
        direction=0,
        share=max(1.0, rate * scene.by(0.5, 1.0, 2.0)),
        slice=max(4, round(rate * scene.by(5, 10, 20))),
        jitter=0.5,
        informed=0.0,
    )


def _roll(scene: Scene) -> list[Leg]:
    """Out of one month and into the next, at once."""
    (leg,) = _sliced(scene, kinds.ROLL, direction=0, informed=0.0, jitter=0.3, vary=0.2)
    return [leg, leg | {"instrument": scene.following, "side": 1 - scene.side, "after_s": 0.004}]


def _quote_churn(scene: Scene) -> list[Leg]:
    return _burst(
        scene,
        kinds.QUOTE_CHURN,
        scene.between((300, 600), (600, 1_200), (1_200, 2_000)),
        scene.by(0.10, 0.06, 0.03),
        direction=0,
        slice=scene.by(5, 10, 20),
        jitter=1.0,
        informed=0.0,
        vary=0.5,
    )


def _spoof_flash(scene: Scene) -> list[Leg]:
    return _burst(
        scene,
        kinds.SPOOF_FLASH,
        scene.rng.randint(8, 20),
        scene.rng.uniform(3.0, 8.0),
        direction=0,
        slice=scene.by(40, 80, 160),
        levels=2,
        vary=0.3,
        delay_s=scene.by(0.1, 0.25, 0.5),
        informed=0.0,
    )


def _two_sided(scene: Scene) -> list[Leg]:
    """As much bought as sold; where it is hard, several orders of one side in a row."""
    (leg,) = _sliced(scene, kinds.TWO_SIDED, direction=0, informed=0.0, jitter=0.4)
    return [leg | {"size": UNBOUNDED, "slice": max(1, leg["slice"] // 2)}]


INSTITUTIONAL: Final[dict[str, Callable[[Scene], list[Leg]]]] = {
    "twap": _twap,
    "vwap": _vwap,
    "pov": _pov,
    "iceberg": _iceberg,
    "synthetic_iceberg": _synthetic_iceberg,
    "sweep": _sweep,
    "large": _large,
    "stop_run": _stop_run,
    "absorption": _absorption,
    "option_buying": _option_buying,
    "straddle": _straddle,
    "spread": _spread,
}
LOOK_ALIKES: Final[dict[str, Callable[[Scene], list[Leg]]]] = {
    "hedge": _hedge,
    "roll": _roll,
    "quote_churn": _quote_churn,
    "spoof_flash": _spoof_flash,
    "two_sided": _two_sided,
}
KINDS: Final = INSTITUTIONAL | LOOK_ALIKES
OPTION_KINDS: Final = ("option_buying", "straddle", "spread")
UNDIRECTED: Final = ("straddle", "spread", *LOOK_ALIKES)
"""Kinds without a view of where the price goes."""
SIZELESS: Final = ("sweep", "stop_run", "hedge", "quote_churn", "spoof_flash", "two_sided")
"""Kinds that did not start from a size."""
NUMBERS: Final = {
    kinds.TWAP: "twap",
    kinds.VWAP: "vwap",
    kinds.POV: "pov",
    kinds.ICEBERG: "iceberg",
    kinds.SYNTHETIC_ICEBERG: "synthetic_iceberg",
    kinds.SWEEP: "sweep",
    kinds.LARGE: "large",
    kinds.STOP_RUN: "stop_run",
    kinds.ABSORPTION: "absorption",
    kinds.OPTION_BUYING: "option_buying",
    kinds.STRADDLE: "straddle",
    kinds.SPREAD_TRADE: "spread",
    kinds.HEDGE: "hedge",
    kinds.ROLL: "roll",
    kinds.QUOTE_CHURN: "quote_churn",
    kinds.SPOOF_FLASH: "spoof_flash",
    kinds.TWO_SIDED: "two_sided",
}
"""Kind by its number in the kernel."""


def possible(names: Sequence[str], scene: Scene) -> list[str]:
    """Those of the kinds that the root's listing allows."""
    return [
        name
        for name in names
        if (name not in OPTION_KINDS or _has_both(scene)) and (name != "roll" or scene.following)
    ]


def _has_both(scene: Scene) -> bool:
    classes = [spec.instrument_class for _, spec in scene.options]
    return classes.count("C") >= 2 and classes.count("P") >= 2


def legs(name: str, scene: Scene) -> list[Leg]:
    """The rows of one behaviour, with times in ns from its beginning."""
    found = []
    for leg in KINDS[name](scene):
        plain = {key: value for key, value in leg.items() if not key.endswith("_s")}
        after_ns = round(leg.get("after_s", 0.0) * NS_PER_S)
        plain["ts_begin"] = after_ns
        plain["ts_end"] = after_ns + round(leg["duration_s"] * NS_PER_S)
        plain["period_ns"] = round(leg["period_s"] * NS_PER_S)
        plain["delay_ns"] = round(leg.get("delay_s", 0.0) * NS_PER_S)
        found.append(plain | {"difficulty": scene.difficulty})
    assert all(leg["side"] in (BID, ASK) for leg in found)
    return found

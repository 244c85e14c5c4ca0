"""Evidence about options that expire together: what the detectors of such flow say alike."""

from typing import Final

import numpy as np

from operators.detectors.points import Found, Points
from operators.kernels import inlined
from operators.model.records import NS_PER_S
from operators.model.signals import Evidence, Side
from operators.options.seconds import OptionSeconds

GROUP: Final = "options"

TOLD_DTYPE: Final = np.dtype([("side", "i8"), ("strength", "f8"), ("ts_next", "i8")])
"""What was told last of a tenor or option; side 0: nothing that still holds."""

VIEWS: Final[dict[int, Side]] = {1: "buy", -1: "sell"}


@inlined
def is_news(told, side, strength, ts, repeat_ns):  # type: ignore[no-untyped-def]
    """Whether that is to be told, which is then noted: new, stronger by 1, or long ago."""
    if told.side == side and strength < told.strength + 1.0 and ts < told.ts_next:
        return False
    told.side = side
    told.strength = strength
    told.ts_next = ts + repeat_ns
    return True


def option_found(
    points: Points,
    second: np.void,
    *,
    detector: str,
    side: Side,
    strength: float,
    size: int,
    measure: float,
    threshold: float,
    unit: str,
    text: str,
    group: str = GROUP,
    key: int | None = None,
) -> Found:
    """Evidence at a second of a tenor, about the future that its options are on.

    It names that future, because that is whose price is meant and whose price is followed up; the
    orders and sequence numbers are those of the options. Its quality is the data's times the share
    of contracts whose Greeks are known.

    Args:
        points: Where the second's row stands.
        second: Of SECOND_DTYPE.
        detector: Name of the detector.
        side: Where the future goes by this view; `none` tells all orders.
        strength: 0…6.
        size: Contracts of the future that stand for the flow, or of options where that is said.
        measure: What was compared.
        threshold: With what.
        unit: Of both.
        text: One line for a trader.
        group: See `Evidence`.
        key: What it is about; None: the tenor.
    """
    options = points.options
    assert options is not None, "there are no seconds without options"
    tenor = options.tenors[second["tenor"]]
    told = int(second["told"])
    views = second["order_views"][:told].tolist()
    ids = second["order_ids"][:told].tolist()
    mine = [one for one, view in zip(ids, views, strict=True) if side in ("none", VIEWS.get(view))]
    future = int(tenor["underlying_id"]) or _latest_option(options, second)
    price_e9 = int(second["forward2_e9"]) // 2
    evidence = Evidence(
        detector=detector,
        group=group,
        instrument_id=future,
        symbol=points.symbol(future),
        side=side,
        strength=strength,
        structural=True,
        z=None,
        tail_p=None,
        window_s=options.window_s,
        size=size,
        measure=measure,
        threshold=threshold,
        unit=unit,
        price_e9=price_e9,
        text=text,
        order_ids=tuple(dict.fromkeys(mine[::-1])),
        sequence_first=int(second["sequence_first"]),
        sequence_last=int(second["sequence_last"]),
        ts_first=int(second["ts_first"]),
        ts_last=int(second["ts"]),
        quality=round(float(second["quality"]), 6),
    )
    about = int(tenor["expiry_ns"]) // NS_PER_S if key is None else key
    index = int(second["row"])
    return Found(index, about, price_e9, points.is_warm(index), evidence)


def month_of(points: Points, second: np.void) -> str:
    """How the options of a second's tenor are called: `ESM6` of `ESM6 C5000`."""
    assert points.options is not None, "there are no seconds without options"
    return points.symbol(_latest_option(points.options, second)).partition(" ")[0]


def _latest_option(options: OptionSeconds, second: np.void) -> int:
    return int(options.options["instrument_id"][second["order_slots"][0]])

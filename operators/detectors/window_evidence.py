"""Evidence over a window that ends with a pane: what all detectors of such windows say alike."""

from operators.detectors.points import Points, Row
from operators.model.records import NS_PER_S
from operators.model.signals import Evidence, Side


def window_evidence(
    points: Points,
    index: int,
    row: Row,
    *,
    detector: str,
    group: str,
    side: Side,
    strength: float,
    judged: tuple[float | None, float | None] | None,
    window_s: int,
    size: int,
    measure: float,
    threshold: float,
    unit: str,
    price_e9: int,
    text: str,
) -> Evidence:
    """Evidence about the instrument of a pane row; it names no orders.

    Args:
        points: Where the row stands.
        index: Of the row.
        row: Its fields.
        detector: Name of the detector.
        group: See `Evidence`, as all that follow here and are not told.
        side: Of the flow.
        strength: 0…6.
        judged: z and tail probability by a baseline; None: absolute thresholds decided.
        window_s: Length of the window, seconds.
        size: Contracts.
        measure: What was compared.
        threshold: With what.
        unit: Of both.
        price_e9: 1e-9 points.
        text: One line for a trader.
    """
    z, tail_p = (None, None) if judged is None else judged
    return Evidence(
        detector=detector,
        group=group,
        instrument_id=row.instrument_id,
        symbol=points.symbol(row.instrument_id),
        side=side,
        strength=strength,
        structural=judged is None,
        z=z,
        tail_p=tail_p,
        window_s=window_s,
        size=size,
        measure=measure,
        threshold=threshold,
        unit=unit,
        price_e9=price_e9,
        text=text,
        order_ids=(),
        sequence_first=row.sequence_first,
        sequence_last=row.sequence_last,
        ts_first=row.ts_event - window_s * NS_PER_S,
        ts_last=row.ts_event,
        quality=round(float(points.quality[index]), 6),
    )

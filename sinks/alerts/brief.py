"""Brief: what alerts keep of a signal, as plain fields that a journal can hold."""

from dataclasses import dataclass, fields
from typing import Any, Final

from operators.model.accuracy import UNCALIBRATED
from operators.model.records import PRICE_SCALE
from operators.model.signals import Signal

REASONS_MAX: Final = 4
REASON_CHARACTERS_MAX: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """One revision of a signal."""

    id: str
    revision: int
    change: str
    root: str
    kind: str
    side: str
    strength: str
    severity: str
    """info, notice, warning or critical, as the policy sees it."""
    probability: float
    calibrated: bool
    ts_event: int
    """ns since the epoch."""
    price: str
    """Points, with the decimals of the tick."""
    symbol: str
    instrument_ids: tuple[int, ...]
    size: int
    levels: int
    """Price levels of a sweep; 0: the evidence does not count them."""
    notional: float
    """Currency units; 0 unknown."""
    quality: float
    warming: bool
    reasons: tuple[str, ...]
    """What a trader reads, at most 4."""
    delayed: bool = False
    """Made from history."""
    late: bool = False
    """Delivered while its feed was late."""

    def plain(self) -> dict[str, Any]:
        """Fields as JSON has them; its tuples become lists there."""
        return {name: getattr(self, name) for name in FIELDS}


FIELDS: Final = tuple([item.name for item in fields(Brief)])


def brief_of_plain(plain: dict[str, Any]) -> Brief:
    """The brief that gave `plain`, also after JSON."""
    values = dict(plain)
    for name in ("instrument_ids", "reasons"):
        values[name] = tuple(values[name])
    return Brief(**{name: values[name] for name in FIELDS if name in values})


def brief_of(signal: Signal, severity: str, *, late: bool = False) -> Brief:
    """What alerts keep of a signal."""
    return Brief(
        id=signal.id,
        revision=signal.revision,
        change=signal.change,
        root=signal.root,
        kind=signal.kind,
        side=signal.side,
        strength=signal.strength,
        severity=severity,
        probability=signal.probability,
        calibrated=signal.calibration != UNCALIBRATED,
        ts_event=signal.ts_event,
        price=price_shown(signal.price_e9, signal.contract.tick_e9),
        symbol=signal.contract.symbol,
        instrument_ids=tuple(sorted({e.instrument_id for e in signal.evidence})),
        size=signal.size,
        levels=_levels(signal),
        notional=signal.contract.notional or 0.0,
        quality=signal.quality,
        warming=signal.baseline == "WARMING",
        delayed=signal.delayed,
        late=late,
        reasons=tuple([text[:REASON_CHARACTERS_MAX] for text in signal.reasons[:REASONS_MAX]]),
    )


def price_shown(price_e9: int, tick_e9: int | None) -> str:
    """Decimal text with the decimals of the tick, more where the price has more: `5000.50`."""
    whole, rest = divmod(abs(price_e9), PRICE_SCALE)
    decimals = f"{rest:09d}".rstrip("0")
    if tick_e9:
        decimals = decimals.ljust(len(f"{tick_e9 % PRICE_SCALE:09d}".rstrip("0")), "0")
    sign = "-" if price_e9 < 0 else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def _levels(signal: Signal) -> int:
    counts = [round(e.measure) for e in signal.evidence if e.unit == "levels"]
    return max(counts, default=0)

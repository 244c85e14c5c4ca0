"""Accuracy: how often signals were right, by what they said, beside what was not a signal.

Pure accumulators in integers, so that neither order nor cuts show in them. Probabilities count in
millionths, markouts in thousandths of a tick. Nothing unknown is counted as right or wrong.

References:
    Brier 1950; Murphy 1973 (skill against the base rate). Guo et al. 2017, On calibration of modern
    neural networks: the calibration error Σ n_b/n · |hit ratio − mean probability|, here over ten
    bins of equal width. Wilson 1927, Probable inference, the law of succession, and statistical
    inference.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

BINS: Final = 10
Z_95: Final = 1.959964
"""Normal quantile of a two-sided 95 % interval."""
UNCALIBRATED: Final = "uncalibrated"
CONTROL: Final = "control"
KINDS_MAX: Final = 64
_OTHER: Final = "other"
_ONE: Final = 1_000_000
_MILLI: Final = 1_000


def wilson(hits: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a share, from `hits` of `count`; (0, 1) of none."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = hits / count, z * z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def judged(probability: float, p_move: float | None, calibration: str) -> tuple[float, str]:
    """Which probability of an outcome the move judges, and the calibration that gave it.

    What was stated of the move, if anything was; that of the flow is no forecast of it.
    """
    return (probability, UNCALIBRATED) if p_move is None else (p_move, calibration)


@dataclass(slots=True)
class Bins:
    """Outcomes by stated probability, ten bins of equal width."""

    counts: list[int] = field(default_factory=lambda: [0] * BINS)
    hits: list[int] = field(default_factory=lambda: [0] * BINS)
    stated: list[int] = field(default_factory=lambda: [0] * BINS)
    """Sum of probabilities, millionths."""

    @property
    def count(self) -> int:
        """Outcomes in all bins."""
        return sum(self.counts)

    def add(self, probability: float, hit: bool) -> None:
        """Count one outcome."""
        number = min(BINS - 1, int(probability * BINS))
        self.counts[number] += 1
        self.hits[number] += hit
        self.stated[number] += round(probability * _ONE)

    def error(self) -> float | None:
        """Calibration error, 0…1; None of none."""
        count = self.count
        if count == 0:
            return None
        off = sum(abs(h * _ONE - s) for h, s in zip(self.hits, self.stated, strict=True))
        return off / (count * _ONE)

    def pack(self) -> tuple[tuple[int, ...], ...]:
        """Plain copies."""
        return tuple(self.counts), tuple(self.hits), tuple(self.stated)


@dataclass(slots=True)
class Drift:
    """Calibration error over the last one to two blocks of outcomes with a calibration."""

    block: int
    """Outcomes in a block."""
    older: Bins = field(default_factory=Bins)
    newer: Bins = field(default_factory=Bins)

    def add(self, probability: float, hit: bool) -> None:
        """Count one outcome; a full block becomes the older one."""
        if self.newer.count >= self.block:
            self.older, self.newer = self.newer, Bins()
        self.newer.add(probability, hit)

    def error(self) -> float | None:
        """Calibration error; None before a block is full: too few to tell drift from chance."""
        both = Bins(
            *(
                [a + b for a, b in zip(old, new, strict=True)]
                for old, new in zip(self.older.pack(), self.newer.pack(), strict=True)
            )
        )
        return both.error() if both.count >= self.block else None


@dataclass(slots=True)
class Markouts:
    """Markouts of one kind."""

    count: int = 0
    hits: int = 0
    total: int = 0
    """Thousandths of a tick."""
    squares: int = 0

    def add(self, markout_ticks: float) -> None:
        """Count one."""
        milli = round(markout_ticks * _MILLI)
        self.count += 1
        self.hits += markout_ticks > 0
        self.total += milli
        self.squares += milli * milli

    def plus(self, other: "Markouts") -> "Markouts":
        """Both together."""
        return Markouts(*(a + b for a, b in zip(self.pack(), other.pack(), strict=True)))

    def mean(self) -> float | None:
        """Mean in ticks; None of none."""
        return self.total / (_MILLI * self.count) if self.count else None

    def error(self) -> float | None:
        """Standard error of the mean in ticks; None of fewer than two."""
        if self.count < 2:
            return None
        spread = self.squares - self.total * self.total / self.count
        return math.sqrt(max(0.0, spread) / (self.count - 1) / self.count) / _MILLI

    def pack(self) -> tuple[int, int, int, int]:
        """Plain."""
        return self.count, self.hits, self.total, self.squares


@dataclass(slots=True)
class Tally:
    """Outcomes at one horizon. State: some 100 numbers, and four per kind, at most 64 kinds."""

    drift: Drift
    bins: Bins = field(default_factory=Bins)
    """Of signals."""
    brier: int = 0
    """Σ (p − hit)² of signals, in 1e-12."""
    signals: dict[str, Markouts] = field(default_factory=dict)
    """By kind."""
    samples: dict[str, Markouts] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    """Why → outcomes of signals that are not known; those of samples under `sampled`."""

    def add(
        self,
        *,
        probability: float,
        kind: str,
        sampled: bool,
        markout_ticks: float | None,
        unknown: str,
        calibration: str,
    ) -> None:
        """Count one outcome."""
        if markout_ticks is None:
            self.unknown["sampled" if sampled else unknown] += 1
            return
        of_kind = self.samples if sampled else self.signals
        if kind not in of_kind and len(of_kind) >= KINDS_MAX:
            kind = _OTHER
        of_kind.setdefault(kind, Markouts()).add(markout_ticks)
        if sampled:
            return
        hit = markout_ticks > 0
        self.bins.add(probability, hit)
        self.brier += (round(probability * _ONE) - hit * _ONE) ** 2
        if calibration != UNCALIBRATED:
            self.drift.add(probability, hit)

    def score(self, horizon_s: int, ece_max: float) -> "Score":
        """What it amounts to."""
        every = Markouts()
        for one in self.signals.values():
            every = every.plus(one)
        controls = self.samples.get(CONTROL, Markouts())
        low, high = wilson(every.hits, every.count)
        brier = self.brier / (every.count * _ONE**2) if every.count else None
        drifted = self.drift.error()
        return Score(
            horizon_s=horizon_s,
            count=every.count,
            hits=every.hits,
            hit_ratio=every.hits / every.count if every.count else None,
            hit_ratio_low=low,
            hit_ratio_high=high,
            markout_mean_ticks=every.mean(),
            markout_error_ticks=every.error(),
            control_count=controls.count,
            control_hit_ratio=controls.hits / controls.count if controls.count else None,
            control_markout_mean_ticks=controls.mean(),
            sample_count=sum(one.count for one in self.samples.values()) - controls.count,
            brier=brier,
            brier_skill=_skill(brier, every),
            calibration_error=self.bins.error(),
            drift_error=drifted,
            drift_alarm=drifted is not None and drifted > ece_max,
            unknown=dict(sorted(self.unknown.items())),
            kinds={kind: self.signals[kind].mean() or 0.0 for kind in sorted(self.signals)},
        )

    def pack(self) -> tuple[Any, ...]:
        """Plain copies."""
        return (
            self.bins.pack(),
            self.brier,
            tuple((kind, one.pack()) for kind, one in self.signals.items()),
            tuple((kind, one.pack()) for kind, one in self.samples.items()),
            tuple(sorted(self.unknown.items())),
            (self.drift.older.pack(), self.drift.newer.pack()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How signals did at one horizon. Null is what cannot be told yet."""

    horizon_s: int
    count: int
    """Outcomes of signals that are known."""
    hits: int
    """Of these, moves in the signal's direction by more than half the spread."""
    hit_ratio: float | None
    hit_ratio_low: float
    """95 % Wilson interval."""
    hit_ratio_high: float
    markout_mean_ticks: float | None
    """After half the spread."""
    markout_error_ticks: float | None
    """Standard error of that mean, as if signals were independent."""
    control_count: int
    """Seconds without a signal, drawn by the clock, on a side by chance."""
    control_hit_ratio: float | None
    control_markout_mean_ticks: float | None
    sample_count: int
    """Observations below the threshold that were drawn."""
    brier: float | None
    brier_skill: float | None
    """1 − Brier score / that of always stating the base rate: above 0 is better than that."""
    calibration_error: float | None
    """Over ten bins of equal width, 0…1."""
    drift_error: float | None
    """The same over the last outcomes with a calibration."""
    drift_alarm: bool
    unknown: dict[str, int]
    """Why → outcomes of signals that are not known; under `sampled` those of samples."""
    kinds: dict[str, float]
    """Kind of signal → mean markout in ticks."""


def unpacked(plain: tuple[Any, ...], block: int) -> Tally:
    """What `Tally.pack` was called of."""
    bins, brier, signals, samples, unknown, (older, newer) = plain
    return Tally(
        Drift(block, _bins(older), _bins(newer)),
        _bins(bins),
        brier,
        {kind: Markouts(*values) for kind, values in signals},
        {kind: Markouts(*values) for kind, values in samples},
        Counter(dict(unknown)),
    )


def _bins(plain: tuple[tuple[int, ...], ...]) -> Bins:
    return Bins(*(list(values) for values in plain))


def _skill(brier: float | None, every: Markouts) -> float | None:
    if brier is None or not 0 < every.hits < every.count:
        return None
    base = every.hits / every.count
    return 1 - brier / (base * (1 - base))

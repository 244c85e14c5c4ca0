"""The v3.0 formula: pressure of a window, baseline, market making, confidence. Pure arithmetic.

Kept as it was, weaknesses included, to compare with: the highest confidence there can be is 0.706,
an anomaly against the default baseline counts for nothing, and selling scores far below buying.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

INFINITE_RATIO: Final = 10.0
"""Stands for an infinite pressure ratio in trend and baseline: the cap of its own ratio score."""
BASELINE_DAYS: Final = 20
BASELINE_ROWS_MIN: Final = 5
PERCENTILES: Final = (10, 25, 50, 75, 90, 95, 99)
COORDINATION: Final = 0.6
"""A constant of the formula."""
VOLATILITY_CRUSH: Final = 0.1
"""A constant of the formula."""
STRADDLE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Window:
    """Trades of one key in one window of five minutes."""

    ts: int
    """Its start, ns."""
    ask: int
    """Contracts bought by aggressors."""
    bid: int
    """Contracts sold by aggressors."""
    trades: int

    @property
    def volume(self) -> int:
        """Contracts."""
        return self.ask + self.bid

    @property
    def share(self) -> float:
        """Of buying, 0…1; ½ without volume."""
        return self.ask / self.volume if self.volume else 0.5

    @property
    def ratio(self) -> float:
        """Pressure ratio: ask/bid, ∞ without selling, 1 without either."""
        if self.bid == 0:
            return math.inf if self.ask > 0 else 1.0
        return self.ask / self.bid

    @property
    def side(self) -> int:
        """Dominant side: +1 above 60 % of buying, −1 below 40 %, else 0."""
        return (self.share > 0.6) - (self.share < 0.4)

    @property
    def confidence(self) -> float:
        """min(n/20, 1) · |½ − share| · 2."""
        return min(self.trades / 20, 1) * abs(0.5 - self.share) * 2


class Stats(NamedTuple):
    """What a key's ratio is compared with."""

    mean: float
    sd: float
    values: dict[int, float]
    """Percentile → value, ascending."""
    data_quality: float


DEFAULT_STATS: Final = Stats(1.5, 0.5, {50: 1.5, 75: 2.0, 90: 3.0, 95: 4.0, 99: 6.0}, 0.0)
"""Below five rows."""


def stats_of(rows: Mapping[date, float], today: date) -> Stats:
    """Baseline of the rows, one for each date, as of `today`; ratios are finite."""
    used = [ratio for day, ratio in rows.items() if (today - day).days <= BASELINE_DAYS]
    if len(used) < BASELINE_ROWS_MIN:
        return DEFAULT_STATS
    cuts = statistics.quantiles(used, n=100, method="exclusive")
    return Stats(
        mean=statistics.fmean(used),
        sd=statistics.stdev(used),
        values={p: cuts[p - 1] for p in PERCENTILES},
        data_quality=min(1.0, len(used) / max(1, min(20, today.day - 1))),
    )


class Context(NamedTuple):
    """A ratio against its baseline."""

    z: float
    rank: int
    anomaly: bool


def compared(ratio: float, stats: Stats) -> Context:
    """z and percentile rank of `ratio`, and whether it is an anomaly."""
    z = 0.0 if stats.sd == 0 else (ratio - stats.mean) / stats.sd
    rank = next((p for p, value in stats.values.items() if ratio <= value), 99)
    return Context(z, rank, abs(z) >= 2.0 or rank >= 95)


def market_making(calls: Sequence[Window], puts: Sequence[Window], ts: int) -> float:
    """Probability of market making from the last windows at a strike; `ts` is now, ns."""
    volume_calls, volume_puts = (sum(w.volume for w in each) for each in (calls, puts))
    balance = time_score = 0.0
    if volume_calls and volume_puts:
        balance = 2 * min(volume_calls, volume_puts) / (volume_calls + volume_puts)
    if calls and puts:
        gap_ns = abs(min(abs(ts - w.ts) for w in calls) - min(abs(ts - w.ts) for w in puts))
        time_score = 1 - min(gap_ns / 1e9 / STRADDLE_S, 1)
    straddle = 0.7 * balance + 0.3 * time_score
    return min(0.7 * straddle + 0.3 * VOLATILITY_CRUSH, 1)


def raw_confidence(history: Sequence[Window], infinite: float = INFINITE_RATIO) -> float:
    """0.4 significance + 0.3 trend + 0.2 concentration + 0.1 persistence of at most 3 windows.

    The newest is last. `infinite` stands for ∞ in the trend.
    """
    now = history[-1]
    significance = min(
        0.5 * min(now.ratio / 10, 1) + 0.3 * min(now.volume / 1000, 1) + 0.2 * now.confidence, 1
    )
    dominant = now.share if now.side > 0 else 1 - now.share
    concentration = max(0.0, 2 * (dominant - 0.5)) if now.side and now.volume else 0.0
    persistence = 0.5
    if len(history) > 1:
        persistence = sum(w.ratio >= 2.0 for w in history) / len(history)
    trend = _trend([finite(w.ratio, infinite) for w in history])
    return 0.4 * significance + 0.3 * trend + 0.2 * concentration + 0.1 * persistence


def finite(ratio: float, infinite: float = INFINITE_RATIO) -> float:
    """The ratio, or what stands for an infinite one."""
    return infinite if math.isinf(ratio) else ratio


def _trend(ratios: Sequence[float]) -> float:
    if len(ratios) >= 3:
        # The least-squares slope over the index 0, 1, 2, the middle point of which has no weight.
        # Written with its zero, so that an infinity becomes NaN as it did.
        slope = (-ratios[-3] + 0 * ratios[-2] + ratios[-1]) / 2
        return min(abs(slope), 1.0)
    if len(ratios) == 2:
        return min(abs(ratios[1] - ratios[0]) / max(ratios[0], 1), 1.0)
    return 0.5


def base_confidence(context: Context, data_quality: float) -> float:
    """What the baseline adds: ½ where nothing is unusual."""
    if not context.anomaly:
        return 0.5
    return min(1.0, (0.5 * min(abs(context.z) / 4, 1) + 0.5 * context.rank / 100) * data_quality)


def final_confidence(raw: float, base: float, mm: float) -> float:
    """(0.4·raw + 0.3·base)·(1 − 0.2·mm) + 0.1·bonus, clipped to 0…1; NaN stays NaN."""
    bonus = min(0.2 * COORDINATION, 0.2)
    final = (0.4 * raw + 0.3 * base) * (1 - 0.2 * mm) + 0.1 * bonus
    return final if math.isnan(final) else min(max(final, 0.0), 1.0)

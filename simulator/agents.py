"""What the crowd draws from: sizes, distances, the shape of the day, and who is active."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

QUANTILES: Final = 4096
MINUTES_PER_DAY: Final = 1440

SIZE_QUANTILES: Final = (
    (0.0, 1.0),
    (0.58, 1.0),
    (0.72, 2.0),
    (0.82, 4.0),
    (0.90, 7.0),
    (0.95, 14.0),
    (0.99, 37.0),
    (0.9995, 89.0),
    (1.0, 160.0),
)
"""Contracts of an aggressor order in one hour of ESH4: p50 1, p90 7, p95 14, p99 37, max 89."""

RESTING_SIZE_QUANTILES: Final = (
    (0.0, 1.0),
    (0.68, 1.0),
    (0.82, 2.0),
    (0.92, 4.0),
    (0.98, 10.0),
    (1.0, 40.0),
)
"""Contracts of a passive order: smaller, so that an aggressor meets two of them on average."""

DISTANCE_QUANTILES: Final = (
    (0.0, 0.0),
    (0.60, 0.0),
    (0.66, 1.0),
    (0.71, 2.0),
    (0.86, 10.0),
    (0.92, 30.0),
    (0.97, 80.0),
    (1.0, 200.0),
)
"""Ticks between a passive order and the best price of its side, about as on ESH4, where 55 % of
the adds and 72 % of the cancels are at the touch."""

SIGN_LAG_WEIGHTS: Final = (
    *(0.3511, 0.1021, 0.0232, 0.0195, 0.0167, 0.0146, 0.0129, 0.0114),
    *(0.0102, 0.0092, 0.0083, 0.0075, 0.0068, 0.0062, 0.0057, 0.0052),
    *(0.0047, 0.0043, 0.0040, 0.0036, 0.0033, 0.0031, 0.0028, 0.0026),
)
"""Chance that an aggressor's side is that of the one 1, 2, … 24 before it, else it is new: by the
Yule–Walker equations sides are autocorrelated by .416 .277 .121 .076 .042 at lags 1, 2, 5, 10, 20,
on ESH4 by .416 .278 .117 .082 .040."""
NEW_SIDES: Final = 1.0 - sum(SIGN_LAG_WEIGHTS)

CONTRACTS_PER_AGGRESSOR: Final = 3.4
"""On average, from the sizes above."""
CONTRACTS_PER_RECORD: Final = 0.15
"""Traded by the crowd, on average: 0.16 on ESH4."""
IMPACT: Final = 0.7
"""Y of the square-root law I = Y σ √(Q/V), of order one in all markets: Tóth and others 2011."""

DAY_SHAPE: Final = (
    (0, 0.15),
    (120, 0.30),
    (180, 0.35),
    (420, 0.45),
    (450, 0.80),
    (505, 0.90),
    (509, 1.20),
    (510, 3.20),
    (540, 2.20),
    (600, 1.40),
    (660, 1.00),
    (705, 0.70),
    (765, 0.70),
    (840, 1.10),
    (885, 1.70),
    (899, 3.00),
    (900, 0.60),
    (959, 0.30),
    (960, 0.0),
    (1019, 0.0),
    (1020, 0.9),
    (1035, 0.35),
    (1200, 0.25),
    (1439, 0.15),
)
"""Activity at a minute of the day in Chicago, joined by straight lines: a burst at the open 08:30,
a lunch lull, the close at 15:00, the maintenance break from 16:00 to 17:00, a quiet night."""


def quantile_table(points: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
    """Values at QUANTILES equidistant quantiles, (4096,) int32, from (quantile, value) `points`."""
    at: NDArray[np.float64] = (np.arange(QUANTILES) + 0.5) / QUANTILES
    ratios, values = zip(*points, strict=True)
    # Halves go up, so that a flat stretch keeps its value.
    table: NDArray[np.int32] = np.floor(np.interp(at, ratios, values) + 0.5).astype(np.int32)
    return table


def lag_table(weights: Sequence[float]) -> NDArray[np.int32]:
    """Lags 1, 2, … in proportion to `weights`, 0 for the rest, (4096,) int32."""
    edges: NDArray[np.float64] = np.cumsum(weights)
    at: NDArray[np.float64] = (np.arange(QUANTILES) + 0.5) / QUANTILES
    table: NDArray[np.int32] = (np.searchsorted(edges, at, side="right") + 1).astype(np.int32)
    table[at >= edges[-1]] = 0
    return table


def day_activity() -> NDArray[np.float64]:
    """Relative activity by minute of the exchange's day, (1440,); 0 is closed."""
    minutes, values = zip(*DAY_SHAPE, strict=True)
    activity: NDArray[np.float64] = np.interp(np.arange(MINUTES_PER_DAY), minutes, values)
    return activity


def alias_table(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Walker's alias table: draw k uniformly, keep it with probability ratio[k], else alias[k]."""
    n = len(weights)
    ratio = weights / weights.sum() * n
    alias = np.arange(n, dtype=np.int32)
    small = [k for k in range(n) if ratio[k] < 1.0]
    large = [k for k in range(n) if ratio[k] >= 1.0]
    while small and large:
        k, other = small.pop(), large[-1]
        alias[k] = other
        ratio[other] -= 1.0 - ratio[k]
        if ratio[other] < 1.0:
            small.append(large.pop())
    return np.minimum(ratio, 1.0), alias

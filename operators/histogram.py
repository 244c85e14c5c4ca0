"""Exact integer histograms of the judged metrics, mergeable by adding counts.

A magnitude below 16 has a bin of its own; above, each octave has 8 bins of equal width (the
log-linear layout of HdrHistogram), so a bin is at most an eighth of its values wide. A signed
metric has the bins of its negative magnitudes below those of its positive ones. The histograms of
all metrics lie behind one another in one flat array of `BINS` counts.

Binning is integer arithmetic throughout: the same on every machine, merged or recomputed alike.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.kernels import inlined, kernel
from operators.model.evaluations import JUDGED, JUDGED_SIGNED

METRICS: Final = len(JUDGED)
MAGNITUDES: Final = 489
"""Bins of magnitudes 0 … 2**63."""
_SIGNED_BINS: Final = 2 * MAGNITUDES - 1

ZERO_BINS: Final = np.array(
    [
        m * _SIGNED_BINS + MAGNITUDES - 1
        if m < JUDGED_SIGNED
        else JUDGED_SIGNED * _SIGNED_BINS + (m - JUDGED_SIGNED) * MAGNITUDES
        for m in range(METRICS)
    ],
    np.int64,
)
"""(METRICS,): place of each metric's bin 0 in the flat array."""
FIRST_BINS: Final = np.array(
    [zero - (MAGNITUDES - 1) * (m < JUDGED_SIGNED) for m, zero in enumerate(ZERO_BINS)]
    + [JUDGED_SIGNED * _SIGNED_BINS + (METRICS - JUDGED_SIGNED) * MAGNITUDES],
    np.int64,
)
"""(METRICS + 1,): place of each metric's first bin; the last entry is BINS."""
BINS: Final = int(FIRST_BINS[-1])


def bin_bounds(bin_: int) -> tuple[int, int]:
    """Least and greatest integer of a signed bin, −488 … 488."""
    magnitude = abs(bin_)
    low, width = magnitude, 1
    if magnitude >= 16:
        shift = magnitude // 8 - 1
        low, width = (8 + magnitude % 8) << shift, 1 << shift
    return (low, low + width - 1) if bin_ >= 0 else (-low - width + 1, -low)


_MIDDLES: Final = np.array([sum(bin_bounds(m)) / 2 for m in range(MAGNITUDES)])
_WIDTHS: Final = np.array([float(b - a + 1) for a, b in map(bin_bounds, range(MAGNITUDES))])


@inlined
def bin_of(metric: int, value: int) -> int:
    """Place of `value`, any int64, in the flat array. An unsigned metric's negative value is 0."""
    if value >= 0:
        return ZERO_BINS[metric] + _magnitude_bin(value)  # type: ignore[no-any-return]
    if metric >= JUDGED_SIGNED:
        return ZERO_BINS[metric]  # type: ignore[no-any-return]
    if value == -(2**63):
        return ZERO_BINS[metric] - (MAGNITUDES - 1)  # type: ignore[no-any-return]
    return ZERO_BINS[metric] - _magnitude_bin(-value)  # type: ignore[no-any-return]


@inlined
def _magnitude_bin(value: int) -> int:
    if value < 16:
        return value
    shift = 0
    if value >= 2**53:  # more bits than a double holds
        value >>= 11
        shift = 11
    # Exponent and the three bits after the leading one of a double that holds it exactly: an
    # octave in eighths, counted on from the bin of 8.
    eighths = int(np.float64(value).view(np.int64) >> 49)
    return eighths - 8 * (1023 + 2) + 8 * shift


@kernel
def summarise(counts, shrink_n0, n, median, scale):  # type: ignore[no-untyped-def]
    """Turns merged counts into what judging needs, once per bucket.

    `counts` (BINS,), int64, becomes the running sum within each metric. `n`, `median`, `scale` are
    (METRICS,) and written: values; median; what turns a distance from it into a robust z, that is
    1.349/(q75 − q25) shrunk by √(n/(n + shrink_n0)). Quantiles are middles of bins; q25 is at rank
    ⌈n/4⌉ from below, q75 at the same from above: a mirrored market gives mirrored values.
    The spread is at least the width of the median's bin. A normal's quartiles are 1.349 sd apart.
    """
    for m in range(n.size):
        total = 0
        for b in range(FIRST_BINS[m], FIRST_BINS[m + 1]):
            total += counts[b]
            counts[b] = total
        n[m] = total
        median[m] = scale[m] = np.nan
        if total > 0:
            quarter = (total + 3) // 4
            lower = _bin_at_rank(counts, m, (total + 1) // 2)
            upper = _bin_at_rank(counts, m, total // 2 + 1)
            spread = _middle(_bin_at_rank(counts, m, total + 1 - quarter))
            spread -= _middle(_bin_at_rank(counts, m, quarter))
            spread = max(spread, _WIDTHS[abs(lower)], _WIDTHS[abs(upper)])
            median[m] = (_middle(lower) + _middle(upper)) / 2
            scale[m] = 1.349 / spread * np.sqrt(total / (total + shrink_n0))


@inlined
def _bin_at_rank(below, metric, rank):  # type: ignore[no-untyped-def]
    """Signed bin of the `rank`-th smallest value, from 1."""
    first, stop = FIRST_BINS[metric], FIRST_BINS[metric + 1]
    while first < stop:
        half = (first + stop) // 2
        if below[half] < rank:
            first = half + 1
        else:
            stop = half
    return first - ZERO_BINS[metric]


@inlined
def _middle(bin_: int) -> float:
    return _MIDDLES[bin_] if bin_ >= 0 else -_MIDDLES[-bin_]  # type: ignore[no-any-return]


@inlined
def at_least_as_extreme(below, n, metric, place):  # type: ignore[no-untyped-def]
    """How many of `n` values lie in the bin at `place` or further out on its side of 0; n at 0."""
    if place > ZERO_BINS[metric]:
        return n - below[place - 1]
    return below[place] if place < ZERO_BINS[metric] else n


def encode(counts: NDArray[np.uint32]) -> bytes:
    """The non-empty bins of `counts`, (BINS,), as few bytes as is easy.

    Per bin a varint (LEB128) of 2·count + g; g = 1 says that bins were skipped, and a varint of
    how many follows.
    """
    out = np.empty(7 * int(np.count_nonzero(counts)), np.uint8)
    return out[: int(_encode(counts, out))].tobytes()


def decode_cells(data: bytes) -> NDArray[np.int64]:
    """(cells, 2): place and count of each non-empty bin of what `encode` gave."""
    counts = np.zeros(BINS, np.int64)
    add_encoded(np.frombuffer(data, np.uint8), counts)
    places = np.flatnonzero(counts)
    return np.stack((places, counts[places]), axis=1)


@kernel
def add_encoded(data, counts):  # type: ignore[no-untyped-def]
    """Adds what `encode` gave, (bytes,) uint8, to `counts`, (BINS,) int64."""
    at = 0
    place = -1
    while at < data.size:
        value, at = _read_varint(data, at)
        place += 1
        if value & 1:
            gap, at = _read_varint(data, at)
            place += gap
        counts[place] += value >> 1


@inlined
def _read_varint(data, at):  # type: ignore[no-untyped-def]
    value = np.int64(0)
    shift = 0
    while data[at] >= 128:
        value |= (np.int64(data[at]) & 127) << shift
        shift += 7
        at += 1
    return value | np.int64(data[at]) << shift, at + 1


@kernel
def _encode(counts, out):  # type: ignore[no-untyped-def]
    at = 0
    gap = 0
    for place in range(counts.size):
        count = np.int64(counts[place])
        if count == 0:
            gap += 1
            continue
        at = _write_varint(out, at, count << 1 | (gap > 0))
        if gap > 0:
            at = _write_varint(out, at, gap)
        gap = 0
    return at


@inlined
def _write_varint(out, at, value):  # type: ignore[no-untyped-def]
    while value >= 128:
        out[at] = value & 127 | 128
        value >>= 7
        at += 1
    out[at] = value
    return at + 1

"""How often chains of aggressors come that are as deep, or as large, in their own instrument."""

from typing import Final

import numpy as np

from operators.kernels import inlined
from operators.model.records import NS_PER_S

CLASSES: Final = 8
"""Of depth: levels from 2 on; of size: octaves from `size_min` on. The last holds all beyond."""
_LEVELS_FIRST: Final = 2
PRIOR_CHAINS: Final = 300
"""Chains that the first guess of a share is worth."""
_LEVEL_SHARE: Final = np.array([0.008 / 8**k for k in range(CLASSES)])
_OCTAVE_SHARE: Final = np.array([0.001 / 4**k for k in range(CLASSES)])
"""First guess: share of chains that reach a class."""
_IDLE_NS: Final = 300 * NS_PER_S
"""Longer without an aggressor is no time in which a sweep could have come."""
_START_NS: Final = 60 * NS_PER_S
_CHAINS_MAX: Final = 65_535
"""Chains after which all counts are halved: the rate of today, not of last month."""

RATE_DTYPE: Final = np.dtype(
    [
        ("chains", "i8"),
        ("time_ns", "i8"),
        ("levels", "u2", (CLASSES,)),  # chains that ended with so many levels
        ("octaves", "u2", (CLASSES,)),  # that took what was shown, by size
    ]
)
"""Of one instrument; or of all outright futures, or all other instruments, of a root."""


@inlined
def entered(rate, chain, size_min, since):  # type: ignore[no-untyped-def]
    """Count a chain that has ended."""
    rate.chains += 1
    rate.time_ns += min(max(since, 0), _IDLE_NS)
    if chain.levels >= _LEVELS_FIRST:
        rate.levels[_level_class(chain)] += 1
    if chain.depth > 0 and chain.size >= chain.depth and chain.size >= size_min:
        rate.octaves[_octave(chain, size_min)] += 1
    if rate.chains >= _CHAINS_MAX:
        rate.chains //= 2
        rate.time_ns //= 2
        for j in range(CLASSES):
            rate.levels[j] //= 2
            rate.octaves[j] //= 2


@inlined
def _level_class(chain):  # type: ignore[no-untyped-def]
    return min(chain.levels - _LEVELS_FIRST, CLASSES - 1)


@inlined
def _octave(chain, size_min):  # type: ignore[no-untyped-def]
    place = 0
    size = chain.size // 2
    while size >= size_min and place < CLASSES - 1:
        size //= 2
        place += 1
    return place


@inlined
def hourly(rate, pool, chain, by_levels, by_depth, size_min):  # type: ignore[no-untyped-def]
    """How often a chain as deep, or one as large, comes: whichever is rarer; and how many did."""
    share = 1.0
    like = np.int64(0)
    if by_levels:
        place = _level_class(chain)
        like = _from(rate.levels, place)
        share = _share(like, rate, _from(pool.levels, place), pool, _LEVEL_SHARE[place])
    if by_depth:
        place = _octave(chain, size_min)
        large = _from(rate.octaves, place)
        other = _share(large, rate, _from(pool.octaves, place), pool, _OCTAVE_SHARE[place])
        if other < share:
            share = other
            like = large
    hours = (rate.time_ns + _START_NS) / (3600 * NS_PER_S)
    return share * (rate.chains + 1) / hours, like


@inlined
def _share(like, rate, pooled, pool, first):  # type: ignore[no-untyped-def]
    """Share of chains, from the instrument's own; what is not known of it is as in its pool."""
    guess = (pooled + PRIOR_CHAINS * first) / (pool.chains + PRIOR_CHAINS)
    return (like + PRIOR_CHAINS * guess) / (rate.chains + PRIOR_CHAINS)


@inlined
def _from(counts, place):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for j in range(place, CLASSES):
        total += counts[j]
    return total

"""Seconds in which options traded, as detectors are given them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.options.listing import Listing


class OptionSeconds(NamedTuple):
    """Seconds in which tenors traded, in the order of their rows; what detectors look at."""

    feed: str
    seconds: NDArray[np.void]
    """(n,), SECOND_DTYPE, read-only."""
    strikes: NDArray[np.void]
    """(m,), STRIKE_DTYPE, read-only; a second's are `strikes[strike_first:strike_stop]`."""
    tenors: NDArray[np.void]
    """(k,), TENOR_DTYPE: expiry, root and future of each tenor; its sums are the newest."""
    options: NDArray[np.void]
    """(slots,), OPTION_DTYPE; the same."""
    listing: Listing
    window_s: int

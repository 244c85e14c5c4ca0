"""What is normal: the interface between the API and whoever can read a baseline.

A relay has no live baseline: it is state of the workers. What it can be given is the file that they
started from (`source.baseline`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

HOW_TO_GET_ONE: Final = (
    "no baseline was given to this relay: make one with `ifd replay FILE… --save-baseline NAME` "
    "and set source.baseline to it; z, tail_p and baseline_sessions of a signal say how it compared"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRow:
    """What is normal for one metric of one class of instruments in one part of the day."""

    instrument_class: str
    """FUT, SPREAD, CALL, PUT or OTHER."""
    bucket: int
    """Part of the exchange's day, from 0 at its roll."""
    metric: str
    count: int
    """Values counted over all sessions."""
    q01: float
    """Quantiles, in the metric's own integer unit; middles of the histogram's bins."""
    q25: float
    median: float
    q75: float
    q99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RootBaseline:
    """What is normal for a root."""

    root: str
    sessions: tuple[str, ...]
    """Trading days counted, ISO dates, ascending."""
    bucket_s: int
    """Seconds per bucket."""
    rows: tuple[BaselineRow, ...]


BaselineOf = Callable[[str], RootBaseline | None]
"""Root → what is normal for it, or None if the file has no such root. Called in a thread; raises
`IfdError` if the file cannot be read."""

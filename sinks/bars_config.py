"""Settings of the pressure bars."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsConfig:
    """Where the pressure of each second is kept, in which pieces, and for how long."""

    directory: str = ""
    """Folder of Parquet files, such as state/bars; empty: no bars."""
    partitions: int = 4
    """Sink partitions, 1…999; fixed for the life of a recovery store."""
    span_s: int = 300
    """Event time in one file, 10…86,400, a divisor of the day; fixed for the life of a recovery
    store. Until it is over its seconds are in the folder `.open`."""
    days: float = 365.0
    """Files are deleted so long after they were written, at least 1; 0: never."""
    flush_timeout_s: float = 10.0
    """For files under way at a clean stop, at least 0; a restart makes those that are left."""

    def __post_init__(self) -> None:
        if not 1 <= self.partitions <= PARTITIONS_MAX:
            raise ValueError(f"partitions must be 1 to {PARTITIONS_MAX}, was {self.partitions}")
        if not SPAN_S_MIN <= self.span_s <= DAY_S or DAY_S % self.span_s:
            raise ValueError(
                f"span_s must be {SPAN_S_MIN} to {DAY_S} and divide the day, was {self.span_s}"
            )
        # Comparisons with NaN are false, and nobody waits for ever.
        if not (self.days == 0 or 1 <= self.days < math.inf):
            raise ValueError(f"days must be 0 or at least 1, was {self.days}")
        if not 0 <= self.flush_timeout_s < math.inf:
            raise ValueError(f"flush_timeout_s must be at least 0, was {self.flush_timeout_s}")


PARTITIONS_MAX = 999
SPAN_S_MIN = 10
DAY_S = 86_400

"""Activity: how busy the market of a root is, for this time of the day. Pure.

In quiet markets chance does less than in busy ones, so each has its own threshold.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from operators.detectors.points import VOLUME_60, read_only
from operators.kernels import entry
from operators.model.calibration import UNKNOWN_ACTIVITY
from operators.model.evaluations import DIRTY, FRONT, PANE
from operators.model.items import Evaluations
from operators.model.records import NS_PER_S

MEMORY_NS: Final = 300 * NS_PER_S
"""A level follows its values with a delay of about so long."""
Z_MAX: Final = 3.0
"""Values count as at most so far from normal: one burst is no regime."""
EDGES: Final = (0.4, 1.0)
"""Where `usual` and `busy` begin. Among the markets of the fit, half of the normal ones' seconds
are usual, and most of the volatile ones' are busy."""

LEVEL_DTYPE: Final = np.dtype([("level", "f8"), ("ts_event", "i8")])  # 0 ns: none yet

Plain = tuple[tuple[float, int], ...]


class Activity:
    """Class of activity by root: the volume of a minute of the front future against its baseline.

        level ← level + (z − level)·Δt/(Δt + MEMORY)

    z is that of `volume_60`, which compares with the same half hour of the sessions before, so that
    the time of the day is taken out. The class is the place of the level among `EDGES`; without a
    baseline it is unknown.

    Wrong for the first minutes of a session, and where an institution is most of the volume.

    State: 16 bytes a root.
    """

    def __init__(self, state: Plain = ()) -> None:
        self._levels = np.array(list(state), LEVEL_DTYPE)

    def follow(self, item: Evaluations) -> NDArray[np.int8]:
        """Class of each row's root at the row, (n,): a place in `ACTIVITIES`, −1 unknown."""
        assert item.z is not None, "baseline comes before"
        if len(item.roots) > self._levels.size:
            larger = np.zeros(max(len(item.roots), 2 * self._levels.size), LEVEL_DTYPE)
            larger[: self._levels.size] = self._levels
            self._levels = larger
        classes = np.empty(item.rows.size, np.int8)
        _follow(read_only(item.rows), read_only(item.z), self._levels, classes)
        return classes

    def pack(self) -> Plain:
        """Plain state: level and its time by root; what never had one at the end is left out."""
        used = np.flatnonzero(self._levels["ts_event"])
        return tuple(self._levels[: used[-1] + 1 if used.size else 0].tolist())


@entry
def _follow(rows, z, levels, classes):  # type: ignore[no-untyped-def]
    """Levels at each pane of a front future, and the class at each row."""
    for i in range(rows.shape[0]):
        row = rows[i]
        state = levels[row.root]
        if row.kind == PANE and (row.state & FRONT) != 0 and (row.state & DIRTY) == 0:
            value = z[i, VOLUME_60]
            if np.isfinite(value):
                value = min(max(value, -Z_MAX), Z_MAX)
                if state.ts_event == 0:
                    state.level = value
                else:
                    since = np.float64(max(row.ts_event - state.ts_event, 0))
                    state.level += (value - state.level) * since / (since + MEMORY_NS)
                state.ts_event = row.ts_event
        place = UNKNOWN_ACTIVITY
        if state.ts_event != 0:
            place = 0
            for k in range(len(EDGES)):
                if state.level >= EDGES[k]:
                    place = k + 1
        classes[i] = place

"""A feed's clock as part of its records: where in them each second has passed."""

from typing import Any, ClassVar

from connectors.databento.positions import as_words
from connectors.databento.ticks_kernel import first_at
from operators.model.errors import StateError
from operators.model.items import Tick
from operators.model.records import NS_PER_S, MboBatch


class TickMaker:
    """Puts a `Tick` of each second at its exact place. State: two numbers.

    The clock is the running maximum of ts_recv of records and of ts_event of heartbeats. The tick
    of second T stands before the first record, or at the heartbeat, with which the clock reaches T
    plus the grace; of several due at once only the last is made. So places are a function of the
    stream, never of how it is cut. The first reading sets the clock and makes no tick.

    While a replay is under way `on_clock` must not be called: records of the past are still to
    come, and what the gateway says of itself then is stamped with the present.
    """

    STATE_VERSION: ClassVar[int] = 1

    def __init__(self, feed: str, grace_ns: int, state: dict[str, Any] | None = None) -> None:
        """With `grace_ns` at least 0, the time a record may be late without being too late.

        Raises:
            StateError: `state` is of another version.
        """
        self._feed = feed
        self._grace_ns = grace_ns
        self._clock_ns = 0
        self._second: int | None = None
        if state is not None:
            if state["version"] != self.STATE_VERSION:
                found = f"ticks have version {state['version']}, expected {self.STATE_VERSION}"
                raise StateError(f"feed {feed}: {found}; start with a fresh recovery store")
            self._clock_ns, self._second = state["clock_ns"], state["second"]

    @property
    def clock_ns(self) -> int:
        """The feed's time, ns since the epoch; 0 before the first reading."""
        return self._clock_ns

    def cut(self, rows: MboBatch) -> list[MboBatch | Tick]:
        """The records, cut where ticks belong, and those ticks between.

        Args:
            rows: shape (n,), MBO_DTYPE, read-only.
        """
        words = as_words(rows)
        out: list[MboBatch | Tick] = []
        start = row = 0
        while row < rows.size:
            row, self._clock_ns = first_at(words, row, self._due_ns(), self._clock_ns)
            tick = self._tick() if row < rows.size else None
            if tick is not None:
                if row > start:
                    out.append(rows[start:row])
                out.append(tick)
                start = row
        if start < rows.size:
            out.append(rows[start:])
        return out

    def on_clock(self, ts_ns: int) -> Tick | None:
        """The tick due at a heartbeat stamped `ts_ns`, if any."""
        self._clock_ns = max(self._clock_ns, ts_ns)
        return self._tick() if self._clock_ns >= self._due_ns() else None

    def snapshot(self) -> dict[str, Any]:
        """Plain copy of the state."""
        return {
            "version": self.STATE_VERSION,
            "clock_ns": self._clock_ns,
            "second": self._second,
        }

    def _due_ns(self) -> int:
        """The clock's reading at which the next tick is due."""
        if self._second is None:
            return 1
        return (self._second + 1) * NS_PER_S + self._grace_ns

    def _tick(self) -> Tick | None:
        """The newest tick due by the clock; none at its first reading."""
        is_first = self._second is None
        self._second = (self._clock_ns - self._grace_ns) // NS_PER_S
        return None if is_first else Tick(self._feed, self._second * NS_PER_S)

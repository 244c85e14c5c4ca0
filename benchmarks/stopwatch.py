"""Wall and CPU time of the same stretches of work."""

from dataclasses import dataclass
from time import perf_counter_ns, process_time_ns
from types import TracebackType
from typing import Any, Self


@dataclass(slots=True)
class Stopwatch:
    """Adds up the stretches it is entered for."""

    wall_ns: int = 0
    cpu_ns: int = 0
    """Of all threads of the process."""
    _wall_at: int = 0
    _cpu_at: int = 0

    def __enter__(self) -> Self:
        self._cpu_at = process_time_ns()
        self._wall_at = perf_counter_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.wall_ns += perf_counter_ns() - self._wall_at
        self.cpu_ns += process_time_ns() - self._cpu_at

    def per(self, records: int) -> dict[str, Any]:
        """ns per record, wall and CPU."""
        share = max(records, 1)
        return {"wall_ns": self.wall_ns / share, "cpu_ns": self.cpu_ns / share, "records": records}
